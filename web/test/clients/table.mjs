// The table of clients in a document: what stands between two marks is written anew, everything else is kept.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const BEGIN = '<!-- clients: written by `make clients` -->';
const END = '<!-- end of clients -->';

/** The outputs in the order of the columns. */
export const OUTPUTS = {
  hls: { title: 'HLS', path: 'index.m3u8' },
  ts: { title: 'HLS, MPEG-TS segments', path: 'ts/index.m3u8' },
  stream: { title: 'MPEG-TS stream', path: 'stream.ts' },
  dash: { title: 'DASH', path: 'manifest.mpd' },
};

/** Writes the results of `clients` (name, version, results by output) into a copy of `template`. */
export function writeTable({ template, out, clients, seconds, browser }) {
  const text = readFileSync(template, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${template} has no place for the table: ${BEGIN} … ${END}`);
  const table = tableOf(clients, seconds, browser);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${text.slice(0, begin)}${BEGIN}\n\n${table}\n\n${text.slice(end)}`);
}

function tableOf(clients, seconds, browser) {
  const titles = Object.values(OUTPUTS).map(({ title }) => title);
  const head = ['Client', 'Version', ...titles];
  const rows = clients.map(({ name, version, results }) =>
    [name, version, ...Object.keys(OUTPUTS).map((output) => cell(results[output]))]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const faults = clients.flatMap(({ name, results }) => Object.entries(results)
    .filter(([, found]) => found.length > 0)
    .map(([output, found]) => `- ${name}, ${OUTPUTS[output].title}: ${found.slice(0, 3).join('; ')}`));
  return [line(head), line(head.map(() => '---')), ...rows.map(line), '',
    `Each played for ${seconds} seconds. Players that are scripts ran in Chromium ${browser}.`,
    ...(faults.length > 0 ? ['', 'What failed:', '', ...faults] : [])].join('\n');
}

function cell(faults) {
  if (faults === undefined) return '–';
  return faults.length === 0 ? 'plays' : '**fails**';
}
