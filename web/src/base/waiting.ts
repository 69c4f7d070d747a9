// What a channel that starts waits for, line by line. Pure.

import type { Session, Source } from '../api/schema';
import { ago } from './format';

const TROUBLES = 2;

/** Which source is tried and since when, what went wrong with others, and what happens next. */
export function waitingFor(session: Session | null | undefined, now: number): string[] {
  if (session?.state !== 'starting' && session?.state !== 'failed') return [];
  const lines: string[] = [];
  const sources = session.sources ?? [];
  const tried = session.state === 'starting' ? sources.find((source) => source.role === 'tried') : undefined;
  if (tried) lines.push(`${tried.label}: being tried for ${ago(triedSince(session, tried), now)}`);
  for (const { label, last_error: error } of sources.filter((one) => one !== tried).slice(0, TROUBLES)) {
    // The reason of the state is shown anyway and often has the last trouble in it.
    if (error && !session.reason.includes(error)) lines.push(`${label}: ${withoutLabel(error, label)}`);
  }
  const next = session.next?.[0];
  if (next) lines.push(`${dueIn(next.at, now)}: ${next.what}`);
  if (session.state === 'starting') lines.push(`The start began ${ago(session.started_at, now)} ago`);
  return lines;
}

/** Not longer than since its last trouble, and its encoder's start where it has one. */
function triedSince(session: Session, { label, last_error_at: trouble }: Source): string {
  const started = (session.history ?? []).filter((one) => one.kind === 'encoder_started' && one.source === label);
  const times = [session.started_at, started.at(-1)?.at, trouble].filter((time) => typeof time === 'string');
  return times.reduce((latest, time) => (Date.parse(time) > Date.parse(latest) ? time : latest));
}

/** Troubles often begin with the source that has them. */
export function withoutLabel(error: string, label: string): string {
  return error.startsWith(label) ? error.slice(label.length).trim() : error;
}

function dueIn(time: string, now: number): string {
  const left = Math.ceil((Date.parse(time) - now) / 1000);
  return left > 0 ? `In ${left} s` : 'Now';
}
