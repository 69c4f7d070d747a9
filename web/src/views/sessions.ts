// What runs, for operators: live figures, each session's story, what one may do to it, and what happens meanwhile.

import { getPartDelays, listChannels, listSessions } from '../api/client';
import type { Session } from '../api/schema';
import { fill, h, setText } from '../base/dom';
import { count } from '../base/format';
import { poll } from '../base/poll';
import type { Poll } from '../base/poll';
import type { View } from '../main';
import { notice, titleOf, troubleBanner, troubleOf, whenAgain } from '../shell/notice';
import { nameOf } from '../shell/state';
import { Happenings } from './happenings';
import { SessionCard } from './session-card';
import { record } from './session-figures';
import { askToStart } from './start-ahead';

const EVERY_MS = 2000;
/** Events come in crowds; one question answers them all. */
const STIR_MS = 250;
const ORDER = ['failed', 'starting', 'stopping', 'active', 'idle'];

export const sessionsView: View = (place) => {
  document.title = 'Sessions · Headgate';
  const view = new Sessions();
  place.append(view.element);
  return () => view.stop();
};

class Sessions {
  readonly element: HTMLElement;
  private readonly summary = h('p', { class: 'summary', role: 'status' });
  private readonly banner = h('div', { class: 'banner', role: 'alert', hidden: true });
  private readonly body = h('div', { class: 'sessions-body' }, h('p', { class: 'quiet' }, 'Reading…'));
  private readonly cards = new Map<string, SessionCard>();
  private readonly names = new Map<string, string>();
  private readonly polling: Poll;
  private readonly happenings: Happenings;
  private stirring: ReturnType<typeof setTimeout> | undefined;
  private known = false;
  private order: string | null = null;

  constructor() {
    const refresh = (): void => this.polling.now();
    const start = (): void => void askToStart(refresh);
    this.happenings = new Happenings(() => this.stir());
    this.element = h('div', { class: 'sessions' },
      h('div', { class: 'view-head' }, h('div', {}, h('h1', {}, 'Sessions'), this.summary),
        h('div', { class: 'view-tools' },
          h('button', { class: 'button changes', type: 'button', id: 'start-ahead', on: { click: start } }, 'Start a channel'),
          h('a', { class: 'button plain-link', href: '/debug/sessions' }, 'As JSON'))),
      this.banner, h('div', { class: 'sessions-columns' }, this.body, this.happenings.element));
    this.polling = poll({
      every: () => EVERY_MS,
      ask: (signal) => this.ask(signal),
      failed: (error, inMs) => this.fail(error, inMs),
    });
  }

  stop(): void {
    clearTimeout(this.stirring);
    this.polling.stop();
    this.happenings.stop();
  }

  private stir(): void {
    clearTimeout(this.stirring);
    this.stirring = setTimeout(() => this.polling.now(), STIR_MS);
  }

  private async ask(signal: AbortSignal): Promise<void> {
    const delays = getPartDelays(signal).catch(() => new Map());
    const sessions = await listSessions(signal);
    if (sessions.some((session) => !this.names.has(session.channel))) await this.readNames(signal);
    record(sessions, await delays, Date.now());
    this.show(sessions);
  }

  private async readNames(signal: AbortSignal): Promise<void> {
    for (const channel of await listChannels(signal)) this.names.set(channel.id, nameOf(channel));
  }

  private show(sessions: Session[]): void {
    this.known = true;
    this.banner.hidden = true;
    this.element.dataset['stale'] = 'false';
    const viewers = sessions.reduce((sum, session) => sum + session.viewers, 0);
    setText(this.summary, sessions.length === 0 ? '' : `${count(sessions.length, 'session')} · ${count(viewers, 'viewer')}`);
    const sorted = [...sessions].sort((a, b) =>
      ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.channel.localeCompare(b.channel));
    const ids = new Set(sorted.map((session) => session.id));
    for (const id of this.cards.keys()) if (!ids.has(id)) this.cards.delete(id);
    for (const session of sorted) this.card(session).update(session, Date.now());
    this.arrange(sorted.map((session) => session.id));
  }

  /** Cards that stay are not moved while somebody has the focus in one of them. */
  private arrange(ids: string[]): void {
    const focused = this.body.contains(document.activeElement);
    const shown = [...this.body.children].map((child) => (child as HTMLElement).dataset['session'] ?? '');
    const same = shown.length === ids.length && shown.every((id) => ids.includes(id));
    const order = JSON.stringify(ids);
    if (order === this.order || (focused && same)) return;
    this.order = order;
    const active = document.activeElement;
    if (ids.length === 0) fill(this.body, nothing());
    else fill(this.body, ...ids.map((id) => this.cards.get(id)?.element));
    if (focused && active instanceof HTMLElement && this.body.contains(active)) active.focus({ preventScroll: true });
  }

  private card(session: Session): SessionCard {
    let card = this.cards.get(session.id);
    if (!card) {
      card = new SessionCard(session, this.names.get(session.channel) ?? session.channel, () => this.polling.now());
      this.cards.set(session.id, card);
    }
    return card;
  }

  private fail(error: unknown, inMs: number): void {
    if (this.known) {
      this.element.dataset['stale'] = 'true';
      return troubleBanner(this.banner, troubleOf(error), inMs, () => this.polling.now());
    }
    this.order = null;
    fill(this.body, notice('shut', titleOf(error),
      `${troubleOf(error)} ${whenAgain(inMs)}`));
  }
}

function nothing(): HTMLElement {
  return notice('still', 'Nothing runs', 'A session begins with a channel’s first viewer and ends after its last.',
    h('a', { class: 'button', href: '#/' }, 'To the channels'));
}
