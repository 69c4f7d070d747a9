// One session for operators: figures, plots, its story, its viewers, and what one may do to it. Updated in place, so
// that neither focus nor what is unfolded is lost.

import { kickViewer, listViewers, restartSession, stopSession, switchSource } from '../api/client';
import type { Playback, Session, Source, Viewer } from '../api/schema';
import { fill, h, setText } from '../base/dom';
import { ago, bitrate, bytes, count, duration, fixed, seconds } from '../base/format';
import { formatRoute } from '../base/route';
import { waitingFor } from '../base/waiting';
import { icon } from '../shell/icons';
import { badge, showState } from '../shell/state';
import { act } from './act';
import type { Act } from './act';
import { SessionPlots } from './session-figures';
import { historyList, nextList, sourceList } from './session-story';

export class SessionCard {
  readonly element: HTMLElement;
  private readonly badge = badge();
  private readonly reason = h('p', { class: 'session-reason' });
  private readonly steps = h('ul', { class: 'session-steps', hidden: true });
  private readonly answer = h('p', { class: 'session-answer', role: 'status', hidden: true });
  private readonly plots = new SessionPlots();
  private readonly facts = h('p', { class: 'session-facts' });
  private readonly error = h('p', { class: 'panel-error', hidden: true });
  private readonly details: HTMLDetailsElement;
  private readonly parts = h('div', { class: 'story-parts' });
  private viewers: Viewer[] = [];
  private drawn = '';

  constructor(
    private session: Session,
    name: string,
    private readonly refresh: () => void,
  ) {
    const { channel } = session;
    this.details = h('details', { class: 'story' },
      h('summary', { 'data-key': 'story' }, 'Sources, story and viewers'), this.parts);
    this.details.addEventListener('toggle', () => void this.readViewers());
    const title = h('h2', { id: `session-${session.id}` },
      h('a', { href: formatRoute({ view: 'watch', channel }) }, name));
    this.element = h('article', { class: 'session', 'data-session': session.id, 'data-channel': channel,
      'aria-labelledby': `session-${session.id}` },
      h('div', { class: 'session-head' }, h('div', {}, title, this.badge), this.actions()),
      this.reason, this.steps, this.answer, this.error, this.plots.element, this.facts, this.details);
    this.update(session, Date.now());
  }

  update(session: Session, now: number): void {
    this.session = session;
    this.element.dataset['state'] = session.state;
    showState(this.badge, session.state, session.slate_shown === true);
    setText(this.reason, session.reason);
    const steps = waitingFor(session, now);
    this.steps.hidden = steps.length === 0;
    fill(this.steps, ...steps.map((step) => h('li', {}, step)));
    this.error.hidden = !session.last_error || session.reason.includes(session.last_error);
    setText(this.error, session.last_error ?? '');
    setText(this.facts, factsOf(session, now).join(' · '));
    this.plots.element.hidden = session.state === 'idle' && !session.encoder;
    this.plots.update(session, now);
    if (this.details.open) {
      void this.readViewers();
      this.tell();
    }
  }

  /** The viewers are asked for only while somebody looks. */
  private async readViewers(): Promise<void> {
    if (!this.details.open) return;
    this.tell();
    try {
      this.viewers = this.session.viewers === 0 ? [] : await listViewers(this.session.id);
    } catch {
      this.viewers = [];
    }
    this.tell();
  }

  private tell(): void {
    const { session } = this;
    const now = Date.now();
    const drawn = JSON.stringify([session.sources, session.next, session.history, this.viewers, session.encoder?.last_lines]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const active = document.activeElement;
    const focused = active instanceof HTMLElement && this.parts.contains(active) ? active.dataset['key'] : undefined;
    const part = (title: string, className: string, items: HTMLElement[]): HTMLElement | null =>
      items.length === 0 ? null : h('section', {}, h('h3', {}, title),
        h('ol', { class: className, tabindex: '0', 'aria-label': title }, ...items));
    const lines = (session.encoder?.last_lines ?? []).map((line) => h('li', { class: 'said' }, h('small', {}, line)));
    fill(this.parts,
      part('Sources', 'sources', sourceList(session, now, (source) => void this.choose(source))),
      part('Viewers', 'sources viewers', this.viewers.map((viewer) => this.viewer(viewer, now))),
      part('What comes next', 'history', nextList(session)),
      part('What happened', 'history', historyList(session)),
      part('What ffmpeg says', 'history', lines));
    if (focused) this.parts.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  private viewer(viewer: Viewer, now: number): HTMLElement {
    const label = `Kick ${viewer.address}`;
    return h('li', {}, h('div', {}, h('b', {}, viewer.address), h('span', { class: 'role' }, viewer.agent || 'says no name'),
      h('small', {}, `for ${ago(viewer.since, now)} · ${count(viewer.requests, 'request')}`),
      viewer.playback ? h('small', {}, playbackOf(viewer.playback)) : null),
    h('button', { class: 'button small changes', type: 'button', 'aria-label': label, title: label,
      'data-key': `kick:${viewer.id}`, on: { click: () => void this.kick(viewer) } }, 'Kick'));
  }

  private actions(): HTMLElement {
    const { channel } = this.session;
    return h('div', { class: 'session-actions changes' },
      button('restart', 'Restart', `Restart the encoder of ${channel}`, () => void this.restart()),
      button('stop', 'Stop', `Stop ${channel}`, () => void this.stop()));
  }

  private restart(): Promise<void> {
    const { channel, id } = this.session;
    return this.act({ word: 'Restart', does: () => restartSession(id), accepted: 'accepted, the next encoder starts',
      question: { title: `Restart the encoder of ${channel}?`,
        text: `${this.noticed()}The picture pauses for a moment and goes on.` } });
  }

  private stop(): Promise<void> {
    const { channel, id } = this.session;
    return this.act({ word: 'Stop', does: () => stopSession(id), accepted: 'accepted, the session ends',
      question: { title: `Stop ${channel}?`, text: `${this.noticed()}The next request of a viewer starts it again.` } });
  }

  private choose(source: Source): Promise<void> {
    const { channel, id } = this.session;
    return this.act({ word: 'Switch', does: () => switchSource(id, source.position),
      accepted: `accepted, ${source.label} is tried`,
      question: { title: `Switch ${channel} to ${source.label}?`, text: 'The picture jumps once, behind a discontinuity.' } });
  }

  private kick(viewer: Viewer): Promise<void> {
    return this.act({ word: 'Kick', does: () => kickViewer(this.session.id, viewer.id),
      accepted: `accepted, ${viewer.address} is refused for a minute`,
      question: { title: `Send ${viewer.address} away?`, text: `${viewer.agent || 'It'} is refused for a minute.` } });
  }

  private act(what: Omit<Act, 'answer' | 'then'>): Promise<void> {
    const answer = (text: string, failed: boolean): void => {
      this.answer.hidden = false;
      this.answer.dataset['failed'] = String(failed);
      setText(this.answer, text);
    };
    return act({ ...what, answer, then: this.refresh });
  }

  private noticed(): string {
    const { viewers } = this.session;
    return viewers > 0 ? `${count(viewers, 'viewer')} will notice. ` : '';
  }
}

/** What a player says of itself. */
function playbackOf({ bitrate: rate, buffer, latency, rebuffers }: Playback): string {
  return [rate ? bitrate(rate) : '', buffer == null ? '' : `${seconds(buffer)} buffered`,
    latency == null ? '' : `${seconds(latency)} behind`, rebuffers ? count(rebuffers, 'stall') : ''].filter(Boolean).join(' · ');
}

function factsOf(session: Session, now: number): string[] {
  const { encoder } = session;
  const facts = [session.source, `for ${ago(session.started_at, now)}`];
  if (encoder) {
    facts.push(`encoder ${encoder.pid}`, `${fixed(encoder.fps, 0)} fps`);
    if (encoder.cpu != null) facts.push(`${Math.round(encoder.cpu * 100)} % of a core`);
    if (encoder.memory) facts.push(bytes(encoder.memory));
    if (encoder.restarts > 0) facts.push(count(encoder.restarts, 'restart'));
  }
  if (session.bytes_sent) facts.push(`${bytes(session.bytes_sent)} sent`);
  if (session.error_count > 0) facts.push(count(session.error_count, 'error'));
  if (session.viewers === 0 && session.idle_for) facts.push(`idle for ${duration(session.idle_for)}`);
  if (session.held_until && Date.parse(session.held_until) > now) {
    facts.push(`kept for ${duration((Date.parse(session.held_until) - now) / 1000)}`);
  }
  return facts;
}

function button(shape: string, text: string, label: string, click: () => void): HTMLButtonElement {
  return h('button', { class: 'button with-icon small', type: 'button', 'aria-label': label, title: label, on: { click } },
    icon(shape), text);
}
