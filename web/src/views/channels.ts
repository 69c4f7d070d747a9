// Every channel, by group, with what it does now.

import { listChannels } from '../api/client';
import type { Channel } from '../api/schema';
import { fill, h, setText } from '../base/dom';
import { groupsOf, isFiltering, matcher } from '../base/filter';
import { count } from '../base/format';
import { poll } from '../base/poll';
import type { View } from '../main';
import { notice, titleOf, troubleBanner, troubleOf, whenAgain } from '../shell/notice';
import { stateOf, viewersOf } from '../shell/state';
import { Card } from './card';
import { ChannelSearch } from './channel-search';
import { Roving } from './roving';
import { Thumbnails } from './thumbnails';

const EVERY_MS = 4000;
/** Long lists are asked for less often. */
const EVERY_MS_PER_CHANNEL = 5;
const ENOUGH_TO_SEARCH = 3;
/** So many cards at first; thousands at once would only be waited for. */
const CARDS = 240;

export const channelsView: View = (place) => {
  document.title = 'Headgate';
  const view = new Channels();
  place.append(view.element);
  return () => view.stop();
};

class Channels {
  readonly element: HTMLElement;
  private readonly summary = h('p', { class: 'summary', role: 'status' });
  private readonly search: ChannelSearch;
  private readonly banner = h('div', { class: 'banner', role: 'alert', hidden: true });
  private readonly body = h('div', { class: 'grid-body' });
  private readonly thumbnails = new Thumbnails();
  private readonly cards = new Map<string, Card>();
  private readonly roving = new Roving(this.body, '.card');
  private readonly polling;
  private channels: Channel[] | null = null;
  private most = CARDS;
  private order = '';

  constructor() {
    this.search = new ChannelSearch({
      changed: () => this.draw(),
      chosen: () => this.body.querySelector<HTMLElement>('.card')?.click(),
      entered: () => this.roving.enter(),
    });
    this.search.element.hidden = true;
    this.element = h('div', { class: 'channels' },
      h('div', { class: 'view-head' }, h('div', {}, h('h1', {}, 'Channels'), this.summary), this.search.element),
      this.banner, this.body);
    fill(this.body, skeleton());
    this.polling = poll({
      every: () => EVERY_MS + (this.channels?.length ?? 0) * EVERY_MS_PER_CHANNEL,
      ask: async (signal) => this.show(await listChannels(signal)),
      failed: (error, inMs) => this.fail(error, inMs),
    });
    // The player's code is wanted next; fetch it while the visitor chooses.
    setTimeout(() => void import('hls.js').catch(() => undefined), 400);
  }

  stop(): void {
    this.polling.stop();
    this.search.stop();
    this.thumbnails.stop();
  }

  private show(channels: Channel[]): void {
    this.channels = channels;
    this.banner.hidden = true;
    this.element.dataset['stale'] = 'false';
    this.search.element.hidden = channels.length < ENOUGH_TO_SEARCH && !isFiltering(this.search.filter);
    this.search.offer(groupsOf(channels));
    this.draw();
  }

  private fail(error: unknown, inMs: number): void {
    const again = (): void => this.polling.now();
    if (this.channels !== null) {
      this.element.dataset['stale'] = 'true';
      return troubleBanner(this.banner, troubleOf(error), inMs, again);
    }
    setText(this.summary, '');
    this.order = '';
    const button = h('button', { class: 'button', type: 'button', on: { click: again } }, 'Try now');
    fill(this.body, notice('shut', titleOf(error),
      `${troubleOf(error)} ${whenAgain(inMs)}`, button));
  }

  private draw(): void {
    if (this.channels === null) return;
    const all = this.channels;
    const found = all.filter(matcher(this.search.filter));
    const live = all.filter((channel) => stateOf(channel) === 'active').length;
    const viewers = all.reduce((sum, channel) => sum + viewersOf(channel), 0);
    const known = count(all.length, 'channel');
    const shown = isFiltering(this.search.filter) ? `${found.length} of ${known}` : known;
    setText(this.summary, all.length === 0 ? '' : [shown, `${live} live`, count(viewers, 'viewer')].join(' · '));
    const some = found.slice(0, this.most);
    for (const channel of some) this.card(channel).update(channel);
    const order = JSON.stringify([found.length, some.map((channel) => [channel.id, channel.group])]);
    if (order === this.order) return;
    this.order = order;
    if (all.length === 0) fill(this.body, empty());
    else if (found.length === 0) fill(this.body, this.nothingFound());
    else this.arrange(some, found.length - some.length);
  }

  private arrange(channels: Channel[], more: number): void {
    const groups = new Map<string, Channel[]>();
    for (const channel of channels) {
      const name = channel.group ?? '';
      const members = groups.get(name);
      if (members) members.push(channel);
      else groups.set(name, [channel]);
    }
    const titled = groups.size > 1;
    const sections = [...groups].map(([name, members]) =>
      h('section', { class: 'group-section', 'aria-label': name || 'Other channels' },
        titled && h('h2', {}, name || 'Other'),
        h('div', { class: 'grid' }, ...members.map((channel) => this.card(channel).element))));
    const focused = document.activeElement;
    fill(this.body, ...sections, more > 0 && this.showMore(more));
    if (focused instanceof HTMLElement && this.body.contains(focused)) focused.focus();
    this.roving.refresh();
  }

  private showMore(more: number): HTMLElement {
    const show = (): void => {
      this.most += CARDS * 2;
      this.draw();
    };
    return h('p', { class: 'more' }, h('button', { class: 'button', type: 'button', on: { click: show } },
      `Show more (${more.toLocaleString('en')} left)`));
  }

  private nothingFound(): HTMLElement {
    const { query, group } = this.search.filter;
    const where = group === null ? '' : ` in “${group || 'Other'}”`;
    const text = query.trim() === '' ? `There is no channel${where}.` : `No channel${where} is called “${query.trim()}”.`;
    const clear = h('button', { class: 'button', type: 'button', on: { click: () => this.search.clear() } }, 'Show all channels');
    return notice('still', 'Nothing found', text, clear);
  }

  private card(channel: Channel): Card {
    let card = this.cards.get(channel.id);
    if (!card) {
      card = new Card(channel, this.thumbnails);
      this.cards.set(channel.id, card);
    }
    return card;
  }
}

function skeleton(): HTMLElement {
  const ghosts = Array.from({ length: 6 }, () => h('div', { class: 'card ghost' }, h('span', { class: 'plate' }),
    h('span', { class: 'card-text' }, h('span', { class: 'bar' }), h('span', { class: 'bar short' }))));
  return h('div', { class: 'grid', role: 'group', 'aria-busy': 'true', 'aria-label': 'Loading' }, ...ghosts);
}

function empty(): HTMLElement {
  const sample = '[[channel]]\nid = "testcard"\nname = "Test card"\nsource = "testcard:"';
  return notice('still', 'No channels yet', 'Add one to channels.toml. The gateway notices, and so does this page.',
    h('pre', { class: 'sample', tabindex: '0' }, h('code', {}, sample)));
}
