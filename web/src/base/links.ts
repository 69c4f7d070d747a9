// Where the players of a channel go, as absolute addresses, and the little file that opens it in VLC. Pure.

export interface Link {
  name: string;
  url: string;
  /** Who can use it. */
  hint: string;
}

/** The listener that every gateway has. */
const PLAIN = 'http:';

export interface Served {
  /** How viewers call the gateway, if that is configured. */
  publicUrl: string | null;
  /** `address:port` for viewers, and the same for operators. */
  viewers: string;
  operators: string;
}

/** Where players find channels: this page may be served at an address that is for operators only. */
export function playersOrigin(page: { origin: string; hostname: string }, served: Served | null): string {
  if (served === null) return page.origin;
  if (served.publicUrl !== null) return served.publicUrl;
  if (served.viewers === served.operators) return page.origin;
  const port = served.viewers.slice(served.viewers.lastIndexOf(':') + 1);
  return `${PLAIN}//${page.hostname}:${port}`;
}

/** `page` is where this page is, if that is elsewhere; `prefix` carries the viewer's token. */
export function linksOf(origin: string, id: string, { page = origin, prefix = '' } = {}): Link[] {
  const channel = encodeURIComponent(id);
  const base = `${origin}${prefix}/live/${channel}`;
  return [
    { name: 'This page', url: `${page}${prefix}/#/watch/${channel}`, hint: 'a browser' },
    { name: 'HLS', url: `${base}/index.m3u8`, hint: 'VLC, mpv, phones and televisions' },
    { name: 'HLS with MPEG-TS', url: `${base}/ts/index.m3u8`, hint: 'older players' },
    { name: 'MPEG-TS', url: `${base}/stream.ts`, hint: 'tuners and IPTV front ends' },
    { name: 'DASH', url: `${base}/manifest.mpd`, hint: 'dash.js, Shaka, some televisions' },
    { name: 'All channels (M3U)', url: `${origin}${prefix}/channels.m3u`, hint: 'Kodi, Jellyfin, TiviMate, VLC' },
  ];
}

/** A playlist of one channel. A name is a single line here, whatever it holds. */
export function playlistFile(name: string, url: string): string {
  return `#EXTM3U\n#EXTINF:-1,${name.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()}\n${url}\n`;
}

/** VLC's own scheme: its apps for phones know it, its desktop programs do not. */
export const vlcLink = (url: string): string => `vlc://${url}`;
