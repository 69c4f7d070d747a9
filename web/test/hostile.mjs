// Five thousand channels by somebody who means harm: on the page they are text.
//   node test/hostile.mjs --list FILE              writes them as a playlist, to be imported
//   node test/hostile.mjs --url http://127.0.0.1:8080 [--browser PATH]
// Prints what it saw and `N passed, N failed`; exits 1 when anything failed.

import { writeFileSync } from 'node:fs';
import { check, firstPage, inChromium, readOptions, until } from './script.mjs';

const ENTRIES = 5000;
const PATIENCE_MS = 60_000;

/** Names that a page might run, load or lay out, if it took them for anything else than text. */
const NAMES = [
  '<script>window.__harm=1</script>',
  '<img src=x onerror="window.__harm=1">',
  '" onmouseover="window.__harm=1" x="',
  "'><svg onload=window.__harm=1>",
  '<a href="javascript:window.__harm=1">here</a>',
  '<iframe srcdoc="<script>parent.__harm=1</script>"></iframe>',
  '{{constructor.constructor("window.__harm=1")()}} ${window.__harm=1}',
  '</title><style>*{display:none}</style>',
  '&lt;b&gt; &amp;amp; ]]> <![CDATA[',
  '|User-Agent=evil #EXTINF:-1,x %00 \\n',
  'שלום \u200f عالم 日本語 😀',
  `long ${'word '.repeat(2000)}`,
];
const GROUPS = ['News', '<b onclick="window.__harm=1">News</b>', '"><img src=x onerror=window.__harm=1>'];

const options = readOptions({ url: null, list: null });
if (options.list) {
  writeFileSync(options.list, playlist());
} else {
  await inChromium({ browser: options.browser, viewport: { width: 1280, height: 820 } }, look);
}

function playlist() {
  const entries = Array.from({ length: ENTRIES }, (_, index) => {
    const name = `${index} ${NAMES[index % NAMES.length]}`;
    const group = GROUPS[index % GROUPS.length].replaceAll('"', "'");
    return `#EXTINF:-1 tvg-id="c${index}" group-title="${group}",${name}\nhttp://127.0.0.1:9/${index}\n`;
  });
  return `#EXTM3U\n${entries.join('')}`;
}

async function look(context) {
  const page = await firstPage(context);
  const seen = watch(page);
  const wanted = await channels();
  check('the list was imported', wanted.size === ENTRIES, `${wanted.size} channels`);
  await page.goto(`${options.url}/`);
  await page.locator('a.card').first().waitFor({ timeout: PATIENCE_MS });
  await showAll(page);
  const shown = new Map(await page.evaluate(() => Array.from(document.querySelectorAll('a.card'),
    (card) => [card.dataset.channel, card.querySelector('.card-name').textContent])));
  const others = [...wanted].filter(([id, name]) => shown.get(id) !== name);
  check('every name is shown as it is', others.length === 0, others.slice(0, 2).join('; ').slice(0, 300));
  const elements = ':is(script, iframe, style, [onload], [onerror], [onmouseover], [onclick])';
  const foreign = await page.locator(`.group-section ${elements}`).count();
  check('no name has become an element', foreign === 0, `${foreign}`);
  await opens(page, [...wanted].find(([, name]) => name.includes('onerror')));
  check('nothing was executed', await page.evaluate(() => window.__harm === undefined));
  check('nothing asked a question, complained or loaded from elsewhere', seen.length === 0, seen.slice(0, 3).join('; '));
}

/** The page shows some cards first, and more when it is asked to. */
async function showAll(page) {
  const cards = () => page.locator('a.card').count();
  for (let before = 0; before < ENTRIES; ) {
    const now = await until('more cards', PATIENCE_MS, async () => {
      const count = await cards();
      return count > before && count;
    });
    if (now < ENTRIES) await page.evaluate(() => document.querySelector('.more button').click());
    before = now;
  }
}

/** A channel's own view, which does not play: its name is text there, too. */
async function opens(page, [id, name]) {
  await page.evaluate((to) => document.querySelector(`[data-channel="${to}"]`).click(), id);
  await page.waitForFunction((text) => Array.from(document.querySelectorAll('h1, h2'),
    (one) => one.textContent).some((one) => one.includes(text)), name, { timeout: PATIENCE_MS })
    .then(() => check('its own view has its name', true), () => check('its own view has its name', false, name));
}

/** What must not happen while the page is open. */
function watch(page) {
  const seen = [];
  page.on('dialog', (dialog) => {
    seen.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('pageerror', (error) => seen.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) seen.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(options.url) && !/^(data|blob|about):/.test(url)) seen.push(url);
  });
  return seen;
}

/** The names of all channels, by the API. */
async function channels() {
  const names = new Map();
  for (let cursor = ''; cursor !== null; ) {
    const answer = await fetch(`${options.url}/api/v1/channels?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const { items, next } = await answer.json();
    for (const { id, name } of items) names.set(id, name);
    cursor = next ?? null;
  }
  return names;
}
