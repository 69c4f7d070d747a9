// From a filled-in form to a request, and to the same for a command line. Pure.

import type { Entry, Parameter } from './document';

export interface Request {
  method: string;
  /** Path and query. */
  target: string;
  headers: Record<string, string>;
  body: string | null;
}

/** The parameters of a path that are still missing. */
export function missing(entry: Entry, values: Record<string, string>): Parameter[] {
  return (entry.operation.parameters ?? []).filter(({ name, required }) => required && !values[name]);
}

export function request(entry: Entry, values: Record<string, string>, body: string | null): Request {
  const headers: Record<string, string> = {};
  const query = new URLSearchParams();
  let target = entry.path;
  for (const { name, in: place } of entry.operation.parameters ?? []) {
    const value = values[name] ?? '';
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(value));
    else if (value === '') continue;
    else if (place === 'query') query.set(name, value);
    else headers[name] = value;
  }
  if (body !== null) headers['Content-Type'] = 'application/json';
  const search = query.toString();
  return { method: entry.method, target: search === '' ? target : `${target}?${search}`, headers, body };
}

/** The same for a POSIX shell. */
export function curl(origin: string, { method, target, headers, body }: Request, needsToken = false): string {
  const words = ['curl'];
  // By its variable: a token does not belong into the history of a shell.
  if (needsToken) words.push('-H', '"Authorization: Bearer $HEADGATE_OPERATORS_TOKEN"');
  if (method !== 'GET') words.push('-X', method);
  for (const [name, value] of Object.entries(headers)) words.push('-H', quoted(`${name}: ${value}`));
  if (body !== null) words.push('-d', quoted(compact(body)));
  return [...words, quoted(origin + target)].join(' ');
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** JSON on one line; anything else as it is. */
function compact(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

/** JSON in a readable form; anything else as it is. */
export function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
