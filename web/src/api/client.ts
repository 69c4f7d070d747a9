// Talks to the gateway's API. Every failure leaves here as an ApiError whose message is for people.

import { authorised } from './access';
import type { Channel, Config, ErrorBody, Hold, Operator, Page, Reload, Session, Viewer } from './schema';
import { readPartDelays } from '../base/histogram';
import type { Buckets } from '../base/histogram';
import { retryAfterMs } from '../base/retry';

const BASE = '/api/v1';
const DEADLINE_MS = 10_000;
const PAGE_SIZE = 500;
const MAX_PAGES = 40;

export class ApiError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    readonly code: string,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export const listChannels = (signal?: AbortSignal): Promise<Channel[]> => everyPage<Channel>('/channels', signal);
export const listSessions = (signal?: AbortSignal): Promise<Session[]> => everyPage<Session>('/sessions', signal);

export const getChannel = (id: string, signal?: AbortSignal): Promise<Channel> =>
  request<Channel>('GET', `/channels/${encodeURIComponent(id)}`, signal);

export const stopSession = (id: string): Promise<unknown> => request('DELETE', `/sessions/${encodeURIComponent(id)}`);

export const restartSession = (id: string): Promise<unknown> =>
  request('POST', `/sessions/${encodeURIComponent(id)}/restart`);

/** Puts the source of this position on air. */
export const switchSource = (id: string, position: number): Promise<unknown> =>
  request('POST', `/sessions/${encodeURIComponent(id)}/source`, undefined, { source: String(position) });

/** Who asks, and what they may do. */
export const getOperator = (): Promise<Operator> => request<Operator>('GET', '/operator');

export const getConfig = (signal?: AbortSignal): Promise<Config> => request<Config>('GET', '/config', signal);

/** Reads the file again; what is wrong with it is in the configuration's `last_error` then. */
export const reloadConfig = (): Promise<Reload> => request<Reload>('POST', '/config/reload');

/** Starts a channel before anybody watches and keeps it for so long: `"10m"`. */
export const startAhead = (channel: string, lasting: string): Promise<Hold> =>
  request<Hold>('POST', `/channels/${encodeURIComponent(channel)}/start`, undefined, { for: lasting });

export const listViewers = (session: string, signal?: AbortSignal): Promise<Viewer[]> =>
  everyPage<Viewer>(`/sessions/${encodeURIComponent(session)}/viewers`, signal);

/** Refuses that viewer for a minute. */
export const kickViewer = (session: string, viewer: string): Promise<unknown> =>
  request('DELETE', `/sessions/${encodeURIComponent(session)}/viewers/${encodeURIComponent(viewer)}`);

/** How late the parts of each channel were published, since the gateway began. */
export async function getPartDelays(signal: AbortSignal): Promise<Map<string, Buckets>> {
  const response = await authorised('/metrics', () => ({ signal, cache: 'no-store' }));
  return response.ok ? readPartDelays(await response.text()) : new Map();
}

async function everyPage<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    if (cursor !== null) query.set('cursor', cursor);
    const answer: Page<T> = await request<Page<T>>('GET', `${path}?${query}`, signal);
    items.push(...answer.items);
    if (!answer.next) break;
    cursor = answer.next;
  }
  return items;
}

async function request<T>(method: string, path: string, signal?: AbortSignal, json?: unknown): Promise<T> {
  let deadline = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => deadline.abort();
  signal?.addEventListener('abort', stop);
  try {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (method === 'POST') headers['Idempotency-Key'] = randomKey();
    if (json !== undefined) headers['Content-Type'] = 'application/json';
    const body = json === undefined ? null : JSON.stringify(json);
    const response = await authorised(BASE + path, () => {
      // The time that somebody takes to find their token does not count.
      clearTimeout(timer);
      deadline = new AbortController();
      if (signal?.aborted) deadline.abort();
      const { signal: mine } = deadline;
      timer = setTimeout(stop, DEADLINE_MS);
      return { method, headers, body, signal: mine, cache: 'no-cache' };
    });
    if (!response.ok) throw await refusal(response);
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    throw unreachable(error, deadline.signal.aborted);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

async function refusal(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as ErrorBody;
  const message = body.error?.message ?? `the gateway answered ${response.status}`;
  const wait = retryAfterMs(response.headers.get('Retry-After'), Date.now());
  return new ApiError(message, response.status, body.error?.code ?? 'unknown', wait);
}

function unreachable(error: unknown, timedOut: boolean): ApiError {
  if (timedOut) return new ApiError(`no answer within ${DEADLINE_MS / 1000} s`, 0, 'timeout');
  if (error instanceof SyntaxError) return new ApiError('the answer was not JSON', 0, 'malformed');
  return new ApiError('the gateway could not be reached', 0, 'unreachable');
}

/** `crypto.randomUUID` exists only on secure origins; a gateway in a house network often has none. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
