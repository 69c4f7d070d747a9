// The configuration in force, what is wrong with the file if it was refused, and reading it again.

import { ApiError, getConfig, reloadConfig } from '../api/client';
import type { ChannelConfig, Config, Problem, Reload } from '../api/schema';
import { fill, h, setText } from '../base/dom';
import { clock, count, duration } from '../base/format';
import { poll } from '../base/poll';
import type { View } from '../main';
import { notice, titleOf, troubleBanner, troubleOf, whenAgain } from '../shell/notice';
import { act } from './act';

const EVERY_MS = 5000;

export const configView: View = (place) => {
  document.title = 'Setup · Headgate';
  const summary = h('p', { class: 'summary', role: 'status' });
  const banner = h('div', { class: 'banner', role: 'alert', hidden: true });
  const answer = h('div', { class: 'session-answer', role: 'status', id: 'reload-answer', hidden: true });
  const body = h('div', { class: 'config-body' }, h('p', { class: 'quiet' }, 'Reading…'));
  const reload = h('button', { class: 'button changes', type: 'button', id: 'reload' }, 'Read the file again');
  place.append(h('div', { class: 'config' },
    h('div', { class: 'view-head' }, h('div', {}, h('h1', {}, 'Setup'), summary), h('div', { class: 'view-tools' }, reload)),
    banner, answer, body));

  let drawn = '';
  const polling = poll({
    every: () => EVERY_MS,
    ask: async (signal) => {
      const config = await getConfig(signal);
      banner.hidden = true;
      setText(summary, [config.file ?? 'without a file', count(config.channels?.length ?? 0, 'channel')].join(' · '));
      const now = JSON.stringify(config);
      if (now === drawn) return;
      drawn = now;
      fill(body, ...parts(config));
    },
    failed: (error, inMs) => {
      if (drawn !== '') return troubleBanner(banner, troubleOf(error), inMs, () => polling.now());
      const missing = error instanceof ApiError && error.status === 404;
      const title = missing ? 'There is no configuration' : titleOf(error);
      fill(body, notice('shut', title, `${troubleOf(error)} ${whenAgain(inMs)}`));
    },
  });
  reload.addEventListener('click', () => void readAgain(answer, () => polling.now()));
  return () => polling.stop();
};

async function readAgain(answer: HTMLElement, then: () => void): Promise<void> {
  let result: Reload | null = null;
  await act({
    word: 'Reload',
    accepted: 'done',
    does: async () => {
      result = await reloadConfig();
    },
    answer: (text, failed) => {
      answer.hidden = false;
      answer.dataset['failed'] = String(failed);
      // What is wrong with a file that is refused is told below, for as long as it is.
      fill(answer, h('p', {}, result ? `${text.replace(/: done$/, '')}: ${outcome(result)}` : text));
    },
    then,
  });
}

function outcome({ changed, added, removed, updated, needs_restart: restart }: Reload): string {
  if (!changed && restart.length === 0) return 'nothing is different.';
  const parts = [['new', added], ['gone', removed], ['changed', updated.map((one) => `${one.channel} (${one.change})`)],
    ['only after a restart', restart]] as const;
  return `${parts.filter(([, names]) => names.length > 0).map(([word, names]) => `${word}: ${names.join(', ')}`).join('; ')}.`;
}

function parts(config: Config): (HTMLElement | null)[] {
  const { last_error: refused, needs_restart: restart = [] } = config;
  return [
    refused ? h('section', { class: 'panel refused-file' }, h('h2', {}, 'The file is refused'),
      h('p', {}, `Since ${clock(refused.at)}. The configuration before it stays in force.`),
      h('p', { class: 'panel-error' }, refused.message), problemList(refused.problems ?? [])) : null,
    restart.length > 0 ? h('p', { class: 'slate-notice' }, `Only after a restart of the gateway: ${restart.join(', ')}.`) : null,
    h('section', { class: 'panel' }, h('h2', {}, 'In force'), facts(config)),
    h('section', { class: 'panel' }, h('h2', {}, 'Channels'),
      h('div', { class: 'config-channels' }, ...(config.channels ?? []).map(channelOf))),
    (config.webhooks ?? []).length > 0 ? h('section', { class: 'panel' }, h('h2', {}, 'Webhooks'), h('ul', { class: 'sources' },
      ...(config.webhooks ?? []).map((hook) => h('li', {}, h('div', {}, h('b', {}, hook.label),
        h('small', {}, hook.events.join(', ') || 'all events'),
        h('small', {}, hook.channels.join(', ') || 'all channels')))))) : null,
  ];
}

function problemList(problems: Problem[]): HTMLElement | null {
  return problems.length === 0 ? null : h('ol', { class: 'problems' }, ...problems.map(({ line, column, message, help }) =>
    h('li', {}, h('b', {}, `Line ${line}, column ${column}`), h('span', {}, message), help ? h('small', {}, help) : null)));
}

function facts(config: Config): HTMLElement {
  const rows: [string, string][] = [['File', config.file ?? 'none']];
  if (config.version) rows.push(['Version', config.version]);
  if (config.in_force_since) rows.push(['Since', new Date(config.in_force_since).toLocaleString()]);
  for (const [key, value] of Object.entries(config.server ?? {})) {
    if (value === null || typeof value === 'object') continue;
    rows.push([key.replaceAll('_', ' '), String(value)]);
  }
  return h('dl', { class: 'facts' },
    ...rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { title: value }, value))));
}

function channelOf(channel: ChannelConfig): HTMLElement {
  const times = [`grace ${duration(channel.grace_period)}`, `start within ${duration(channel.start_timeout)}`,
    `segments ${duration(channel.segment_duration)}`, `parts ${duration(channel.part_duration)}`,
    `window ${duration(channel.window)}`];
  const sources = channel.sources.map(({ label, timeout, has_user_agent: agent, headers = [] }) => {
    const more = [timeout ? `timeout ${duration(timeout)}` : '', agent ? 'own user agent' : '',
      headers.length > 0 ? `headers ${headers.join(', ')}` : ''].filter(Boolean).join(' · ');
    return h('li', {}, label, more ? h('small', {}, ` ${more}`) : null);
  });
  return h('article', {}, h('h3', {}, channel.id), h('ol', {}, ...sources), h('p', { class: 'quiet' }, times.join(' · ')));
}
