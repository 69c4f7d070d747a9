// What happens in the whole gateway, as it happens: the newest events, newest first.

import { listenToEvents } from '../api/events';
import { h, setText } from '../base/dom';
import { clock, count } from '../base/format';
import { inWords, weightOf } from '../base/happenings';
import type { Happening } from '../base/happenings';
import { formatRoute } from '../base/route';

const KEPT = 60;

/** What was heard before the view was left and opened again. */
const remembered: HTMLElement[] = [];
/** At first from the oldest that the gateway remembers: what happened before somebody looked is what they look for. */
let lastHeard = '0';

export class Happenings {
  readonly element: HTMLElement;
  private readonly list = h('ol', { class: 'history feed', tabindex: '0', 'aria-label': 'What happens' });
  private readonly state = h('span', { class: 'feed-state', role: 'status' }, 'connecting');
  private readonly leave: () => void;

  /** `stirred` is called when something happened. */
  constructor(stirred: () => void) {
    this.list.append(...remembered);
    this.element = h('aside', { class: 'panel', 'aria-labelledby': 'feed-title' },
      h('div', { class: 'panel-head' }, h('h2', { id: 'feed-title' }, 'What happens'), this.state), this.list);
    this.element.dataset['empty'] = String(remembered.length === 0);
    this.leave = listenToEvents({
      after: lastHeard,
      happened: (event) => {
        lastHeard = String(event.id);
        this.add(line(event));
        stirred();
      },
      missed: (missed) => this.add(h('li', {}, h('span', {}, `${count(missed, 'event')} before this are not remembered`))),
      connected: (is) => {
        setText(this.state, is ? 'live' : 'interrupted');
        this.state.dataset['live'] = String(is);
      },
    });
  }

  stop(): void {
    this.leave();
  }

  private add(item: HTMLElement): void {
    this.element.dataset['empty'] = 'false';
    remembered.unshift(item);
    this.list.prepend(item);
    for (const old of remembered.splice(KEPT)) old.remove();
  }
}

function line(event: Happening): HTMLElement {
  const { channel } = event;
  const where = channel === undefined ? h('b', {}, 'Gateway')
    : h('a', { href: formatRoute({ view: 'watch', channel }) }, channel);
  return h('li', { 'data-weight': weightOf(event), 'data-type': event.type },
    h('time', { datetime: event.at }, clock(event.at)), h('span', {}, where, ` ${inWords(event)}`));
}
