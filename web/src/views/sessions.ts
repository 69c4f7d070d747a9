// What runs, for operators: a table, each session's story, and what one may do to it.

import { listSessions, restartSession, stopSession, switchSource } from '../api/client';
import type { Session, Source } from '../api/schema';
import { fill, h } from '../base/dom';
import { ago, bytes, count, fixed } from '../base/format';
import { poll } from '../base/poll';
import type { Poll } from '../base/poll';
import { formatRoute } from '../base/route';
import type { View } from '../main';
import { confirm, note } from '../shell/dialog';
import { gate, icon } from '../shell/icons';
import { badge, showState } from '../shell/state';
import { historyList, nextList, sourceList } from './session-story';

const EVERY_MS = 3000;
const COLUMNS = 7;

/** The sessions whose stories are open: redrawing must not close them. */
const open = new Set<string>();

export const sessionsView: View = (place) => {
  document.title = 'Sessions · Headgate';
  const summary = h('p', { class: 'summary', role: 'status' });
  const banner = h('p', { class: 'banner', role: 'alert', hidden: true });
  const body = h('div', { class: 'sessions-body' }, h('p', { class: 'quiet' }, 'Reading…'));
  place.append(h('div', { class: 'sessions' },
    h('div', { class: 'view-head' }, h('div', {}, h('h1', {}, 'Sessions'), summary),
      h('a', { class: 'button', href: '/debug/sessions' }, 'As JSON')), banner, body));

  let drawn = '';
  const polling: Poll = poll({
    every: () => EVERY_MS,
    ask: async (signal) => {
      const sessions = await listSessions(signal);
      banner.hidden = true;
      summary.textContent = sessions.length === 0 ? '' : count(sessions.length, 'session');
      const now = JSON.stringify(sessions);
      if (now === drawn) return;
      drawn = now;
      redraw(body, sessions, () => polling.now());
    },
    failed: (error, inMs) => {
      banner.hidden = false;
      const message = error instanceof Error ? error.message : 'something failed';
      fill(banner, h('span', {}, `${message}. Trying again every ${Math.round(inMs / 1000)} s.`));
    },
  });
  return () => polling.stop();
};

/** Redraws and gives the focus back to the same button of the same session. */
function redraw(body: HTMLElement, sessions: Session[], refresh: () => void): void {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset['key'] : undefined;
  fill(body, sessions.length === 0 ? nothing() : table(sessions, refresh));
  if (focused) body.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function nothing(): HTMLElement {
  return h('div', { class: 'notice', 'data-art': 'still' }, gate('art'), h('h2', {}, 'Nothing runs'),
    h('p', {}, 'A session begins with a channel’s first viewer and ends after its last.'),
    h('a', { class: 'button', href: '#/' }, 'To the channels'));
}

function table(sessions: Session[], refresh: () => void): HTMLElement {
  const heads = ['Channel', 'State', 'Viewers', 'Encoder', 'Since', 'Errors'].map((head) => h('th', { scope: 'col' }, head));
  const actions = h('th', { scope: 'col' }, h('span', { class: 'visually-hidden' }, 'Actions'));
  return h('table', { class: 'table' },
    h('thead', {}, h('tr', {}, ...heads, actions)),
    h('tbody', {}, ...sessions.flatMap((session) => [row(session, refresh), storyRow(session, refresh)])));
}

function row(session: Session, refresh: () => void): HTMLElement {
  const state = badge();
  showState(state, session.state, session.slate_shown === true);
  const { encoder } = session;
  const cell = (label: string, ...content: (Node | string | null | false)[]): HTMLElement =>
    h('td', { 'data-label': label }, h('div', {}, ...content));
  return h('tr', { 'data-session': session.id },
    cell('Channel', h('a', { href: formatRoute({ view: 'watch', channel: session.channel }) }, session.channel),
      h('small', { class: 'clip', title: session.source }, session.source)),
    cell('State', state, h('small', {}, session.reason)),
    cell('Viewers', session.viewers.toLocaleString('en')),
    cell('Encoder', encoder ? `${fixed(encoder.speed, 2, '×')} · ${fixed(encoder.fps, 0, ' fps')}` : '–',
      encoder ? h('small', {}, [`pid ${encoder.pid}`, encoder.memory ? bytes(encoder.memory) : '',
        encoder.restarts ? count(encoder.restarts, 'restart') : ''].filter(Boolean).join(' · ')) : null),
    cell('Since', h('span', { class: 'still' }, ago(session.started_at, Date.now()))),
    cell('Errors', String(session.error_count), session.last_error ? h('small', { class: 'bad' }, session.last_error) : null),
    cell('', ...actions(session, refresh)));
}

/** What is known of the sources, what happened and what comes next: folded away until somebody wants to know. */
function storyRow(session: Session, refresh: () => void): HTMLElement {
  const choose = (source: Source): void => void act(`Switch ${session.channel} to ${source.label}?`,
    'The picture jumps once, behind a discontinuity.', 'Switch', () => switchSource(session.id, source.position), refresh);
  const part = (title: string, className: string, items: HTMLElement[]): HTMLElement | null =>
    items.length === 0 ? null : h('section', {}, h('h3', {}, title), h('ol', { class: className }, ...items));
  const details = h('details', { class: 'story', open: open.has(session.id) },
    h('summary', { 'data-key': `story:${session.id}` }, 'Sources and story'),
    h('div', { class: 'story-parts' },
      part('Sources', 'sources', sourceList(session, Date.now(), choose)),
      part('What comes next', 'history', nextList(session)),
      part('What happened', 'history', historyList(session))));
  details.addEventListener('toggle', () => (details.open ? open.add(session.id) : open.delete(session.id)));
  return h('tr', { class: 'story-row', 'data-story': session.id }, h('td', { colspan: COLUMNS }, details));
}

function actions(session: Session, refresh: () => void): HTMLElement[] {
  const watching = session.viewers > 0 ? `${count(session.viewers, 'viewer')} will notice. ` : '';
  const restart = (): Promise<void> => act(`Restart the encoder of ${session.channel}?`,
    `${watching}The picture pauses for a moment and goes on.`, 'Restart', () => restartSession(session.id), refresh);
  const stop = (): Promise<void> => act(`Stop ${session.channel}?`,
    `${watching}The next request of a viewer starts it again.`, 'Stop', () => stopSession(session.id), refresh);
  return [
    button(session, 'restart', `Restart the encoder of ${session.channel}`, restart),
    button(session, 'stop', `Stop ${session.channel}`, stop),
  ];
}

function button(session: Session, name: string, label: string, click: () => Promise<void>): HTMLElement {
  return h('button', { class: 'icon-button', type: 'button', 'aria-label': label, title: label,
    'data-key': `${name}:${session.id}`, on: { click: () => void click() } }, icon(name));
}

async function act(title: string, text: string, word: string, does: () => Promise<unknown>, then: () => void): Promise<void> {
  if (!(await confirm(title, text, word))) return;
  try {
    await does();
    note(`${word}: done.`);
  } catch (error) {
    note(error instanceof Error ? error.message : 'That did not work.');
  }
  then();
}
