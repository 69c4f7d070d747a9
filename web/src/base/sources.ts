// What is known of a source, in words. Pure.

import type { Session, Source } from '../api/schema';
import { ago, count } from './format';

const ROLES: Record<string, string> = {
  on_air: 'on air',
  tried: 'being tried',
  standby: 'about to take over',
};

/** What a source is doing. */
export function roleOf(source: Source): string {
  const role = ROLES[source.role];
  if (role !== undefined) return role;
  if (source.kind === 'slate') return 'shown when no source delivers';
  return source.answers_since ? 'answers, waits for its turn' : 'waiting';
}

/** What else is known of it; sentences without their stops. */
export function factsOf(source: Source, now: number): string[] {
  const facts: string[] = [];
  if (source.answers_since) facts.push(`answers since ${ago(source.answers_since, now)}`);
  if (source.recent_losses) facts.push(`lost ${count(source.recent_losses, 'time')} within the last minute`);
  if (source.rests_until) facts.push(`passed over ${until(source.rests_until, now)}`);
  if (source.last_error) {
    const when = source.last_error_at ? ` ${ago(source.last_error_at, now)} ago` : '';
    facts.push(`last trouble${when}: ${source.last_error}`);
  }
  return facts;
}

/** `for 4 s`, from now to a time. */
export function until(time: string, now: number): string {
  const left = (Date.parse(time) - now) / 1000;
  return left > 0 ? `for ${Math.ceil(left)} s` : 'no longer';
}

/** Sources that an operator may choose: not the one that plays, and never the slate. */
export const isChoosable = (source: Source): boolean =>
  source.kind !== 'slate' && source.role !== 'on_air' && source.role !== 'tried';

/** That viewers see the slate, or nothing if they do not. Read aloud, so it does not change while that is so. */
export function slateNotice(session: Session | null | undefined): string {
  return session?.slate_shown ? 'No source delivers: this is the slate. The picture comes back by itself.' : '';
}
