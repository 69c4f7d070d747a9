// What the gateway says about a channel, beside its picture.

import type { Channel, Encoder, Rendition, Session } from '../api/schema';
import { fill, h, setText } from '../base/dom';
import { ago, bitrate, bytes, count, duration, fixed } from '../base/format';
import { badge, showState, stateOf, viewersOf } from '../shell/state';
import { historyList, sourceList } from './session-story';

export class SessionPanel {
  readonly element: HTMLElement;
  private readonly badge = badge();
  private readonly reason = h('p', { class: 'reason' });
  private readonly error = h('p', { class: 'panel-error', hidden: true });
  private readonly facts = h('dl', { class: 'facts' });
  private readonly ladder = h('ul', { class: 'ladder' });
  private readonly ladderPart: HTMLElement;
  private readonly sources = h('ol', { class: 'sources' });
  private readonly sourcesPart: HTMLElement;
  private readonly history = h('ol', { class: 'history' });
  private readonly historyPart: HTMLDetailsElement;
  private drawn = '';

  constructor() {
    this.ladderPart = h('section', { hidden: true }, h('h3', {}, 'Ladder'), this.ladder);
    this.sourcesPart = h('section', { hidden: true }, h('h3', {}, 'Sources'), this.sources);
    this.historyPart = h('details', { class: 'fold', hidden: true }, h('summary', {}, 'What happened'), this.history);
    this.element = h('aside', { class: 'panel', 'aria-label': 'Session' },
      h('div', { class: 'panel-head' }, h('h2', {}, 'Session'), this.badge),
      this.reason, this.error, this.facts, this.sourcesPart, this.ladderPart,
      this.historyPart);
  }

  update(channel: Channel | null): void {
    const now = Date.now();
    const session = channel?.session ?? null;
    showState(this.badge, stateOf(channel), session?.slate_shown === true);
    setText(this.reason, session?.reason ?? 'Nothing runs. The first viewer starts it.');
    this.error.hidden = !session?.last_error || session.reason.includes(session.last_error);
    setText(this.error, session?.last_error ?? '');
    const drawn = JSON.stringify(channel);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    fill(this.facts, ...facts(channel, session, now));
    const renditions = session?.renditions ?? [];
    this.ladderPart.hidden = renditions.length === 0;
    const most = Math.max(1, ...renditions.map((one) => Math.max(one.target_bitrate, one.measured_bitrate ?? 0)));
    fill(this.ladder, ...renditions.map((one) => rung(one, most)));
    const sources = session ? sourceList(session, now) : [];
    this.sourcesPart.hidden = sources.length === 0;
    fill(this.sources, ...sources);
    const events = session ? historyList(session) : [];
    this.historyPart.hidden = events.length === 0;
    fill(this.history, ...events);
  }
}

function facts(channel: Channel | null, session: Session | null, now: number): HTMLElement[] {
  if (!channel || !session) return [];
  const rows: [string, string][] = [['Viewers', String(viewersOf(channel))], ['Source', session.source]];
  if (typeof session.first_part_ms === 'number') rows.push(['First part', `${session.first_part_ms} ms`]);
  rows.push(['Running for', ago(session.started_at, now)]);
  if (session.viewers === 0 && session.idle_for) rows.push(['Idle for', duration(session.idle_for)]);
  if (session.encoder) rows.push(...encoderFacts(session.encoder));
  if (session.memory_bytes) rows.push(['Media held', bytes(session.memory_bytes)]);
  if (session.bytes_sent) rows.push(['Sent', bytes(session.bytes_sent)]);
  if (session.error_count > 0) rows.push(['Errors', String(session.error_count)]);
  return rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { title: value }, value)));
}

function encoderFacts(encoder: Encoder): [string, string][] {
  const speed = [fixed(encoder.speed, 2, '×'), fixed(encoder.fps, 0, ' fps')].join(' · ');
  const load = [encoder.cpu == null ? '' : `${Math.round(encoder.cpu * 100)} %`, encoder.memory ? bytes(encoder.memory) : ''];
  const restarts = encoder.restarts > 0 ? ` · ${count(encoder.restarts, 'restart')}` : '';
  return [
    ['Encoder', `pid ${encoder.pid}${restarts}`],
    ['Cage', encoder.cage],
    ['Speed', speed],
    ['Processor', load.filter(Boolean).join(' · ') || '–'],
  ];
}

function rung(rendition: Rendition, most: number): HTMLElement {
  const measured = rendition.measured_bitrate ?? 0;
  const planned = h('i', { class: 'planned' });
  const shown = h('i', { class: 'measured' });
  planned.style.setProperty('--part', `${(rendition.target_bitrate / most) * 100}%`);
  shown.style.setProperty('--part', `${(measured / most) * 100}%`);
  const bar = h('span', { class: 'rung-bar', 'aria-hidden': 'true' }, planned, shown);
  const rate = measured > 0 ? bitrate(measured) : bitrate(rendition.target_bitrate);
  const what = [rendition.resolution ?? rendition.kind, rendition.frame_rate ? `${fixed(rendition.frame_rate, 0)} fps` : '',
    rendition.codecs ?? ''];
  return h('li', { title: `planned ${bitrate(rendition.target_bitrate)}, measured ${bitrate(measured)}` },
    h('b', {}, rendition.name), h('span', { class: 'rung-rate' }, rate), bar,
    h('small', {}, what.filter(Boolean).join(' · ')));
}
