// Which channels of many: a search and a group, kept in the page's address. Pure.

import type { Channel } from '../api/schema';

export interface Filter {
  query: string;
  /** A group's name, `''` for the channels without one, null for all. */
  group: string | null;
}

export const EVERYTHING: Filter = { query: '', group: null };

/** Reads `#/?q=…&group=…`. */
export function parseFilter(hash: string): Filter {
  const at = hash.indexOf('?');
  const values = new URLSearchParams(at < 0 ? '' : hash.slice(at + 1));
  return { query: values.get('q') ?? '', group: values.get('group') };
}

export function formatFilter({ query, group }: Filter): string {
  const values = new URLSearchParams();
  if (query.trim() !== '') values.set('q', query.trim());
  if (group !== null) values.set('group', group);
  const text = values.toString();
  return text === '' ? '#/' : `#/?${text}`;
}

export const isFiltering = ({ query, group }: Filter): boolean => query.trim() !== '' || group !== null;

/** The names of the groups in their order, `''` for none. */
export function groupsOf(channels: Channel[]): string[] {
  return [...new Set(channels.map((channel) => channel.group ?? ''))];
}

export function matcher({ query, group }: Filter): (channel: Channel) => boolean {
  const wanted = fold(query);
  return (channel) => {
    if (group !== null && (channel.group ?? '') !== group) return false;
    if (wanted === '' || String(channel.number ?? '') === wanted) return true;
    const text = [channel.name, channel.group, channel.id, channel.now?.title, channel.next?.title];
    return fold(text.filter(Boolean).join(' ')).includes(wanted);
  };
}

/** Without case and accents: `światowid` is found by `swiatowid`. */
function fold(text: string): string {
  return text.trim().normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
}
