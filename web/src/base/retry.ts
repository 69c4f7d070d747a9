// When to ask again. Pure: time and chance come in as arguments.

/** Reads a Retry-After header (seconds or an HTTP date) as milliseconds from `now`, or null. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

export interface Failure {
  /** The HTTP status; 0 when there was no answer. */
  status: number;
  /** What the server asked for, milliseconds. */
  retryAfter: number | null;
  /** How many attempts failed in a row, this one included. */
  attempt: number;
}

export type Verdict = { retry: true; inMs: number } | { retry: false };

const LONGEST_MS = 15_000;

/**
 * What a player does after its playlist failed. A channel that starts (503) is worth any number of attempts, at the
 * pace that the server names; a refusal (other 4xx) is final; everything else is retried with growing pauses.
 */
export function afterFailure({ status, retryAfter, attempt }: Failure): Verdict {
  if (status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429) return { retry: false };
  if (retryAfter !== null) return { retry: true, inMs: clamp(retryAfter, 250, 60_000) };
  return { retry: true, inMs: backoff(attempt, 500, LONGEST_MS) };
}

/** Doubles from `first` for each failed attempt, up to `longest`. Attempts count from 1. */
export function backoff(attempt: number, first: number, longest: number): number {
  return Math.min(longest, first * 2 ** clamp(attempt - 1, 0, 20));
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
