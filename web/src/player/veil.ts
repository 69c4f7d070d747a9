// What covers the picture while there is none: what the page waits for, in words, with the gate rising.

import type { Channel } from '../api/schema';
import { fill, h, setText } from '../base/dom';
import { waitingFor } from '../base/waiting';
import { gate, icon } from '../shell/icons';
import { stateOf } from '../shell/state';
import type { Player } from './player';

export class Veil {
  readonly element: HTMLElement;
  private readonly title = h('p', { class: 'veil-title' });
  private readonly text = h('p', { class: 'veil-text' });
  /** Not read aloud each second: what changes slowly is in the text. */
  private readonly steps = h('ul', { class: 'veil-steps', 'aria-live': 'off' });
  private readonly retry: HTMLButtonElement;
  private readonly big: HTMLButtonElement;
  private readonly sound: HTMLButtonElement;
  private nextAt = 0;
  private seen: unknown = null;

  constructor(private readonly player: Player) {
    this.retry = h('button', { class: 'button', type: 'button', on: { click: () => player.retry() } }, 'Try now');
    this.big = h('button', { class: 'big-play', type: 'button', 'aria-label': 'Play', on: { click: () => player.play() } },
      icon('play'));
    this.sound = h('button', { class: 'sound-hint', type: 'button', on: { click: () => player.setMuted(false) } },
      icon('muted'), h('span', {}, 'Turn sound on'));
    this.element = h('div', { class: 'veil' },
      h('div', { class: 'veil-card' }, gate('art'), h('div', { role: 'status' }, this.title, this.text), this.steps, this.retry),
      this.big, this.sound);
  }

  update(channel: Channel | null): void {
    const { player } = this;
    const { phase, trouble } = player;
    this.element.dataset['phase'] = phase;
    this.element.dataset['art'] = phase === 'failed' || stateOf(channel) === 'failed' ? 'shut' : 'rising';
    this.sound.hidden = !player.silenced;
    this.big.hidden = phase !== 'paused';
    this.retry.hidden = !trouble || phase === 'playing';
    if (trouble !== this.seen) {
      this.seen = trouble;
      this.nextAt = performance.now() + (trouble?.retryInMs ?? 0);
    }
    const [title, text] = this.words(channel);
    setText(this.title, title);
    setText(this.text, text);
    const waits = phase === 'connecting' || phase === 'starting' || phase === 'failed';
    const lines = waits ? waitingFor(channel?.session, Date.now()) : [];
    this.steps.hidden = lines.length === 0;
    if (lines.length !== this.steps.childElementCount) fill(this.steps, ...lines.map(() => h('li', {})));
    lines.forEach((line, at) => setText(this.steps.children[at] as Element, line));
  }

  private words(channel: Channel | null): [string, string] {
    const { phase, trouble } = this.player;
    const state = stateOf(channel);
    const reason = channel?.session?.reason ?? '';
    if (phase === 'failed') {
      const missing = trouble?.status === 404;
      return [missing ? 'No such channel' : 'This channel cannot be played', sentence(trouble?.message ?? reason)];
    }
    if (trouble) {
      const left = Math.max(0, Math.ceil((this.nextAt - performance.now()) / 1000));
      const when = left > 0 ? `Trying again in ${left} s.` : 'Trying again now.';
      if (!navigator.onLine) return ['Offline', `This device has no network. ${when}`];
      const title = trouble.status !== 503 ? 'Interrupted' : state === 'failed' ? 'No picture' : 'Starting';
      return [title, `${sentence(trouble.message)} ${when}`];
    }
    if (phase === 'stalled') return ['', ''];
    if (phase === 'buffering') return ['Starting', 'The first pictures are on their way.'];
    if (state === 'starting' || state === 'failed') return ['Starting', sentence(reason || 'waiting for the source')];
    return ['Opening the gate', 'Waiting for the channel to answer.'];
  }
}

function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}
