// The rules that the compiler does not know: no markup from strings, no inline styles or scripts (the page's policy
// forbids them), no `any`, and files and lines of a readable size.

import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MOST_LINES = 300;
const WIDEST = 130;
const CODE = [
  [/\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment)\b/, 'markup from a string'],
  [/setAttribute\(\s*['"](style|on\w+)['"]/, 'an inline style or handler'],
  [/\beval\(|new Function\(/, 'code from a string'],
  [/:\s*any\b|\bas any\b|<any>|@ts-(ignore|nocheck)/, 'a hole in the types'],
  [/https?:\/\/(?!www\.w3\.org|127\.0\.0\.1|localhost)/, 'a foreign address'],
];
const HTML = [
  [/<style\b|\sstyle=/, 'an inline style'],
  [/<script(?![^>]*\ssrc=)/, 'an inline script'],
  [/\son\w+=/, 'an inline handler'],
];

const problems = [];
for (const folder of ['src', 'scripts', 'test', 'dev']) {
  for (const file of await filesIn(join(ROOT, folder))) await look(file, folder === 'src' ? CODE : []);
}
for (const page of ['index.html', 'api.html']) await look(join(ROOT, page), HTML);
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);

async function filesIn(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = entries.map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });
  return (await Promise.all(nested)).flat();
}

async function look(file, rules) {
  const name = relative(ROOT, file);
  const lines = (await readFile(file, 'utf8')).split('\n');
  const isCode = /\.(ts|mjs)$/.test(file);
  if (isCode && lines.length > MOST_LINES) problems.push(`${name}: ${lines.length} lines, more than ${MOST_LINES}`);
  lines.forEach((line, index) => {
    const at = `${name}:${index + 1}`;
    if (/[ \t]$/.test(line)) problems.push(`${at}: blanks at the end`);
    if (isCode && line.length > WIDEST) problems.push(`${at}: ${line.length} columns, more than ${WIDEST}`);
    for (const [pattern, what] of rules) if (pattern.test(line)) problems.push(`${at}: ${what}`);
  });
}
