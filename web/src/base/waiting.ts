// What a channel that starts waits for, line by line. Pure.

import type { Session } from '../api/schema';
import { ago } from './format';

const TROUBLES = 2;

/** Which source is tried and since when, what went wrong with others, and what happens next. */
export function waitingFor(session: Session | null | undefined, now: number): string[] {
  if (!session || session.state === 'active' || session.state === 'idle') return [];
  const lines: string[] = [];
  const sources = session.sources ?? [];
  const tried = sources.find((source) => source.role === 'tried');
  if (tried) lines.push(`${tried.label}: being tried for ${ago(triedSince(session, tried.label), now)}`);
  for (const source of sources.filter((one) => one !== tried && one.last_error).slice(0, TROUBLES)) {
    lines.push(`${source.label}: ${withoutLabel(source.last_error ?? '', source.label)}`);
  }
  const next = session.next?.[0];
  if (next) lines.push(`${dueIn(next.at, now)}: ${next.what}`);
  lines.push(`The start began ${ago(session.started_at, now)} ago`);
  return lines;
}

function triedSince(session: Session, label: string): string {
  const started = (session.history ?? []).filter((one) => one.kind === 'encoder_started' && one.source === label);
  return started.at(-1)?.at ?? session.started_at;
}

/** Troubles often begin with the source that has them. */
function withoutLabel(error: string, label: string): string {
  return error.startsWith(label) ? error.slice(label.length).trim() : error;
}

function dueIn(time: string, now: number): string {
  const left = Math.ceil((Date.parse(time) - now) / 1000);
  return left > 0 ? `In ${left} s` : 'Now';
}
