// Places where there is nothing to show yet, or nothing at all, and what went wrong in one line.

import { ApiError } from '../api/client';
import { fill, h } from '../base/dom';
import type { Child } from '../base/dom';
import { gate } from './icons';

/** `still`: nothing here. `shut`: something failed. `rising`: it comes. */
export type Art = 'still' | 'shut' | 'rising';

export function notice(art: Art, title: string, text: string, more?: Child): HTMLElement {
  return h('div', { class: 'notice', 'data-art': art }, gate('art'), h('h2', {}, title), h('p', {}, text), more);
}

/** Fills a banner: what failed, that what is shown may be old, and a button. */
export function troubleBanner(banner: HTMLElement, message: string, inMs: number, again: () => void): void {
  const text = `${message} What you see may be old. ${whenAgain(inMs)}`;
  banner.hidden = false;
  fill(banner, h('span', {}, text), h('button', { class: 'button', type: 'button', on: { click: again } }, 'Try now'));
}

/** What failed, in a few words. */
export function titleOf(error: unknown): string {
  if (!navigator.onLine) return 'Offline';
  return error instanceof ApiError && error.status === 401 ? 'For operators only' : 'No answer from the gateway';
}

/** What failed, as a sentence; without a network the gateway is not to blame. */
export function troubleOf(error: unknown): string {
  if (!navigator.onLine) return 'This device is offline.';
  const message = error instanceof Error ? error.message : 'something failed';
  return `${capital(message)}.`;
}

export const whenAgain = (inMs: number): string => `Trying again every ${Math.round(inMs / 1000)} s.`;

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
