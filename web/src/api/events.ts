// The gateway's event stream, read with fetch: a browser's EventSource cannot say a token. Where a connection breaks
// off or the gateway refuses, this asks again, from the last event that it knows.

import { EventReader } from '../base/event-reader';
import { backoff } from '../base/retry';
import type { Happening } from '../base/happenings';
import { authorised } from './access';

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
  const leaving = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = after;
  let failures = 0;

  const open = async (): Promise<void> => {
    const target = `/api/v1/events?${new URLSearchParams({ last_event_id: last })}`;
    const headers = { Accept: 'text/event-stream' };
    const response = await authorised(target, () => ({ headers, signal: leaving.signal, cache: 'no-store' }));
    if (!response.ok || !response.body) throw new Error(`the gateway answered ${response.status}`);
    failures = 0;
    connected(true);
    const reader = new EventReader();
    const chunks = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await chunks.read();
      if (done) return;
      for (const { id, type, data } of reader.push(value)) {
        const known = last;
        if (id !== '') last = id;
        if (type === 'missed') {
          if (known !== '0') missed(Number((parse(data) as { count?: number } | null)?.count ?? 0));
        } else if (data !== '') {
          const happening = parse(data) as Happening | null;
          if (happening) happened(happening);
        }
      }
    }
  };
  const run = (): void => {
    open().catch(() => undefined).then(() => {
      if (leaving.signal.aborted) return;
      connected(false);
      failures += 1;
      timer = setTimeout(run, backoff(failures, 2000, 30_000));
    }).catch(() => undefined);
  };
  run();
  return () => {
    clearTimeout(timer);
    leaving.abort();
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
