// One channel in the grid: a recent picture of it where there is one, else water as high as its state.

import type { Channel, Programme } from '../api/schema';
import { h, setText } from '../base/dom';
import { bucket, initials, timeOfDay } from '../base/format';
import { formatRoute } from '../base/route';
import { icon, waves } from '../shell/icons';
import { badge, nameOf, showState, stateOf, viewersOf } from '../shell/state';
import type { Thumbnails } from './thumbnails';

const HUES = 6;

export class Card {
  readonly element: HTMLAnchorElement;
  private readonly number = h('span', { class: 'card-number', hidden: true });
  private readonly badge = badge();
  private readonly emblem = h('span', { class: 'emblem', 'aria-hidden': 'true' });
  private readonly picture = h('canvas', { class: 'thumbnail', hidden: true, 'aria-hidden': 'true' });
  private readonly name = h('span', { class: 'card-name' });
  private readonly group = h('span', { class: 'card-group' });
  private readonly viewers = h('span', { class: 'card-viewers' });
  private readonly viewerCount = h('b', {});
  private readonly viewerWord = h('span', { class: 'visually-hidden' });
  private readonly now = programmeLine('card-now');
  private readonly next = programmeLine('card-next');
  private drawn = '';

  constructor(
    channel: Channel,
    private readonly thumbnails: Thumbnails,
  ) {
    this.viewers.append(icon('eye'), this.viewerCount, this.viewerWord);
    this.element = h('a', { class: 'card', href: formatRoute({ view: 'watch', channel: channel.id }), tabindex: '-1',
      'data-channel': channel.id },
      // Read in this order; the picture is drawn above the text.
      h('span', { class: 'card-text' }, this.name, this.now, this.next,
        h('span', { class: 'card-line' }, this.group, this.viewers)),
      h('span', { class: 'plate', 'data-hue': bucket(channel.id, HUES) },
        waves(), this.emblem, this.picture, h('span', { class: 'plate-top' }, this.number, this.badge)));
    this.update(channel);
  }

  update(channel: Channel): void {
    const state = stateOf(channel);
    const name = nameOf(channel);
    const viewers = viewersOf(channel);
    const slate = channel.session?.slate_shown === true;
    this.element.dataset['state'] = state;
    showState(this.badge, state, slate);
    setText(this.name, name);
    const reason = channel.session?.reason;
    const says = state === 'failed' || state === 'starting' ? reason : '';
    setText(this.group, says || channel.group || '');
    const number = String(channel.number ?? '');
    setText(this.number, number);
    this.number.hidden = number === '';
    setText(this.viewerCount, viewers.toLocaleString('en'));
    setText(this.viewerWord, viewers === 1 ? ' viewer' : ' viewers');
    this.viewers.hidden = viewers === 0;
    showProgramme(this.now, channel.now, (one) => `until ${timeOfDay(one.stop)}`);
    showProgramme(this.next, channel.next, (one) => timeOfDay(one.start));
    this.element.title = says ?? '';
    this.draw(channel.logo ?? '', name);
    this.thumbnails.show(this.picture, channel.id, state === 'active');
  }

  private draw(logo: string, name: string): void {
    const drawn = `${logo} ${name}`;
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const letters = h('span', { class: 'letters' }, initials(name));
    if (!/^(https?:|\/)/i.test(logo)) return this.emblem.replaceChildren(letters);
    const image = h('img', { src: logo, alt: '', loading: 'lazy', decoding: 'async', referrerpolicy: 'no-referrer' });
    image.addEventListener('error', () => this.emblem.replaceChildren(letters));
    this.emblem.replaceChildren(image);
  }
}

function programmeLine(name: string): HTMLSpanElement {
  return h('span', { class: `programme ${name}`, hidden: true }, h('span', { class: 'programme-title' }), h('small', {}));
}

function showProgramme(line: HTMLElement, programme: Programme | null | undefined, when: (one: Programme) => string): void {
  line.hidden = !programme;
  if (!programme) return;
  const [title, time] = [...line.children];
  if (title) setText(title, programme.title);
  if (time) setText(time, when(programme));
}
