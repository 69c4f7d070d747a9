// The viewer's token, where the page was opened with one: `/t/{token}/` or `/?token={token}`. Channels that want one
// are asked for with it, and so is what is shared. Pure but for where the page is.

const PATH = /^\/t\/([\w.~-]+)\//;
const TOKEN = /^[\w.~-]+$/;

export function tokenOf(path: string, query: string): string | null {
  const inPath = PATH.exec(path)?.[1];
  const inQuery = new URLSearchParams(query).get('token');
  return inPath ?? (inQuery !== null && TOKEN.test(inQuery) ? inQuery : null);
}

/** What stands before the paths of media and lists. */
export function prefixOf(token: string | null): string {
  return token === null ? '' : `/t/${token}`;
}

export const mediaPrefix = (): string => prefixOf(tokenOf(location.pathname, location.search));
