// Asks again and again: not while the page is hidden, more slowly while it fails, and never twice at once.

import { backoff } from './retry';

/** After these an answer may be another one: the network is back, or somebody has said who they are. */
const AGAIN = ['online', 'headgate:access'];

export interface Poll {
  /** Ask now. */
  now(): void;
  stop(): void;
}

export interface PollOptions {
  /** Milliseconds from an answer to the next question. */
  every: () => number;
  ask: (signal: AbortSignal) => Promise<void>;
  /** The next attempt comes in so many milliseconds. */
  failed: (error: unknown, inMs: number) => void;
}

export function poll({ every, ask, failed }: PollOptions): Poll {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | null = null;
  let failures = 0;
  let stopped = false;

  const again = (inMs: number): void => {
    clearTimeout(timer);
    if (!stopped && !document.hidden) timer = setTimeout(run, inMs);
  };
  const run = (): void => {
    if (running || stopped) return;
    clearTimeout(timer);
    const controller = new AbortController();
    running = controller;
    ask(controller.signal)
      .then(() => {
        failures = 0;
        running = null;
        again(every());
      })
      .catch((error: unknown) => {
        running = null;
        if (stopped) return;
        failures += 1;
        const inMs = Math.max(every(), backoff(failures, 1000, 15_000));
        failed(error, inMs);
        again(inMs);
      });
  };
  const wake = (): void => (document.hidden ? clearTimeout(timer) : run());

  document.addEventListener('visibilitychange', wake);
  for (const event of AGAIN) window.addEventListener(event, run);
  run();
  return {
    now: run,
    stop() {
      stopped = true;
      clearTimeout(timer);
      running?.abort();
      document.removeEventListener('visibilitychange', wake);
      for (const event of AGAIN) window.removeEventListener(event, run);
    },
  };
}
