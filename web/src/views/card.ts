// One channel in the grid. The water in it stands as high as the channel's state.

import type { Channel } from '../api/schema';
import { h, setText } from '../base/dom';
import { bucket, count, initials } from '../base/format';
import { formatRoute } from '../base/route';
import { icon, waves } from '../shell/icons';
import { badge, nameOf, showState, stateOf, stateWord, viewersOf } from '../shell/state';

const HUES = 6;

export class Card {
  readonly element: HTMLAnchorElement;
  private readonly number = h('span', { class: 'card-number' });
  private readonly badge = badge();
  private readonly emblem = h('span', { class: 'emblem', 'aria-hidden': 'true' });
  private readonly name = h('span', { class: 'card-name' });
  private readonly group = h('span', { class: 'card-group' });
  private readonly viewers = h('span', { class: 'card-viewers' });
  private readonly viewerCount = h('b', {});
  private pictured = '';

  constructor(channel: Channel) {
    this.viewers.append(icon('eye'), this.viewerCount);
    this.element = h('a', { class: 'card', href: formatRoute({ view: 'watch', channel: channel.id }), tabindex: '-1',
      'data-channel': channel.id },
      h('span', { class: 'plate', 'data-hue': bucket(channel.id, HUES) },
        waves(), this.emblem, h('span', { class: 'plate-top' }, this.number, this.badge)),
      h('span', { class: 'card-text' }, this.name,
        h('span', { class: 'card-line' }, this.group, this.viewers)));
    this.update(channel);
  }

  update(channel: Channel): void {
    const state = stateOf(channel);
    const name = nameOf(channel);
    const viewers = viewersOf(channel);
    this.element.dataset['state'] = state;
    showState(this.badge, state);
    setText(this.name, name);
    const reason = channel.session?.reason;
    setText(this.group, (state === 'failed' && reason) || channel.group || '');
    setText(this.number, String(channel.number ?? ''));
    setText(this.viewerCount, viewers.toLocaleString('en'));
    this.viewers.hidden = viewers === 0;
    const number = channel.number ? `, number ${channel.number}` : '';
    const group = channel.group ? `, ${channel.group}` : '';
    const watching = viewers > 0 ? `, ${count(viewers, 'viewer')}` : '';
    this.element.setAttribute('aria-label', `${name}${number}${group}, ${stateWord(state).toLowerCase()}${watching}`);
    this.element.title = state === 'failed' && reason ? reason : '';
    this.picture(channel.logo ?? '', name);
  }

  private picture(logo: string, name: string): void {
    const pictured = `${logo} ${name}`;
    if (pictured === this.pictured) return;
    this.pictured = pictured;
    const letters = h('span', { class: 'letters' }, initials(name));
    if (!/^(https?:|\/)/i.test(logo)) return this.emblem.replaceChildren(letters);
    const image = h('img', { src: logo, alt: '', loading: 'lazy', decoding: 'async', referrerpolicy: 'no-referrer' });
    image.addEventListener('error', () => this.emblem.replaceChildren(letters));
    this.emblem.replaceChildren(image);
  }
}
