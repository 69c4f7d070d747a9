// Every channel, by group, with what it does now.

import { listChannels } from '../api/client';
import type { Channel } from '../api/schema';
import { fill, h, isTyping, setText } from '../base/dom';
import { count } from '../base/format';
import { poll } from '../base/poll';
import type { View } from '../main';
import { gate, icon } from '../shell/icons';
import { nameOf, stateOf, viewersOf } from '../shell/state';
import { Card } from './card';
import { Roving } from './roving';

const EVERY_MS = 4000;
const ENOUGH_TO_SEARCH = 6;

export const channelsView: View = (place) => {
  document.title = 'Headgate';
  const view = new Channels();
  place.append(view.element);
  return () => view.stop();
};

class Channels {
  readonly element: HTMLElement;
  private readonly summary = h('p', { class: 'summary', role: 'status' });
  private readonly search = h('input', { type: 'search', class: 'search', placeholder: 'Find', 'aria-label': 'Find a channel',
    spellcheck: 'false', autocomplete: 'off' });
  private readonly searchBox: HTMLElement;
  private readonly banner = h('p', { class: 'banner', role: 'alert', hidden: true });
  private readonly body = h('div', { class: 'grid-body' });
  private readonly cards = new Map<string, Card>();
  private readonly roving = new Roving(this.body, '.card');
  private readonly polling;
  private readonly onKey;
  private channels: Channel[] | null = null;
  private order = '';

  constructor() {
    this.searchBox = h('label', { class: 'search-box', hidden: true }, icon('search'), this.search);
    this.element = h('div', { class: 'channels' },
      h('div', { class: 'view-head' }, h('div', {}, h('h1', {}, 'Channels'), this.summary), this.searchBox),
      this.banner, this.body);
    fill(this.body, skeleton());
    this.search.addEventListener('input', () => this.draw());
    this.search.addEventListener('keydown', (event) => this.onSearchKey(event));
    this.onKey = (event: KeyboardEvent): void => {
      if (event.key !== '/' || isTyping(event.target) || this.searchBox.hidden) return;
      event.preventDefault();
      this.search.focus();
    };
    document.addEventListener('keydown', this.onKey);
    this.polling = poll({
      every: () => EVERY_MS,
      ask: async (signal) => this.show(await listChannels(signal)),
      failed: (error, inMs) => this.fail(error instanceof Error ? error.message : 'something failed', inMs),
    });
    // The player's code is wanted next; fetch it while the visitor chooses.
    setTimeout(() => void import('hls.js').catch(() => undefined), 400);
  }

  stop(): void {
    this.polling.stop();
    document.removeEventListener('keydown', this.onKey);
  }

  private show(channels: Channel[]): void {
    this.channels = channels;
    this.banner.hidden = true;
    this.element.dataset['stale'] = 'false';
    this.searchBox.hidden = channels.length <= ENOUGH_TO_SEARCH;
    this.draw();
  }

  private fail(message: string, inMs: number): void {
    const again = h('button', { class: 'button', type: 'button', on: { click: () => this.polling.now() } }, 'Try now');
    const when = `Trying again every ${Math.round(inMs / 1000)} s.`;
    if (this.channels === null) {
      setText(this.summary, '');
      this.order = '';
      fill(this.body, notice('shut', 'No answer from the gateway', `${capital(message)}. ${when}`, again));
      return;
    }
    this.element.dataset['stale'] = 'true';
    this.banner.hidden = false;
    fill(this.banner, h('span', {}, `${capital(message)}. What you see may be old. ${when}`), again);
  }

  private draw(): void {
    const all = this.channels ?? [];
    const found = all.filter(matcher(this.search.value));
    const live = all.filter((channel) => stateOf(channel) === 'active').length;
    const viewers = all.reduce((sum, channel) => sum + viewersOf(channel), 0);
    setText(this.summary, all.length === 0 ? '' : [count(all.length, 'channel'), `${live} live`,
      count(viewers, 'viewer')].join(' · '));
    for (const channel of found) this.card(channel).update(channel);
    const order = JSON.stringify(found.map((channel) => [channel.id, channel.group]));
    if (order === this.order) return;
    this.order = order;
    if (all.length === 0) fill(this.body, empty());
    else if (found.length === 0) fill(this.body, notice('shut', 'Nothing by that name', 'Escape clears the search.'));
    else this.arrange(found);
  }

  private arrange(channels: Channel[]): void {
    const groups = new Map<string, Channel[]>();
    for (const channel of channels) {
      const name = channel.group ?? '';
      groups.set(name, [...(groups.get(name) ?? []), channel]);
    }
    const titled = groups.size > 1;
    const sections = [...groups].map(([name, members]) =>
      h('section', { class: 'group-section', 'aria-label': name || 'Other channels' },
        titled && h('h2', {}, name || 'Other'),
        h('div', { class: 'grid' }, ...members.map((channel) => this.card(channel).element))));
    const focused = document.activeElement;
    fill(this.body, ...sections);
    if (focused instanceof HTMLElement && this.body.contains(focused)) focused.focus();
    this.roving.refresh();
  }

  private card(channel: Channel): Card {
    let card = this.cards.get(channel.id);
    if (!card) {
      card = new Card(channel);
      this.cards.set(channel.id, card);
    }
    return card;
  }

  private onSearchKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      this.search.value = '';
      this.search.blur();
    } else if (event.key === 'Enter') this.body.querySelector<HTMLElement>('.card')?.click();
    else if (event.key === 'ArrowDown') this.roving.enter();
    else return;
    event.preventDefault();
    this.draw();
  }
}

function matcher(query: string): (channel: Channel) => boolean {
  const wanted = query.trim().toLocaleLowerCase();
  if (wanted === '') return () => true;
  return (channel) => String(channel.number ?? '') === wanted ||
    `${nameOf(channel)} ${channel.group ?? ''} ${channel.id}`.toLocaleLowerCase().includes(wanted);
}

function skeleton(): HTMLElement {
  const ghosts = Array.from({ length: 6 }, () => h('div', { class: 'card ghost' }, h('span', { class: 'plate' }),
    h('span', { class: 'card-text' }, h('span', { class: 'bar' }), h('span', { class: 'bar short' }))));
  return h('div', { class: 'grid', 'aria-busy': 'true', 'aria-label': 'Loading' }, ...ghosts);
}

function empty(): HTMLElement {
  const sample = '[[channel]]\nid = "testcard"\nname = "Test card"\nsource = "testcard:"';
  return notice('still', 'No channels yet', 'Add one to channels.toml. The gateway notices, and so does this page.',
    h('pre', { class: 'sample' }, h('code', {}, sample)));
}

function notice(art: string, title: string, text: string, more?: HTMLElement): HTMLElement {
  return h('div', { class: 'notice', 'data-art': art }, gate('art'), h('h2', {}, title), h('p', {}, text), more);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
