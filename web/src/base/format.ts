// Numbers as people read them. Pure; every function answers a dash for what is not known.

export const UNKNOWN = '–';

type Maybe<T> = T | null | undefined;

export function seconds(value: Maybe<number>): string {
  return isNumber(value) ? `${Math.max(0, value).toFixed(1)} s` : UNKNOWN;
}

export function bitrate(bits: Maybe<number>): string {
  if (!isNumber(bits) || bits <= 0) return UNKNOWN;
  if (bits < 1_000_000) return `${Math.round(bits / 1000)} kb/s`;
  return `${(bits / 1_000_000).toFixed(bits < 10_000_000 ? 1 : 0)} Mb/s`;
}

export function bytes(value: Maybe<number>): string {
  if (!isNumber(value)) return UNKNOWN;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(unit === 0 || size >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** `850 ms`, `4 s`, `3 min`, `2 h 5 min`, `6 d`. */
export function duration(secs: Maybe<number>): string {
  if (!isNumber(secs)) return UNKNOWN;
  if (secs < 1) return `${Math.round(Math.max(0, secs) * 1000)} ms`;
  const whole = Math.floor(secs);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

/** How long ago an RFC 3339 time was. */
export function ago(time: Maybe<string>, now: number): string {
  const at = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(at) ? UNKNOWN : duration((now - at) / 1000);
}

/** The wall clock of an RFC 3339 time, where the reader is. */
export function clock(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return UNKNOWN;
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Hours and minutes of an RFC 3339 time, where the reader is. */
export function timeOfDay(time: string): string {
  const text = clock(time);
  return text === UNKNOWN ? UNKNOWN : text.slice(0, 5);
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

export function fixed(value: Maybe<number>, digits: number, unit = ''): string {
  return isNumber(value) ? value.toFixed(digits) + unit : UNKNOWN;
}

/** Up to two letters that stand for a name where it has no picture. */
export function initials(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  const [first = '', second] = words;
  return second === undefined ? [...first].slice(0, 2).join('') : firstLetter(first) + firstLetter(second);
}

/** A steady number below `buckets` for a text, to colour things by their name. */
export function bucket(text: string, buckets: number): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash % buckets;
}

function firstLetter(word: string): string {
  return [...word][0] ?? '';
}

function isNumber(value: Maybe<number>): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
