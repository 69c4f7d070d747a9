// The gateway's event stream. The browser resumes where a connection broke off; where the gateway refuses (too many
// streams, or it is not back yet) the browser gives up, and this asks again.

import { backoff } from '../base/retry';
import { TYPES } from '../base/happenings';
import type { Happening } from '../base/happenings';

export interface EventsOptions {
  /** The last event that is known already, or `0`. */
  after: string;
  happened: (event: Happening) => void;
  /** So many are not remembered any more. */
  missed: (count: number) => void;
  connected: (is: boolean) => void;
}

/** Listens until the returned function is called. */
export function listenToEvents({ after, happened, missed, connected }: EventsOptions): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = after;
  let failures = 0;

  const open = (): void => {
    source = new EventSource(`/api/v1/events?${new URLSearchParams({ last_event_id: last })}`);
    source.addEventListener('open', () => {
      failures = 0;
      connected(true);
    });
    source.addEventListener('error', () => {
      connected(false);
      if (source?.readyState !== EventSource.CLOSED) return;
      failures += 1;
      timer = setTimeout(open, backoff(failures, 2000, 30_000));
    });
    for (const type of TYPES) source.addEventListener(type, (event) => read(event));
    source.addEventListener('missed', (event) => {
      if (last !== '0') missed(Number((parse(event.data) as { count?: number } | null)?.count ?? 0));
    });
  };
  const read = (event: MessageEvent<string>): void => {
    if (event.lastEventId !== '') last = event.lastEventId;
    const happening = parse(event.data) as Happening | null;
    if (happening) happened(happening);
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
