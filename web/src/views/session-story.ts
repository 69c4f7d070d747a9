// A session's sources and its story, as lists that more than one view shows.

import type { HistoryEntry, Next, Session, Source } from '../api/schema';
import { h } from '../base/dom';
import { clock } from '../base/format';
import { factsOf, isChoosable, roleOf } from '../base/sources';

const HISTORY = 40;

/** Called with a source that an operator wants to be on air. */
export type Choose = (source: Source) => void;

export function sourceList(session: Session, now: number, choose?: Choose): HTMLElement[] {
  return (session.sources ?? []).map((source) => {
    const facts = factsOf(source, now).map((fact) => h('small', {}, fact));
    const label = `Use ${source.label} for ${session.channel}`;
    const button = choose && isChoosable(source)
      ? h('button', { class: 'button small changes', type: 'button', 'aria-label': label, title: label,
        'data-key': `source${source.position}:${session.id}`, on: { click: () => choose(source) } }, 'Use')
      : null;
    return h('li', { 'data-role': source.role },
      h('div', {}, h('b', {}, source.label), h('span', { class: 'role' }, roleOf(source)), ...facts), button);
  });
}

/** Newest first. */
export function historyList(session: Session): HTMLElement[] {
  return (session.history ?? []).slice(-HISTORY).reverse().map(happened);
}

export function nextList(session: Session): HTMLElement[] {
  return (session.next ?? []).map((next: Next) =>
    h('li', {}, h('time', { datetime: next.at }, clock(next.at)), h('span', {}, next.what)));
}

function happened({ at, what, kind, times, source, lines }: HistoryEntry): HTMLElement {
  const often = times !== undefined && times > 1 ? ` (${times} times)` : '';
  const text = (kind === 'source_lost' && source ? `${source} was lost: ${what}` : what) + often;
  const said = (lines ?? []).slice(0, -1).map((line) => h('small', {}, line));
  return h('li', { 'data-kind': kind ?? '' }, h('time', { datetime: at }, clock(at)), h('span', {}, text, ...said));
}
