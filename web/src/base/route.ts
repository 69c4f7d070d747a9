// The page's addresses. Pure: a hash to a view and back.

export type Route = { view: 'channels' } | { view: 'watch'; channel: string } | { view: 'sessions' } | { view: 'config' };

export function parseRoute(hash: string): Route {
  const [, head, ...rest] = hash.replace(/^#/, '').split('?')[0]?.split('/') ?? [];
  if (head === 'sessions' && rest.length === 0) return { view: 'sessions' };
  if (head === 'config' && rest.length === 0) return { view: 'config' };
  if (head === 'watch' && rest.length === 1 && rest[0]) {
    const channel = decode(rest[0]);
    if (channel !== null) return { view: 'watch', channel };
  }
  return { view: 'channels' };
}

export function formatRoute(route: Route): string {
  switch (route.view) {
    case 'watch':
      return `#/watch/${encodeURIComponent(route.channel)}`;
    case 'sessions':
      return '#/sessions';
    case 'config':
      return '#/config';
    case 'channels':
      return '#/';
  }
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
