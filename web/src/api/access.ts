// Who this page asks as: the operators' token. Kept until the tab is closed, sent with each request, never in a URL or
// a cookie. Where the gateway wants one, somebody is asked once, and everything that waits goes on with the answer.

const KEY = 'headgate.token';

/** Asks for a token; `wrong` when the one that was said is nobody's. Null: not now. */
export type Asker = (wrong: boolean) => Promise<string | null>;

let token: string | null = stored();
let asker: Asker | null = null;
let asking: Promise<void> | null = null;
/** Somebody closed the question: it is not asked again before they want it. */
let declined = false;
const listeners: (() => void)[] = [];

export const hasToken = (): boolean => token !== null;

export function askWith(ask: Asker): void {
  asker = ask;
}

/** Calls when another token holds, or none. */
export function whenAccessChanges(listener: () => void): void {
  listeners.push(listener);
}

/** From now on this is said; null forgets it. */
export function say(said: string | null): void {
  token = said;
  declined = false;
  try {
    if (said === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, said);
  } catch {
    // It holds until the page is left.
  }
  for (const listener of listeners) listener();
  globalThis.dispatchEvent?.(new Event('headgate:access'));
}

/** `fetch`, with the token; `init` is asked for before each attempt. */
export async function authorised(target: string, init: () => RequestInit): Promise<Response> {
  for (;;) {
    const said = token;
    const { headers, ...rest } = init();
    const fields = new Headers(headers);
    if (said !== null) fields.set('Authorization', `Bearer ${said}`);
    const response = await fetch(target, { ...rest, headers: fields });
    if (response.status !== 401 || asker === null) return response;
    if (said === token) await askOnce(asker, said !== null);
    // Nobody gave another one: the refusal stands.
    if (said === token) return response;
  }
}

function askOnce(ask: Asker, wrong: boolean): Promise<void> {
  if (declined) return Promise.resolve();
  asking ??= ask(wrong).then((said) => {
    asking = null;
    // One that is nobody's is not said again.
    if (said !== null || wrong) say(said);
    declined = said === null;
  });
  return asking;
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}
