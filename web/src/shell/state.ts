// The five states in words and marks that every view shows the same way. Colour is never the only sign.

import type { Channel, SessionState } from '../api/schema';
import { h, setText } from '../base/dom';

const WORDS: Record<SessionState, string> = {
  idle: 'Idle',
  starting: 'Starting',
  active: 'Live',
  stopping: 'Stopping',
  failed: 'Failed',
};

export function stateOf(channel: Channel | null): SessionState {
  const state = channel?.state ?? channel?.session?.state;
  return state !== undefined && state in WORDS ? state : 'idle';
}

export const stateWord = (state: SessionState): string => WORDS[state] ?? state;

export const viewersOf = (channel: Channel): number => channel.viewers ?? channel.session?.viewers ?? 0;

export const nameOf = (channel: Channel): string => channel.name?.trim() || channel.id;

export function badge(): HTMLSpanElement {
  return h('span', { class: 'badge' }, h('i', { class: 'lamp', 'aria-hidden': 'true' }), h('b', {}));
}

export function showState(element: HTMLElement, state: SessionState, slate = false): void {
  element.dataset['state'] = state;
  element.dataset['slate'] = String(slate);
  const word = element.querySelector('b');
  if (word) setText(word, slate ? 'Slate' : stateWord(state));
}
