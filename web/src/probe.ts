// `window.__headgate`: what the player does, for tests and for the curious in the console. Read-only and stable:
// fields are added, never renamed. See README.md.

import type { PlayerStats } from './player/stats';

/** The view that plays puts its reader here. */
export const probe: { stats: (() => PlayerStats) | null } = { stats: null };

export function installProbe(): void {
  const api = Object.freeze({ version: 1, stats: (): PlayerStats | null => probe.stats?.() ?? null });
  Object.defineProperty(window, '__headgate', { value: api, writable: false, configurable: false });
}
