// The channels: how fast and how heavy, finding one, pictures, and what is shown without a gateway or a network.

import { check, until } from '../script.mjs';
import { PATIENCE_MS } from './stage.mjs';

const MOST_BYTES = 400_000;
const USABLE_MS = 1000;
/** A busy machine may spoil some loads, but hardly all. */
const LOADS = 10;

export async function loads(stage) {
  const { page } = stage;
  const network = await stage.context.newCDPSession(page);
  await network.send('Network.enable');
  const own = new Map();
  const sizes = new Map();
  network.on('Network.responseReceived', ({ requestId, response }) => own.set(requestId, new URL(response.url).pathname));
  network.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const path = own.get(requestId) ?? '';
    if (path === '/' || path.startsWith('/assets/')) sizes.set(path, encodedDataLength);
  });
  let best = await usableAfter(stage);
  const hasPlayer = () => [...sizes.keys()].some((path) => path.startsWith('/assets/hls-'));
  await until('the player is fetched ahead', PATIENCE_MS, hasPlayer);
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  check(`the whole page, with its player, weighs less than ${MOST_BYTES / 1000} kB`, bytes < MOST_BYTES,
    `${(bytes / 1000).toFixed(1)} kB compressed in ${sizes.size} files`);
  await network.detach();
  for (let load = 1; load < LOADS && best >= USABLE_MS; load += 1) best = Math.min(best, await usableAfter(stage));
  check(`it can be used within ${USABLE_MS} ms`, best < USABLE_MS, `${Math.round(best)} ms to the first card`);
}

/** From the navigation to a card that can be clicked, milliseconds. */
async function usableAfter({ page, url }) {
  await page.goto('about:blank');
  await page.goto(`${url}/`, { waitUntil: 'commit' });
  await page.waitForFunction(() => document.querySelector('a.card'), undefined, { polling: 10, timeout: PATIENCE_MS });
  return page.evaluate(() => performance.now());
}

export async function finds(stage) {
  const { page } = stage;
  await stage.go('#/');
  await page.locator('a.card').first().waitFor();
  const { total } = await stage.ask('/channels?limit=1');
  check('every channel has a card', await page.locator('a.card').count() === total, `${total}`);
  const hostile = page.locator('[data-channel=hostile] .card-name');
  check('a name is text, whatever it holds', await hostile.innerText() === '<img src=x onerror=alert(1)>');

  await page.keyboard.press('/');
  await page.keyboard.type('test c');
  await cards(stage, ['testcard']);
  check('the search is in the address', page.url().endsWith('#/?q=test+c'), page.url());
  await page.reload();
  await cards(stage, ['testcard']);
  await page.locator('.search').fill('no such thing');
  await page.getByText('No channel is called “no such thing”.').waitFor();
  check('nothing found is said', await page.getByRole('heading', { name: 'Nothing found' }).isVisible());
  await stage.looks('nothing-found');
  await page.getByRole('button', { name: 'Show all channels' }).click();
  await page.getByRole('combobox', { name: 'Group' }).selectOption({ label: 'Films' });
  await cards(stage, ['film']);
  check('the group is in the address', page.url().endsWith('#/?group=Films'), page.url());
  await page.getByRole('combobox', { name: 'Group' }).selectOption({ label: 'All groups' });
  await until('all are back', PATIENCE_MS, async () => await page.locator('a.card').count() === total);
}

/** Exactly these cards are shown. */
async function cards({ page }, wanted) {
  const shown = () => page.locator('a.card').evaluateAll((all) => all.map((card) => card.dataset.channel).join());
  const found = await until(`the cards ${wanted}`, PATIENCE_MS, async () => await shown() === wanted.join()).catch(() => false);
  check(`only ${wanted} is found`, found === true, await shown());
}

/** Channels that run show what is on; the testcard plays since the player's act. */
export async function pictures(stage) {
  const { page } = stage;
  await stage.go('#/');
  const canvas = page.locator('[data-channel=testcard] canvas');
  await stage.sees('a channel that runs shows a picture', () => canvas.isVisible());
  const width = await canvas.evaluate((element) => element.width);
  check('the picture is one', width > 100, `${width} px wide`);
  check('a channel that rests shows none', await page.locator('[data-channel=film] canvas').isHidden());
  const card = page.locator('[data-channel=testcard]');
  await stage.sees('what is on and what comes next is told', async () =>
    /Colour bars\s*until \d\d:\d\d\s*Tone & clock\s*\d\d:\d\d/.test(await card.innerText()),
  () => card.innerText().then((text) => text.replaceAll('\n', ' ')));
  await stage.looks('channels');
}

export async function survivesOffline(stage) {
  const { page, context } = stage;
  await stage.go('#/');
  await page.locator('a.card').first().waitFor();
  await context.setOffline(true);
  await stage.sees('without a network the page says so', () => page.getByText('This device is offline.').isVisible());
  await stage.looks('offline');
  await context.setOffline(false);
  await stage.sees('and is back by itself', async () => await page.locator('.channels > .banner').isHidden());

  await page.route('**/api/v1/channels?*', (route) => route.abort());
  await page.reload();
  await stage.sees('a gateway that does not answer is told',
    () => page.getByRole('heading', { name: 'No answer from the gateway' }).isVisible());
  await stage.looks('no-answer');
  await page.unroute('**/api/v1/channels?*');
  await page.getByRole('button', { name: 'Try now' }).click();
  await stage.sees('and asked again', () => page.locator('a.card').first().isVisible());

  await page.route('**/api/v1/channels?*', (route) => route.fulfill({ json: { items: [], total: 0, next: null } }));
  await page.reload();
  await stage.sees('a gateway without channels says how to add one',
    () => page.getByRole('heading', { name: 'No channels yet' }).isVisible());
  await stage.looks('no-channels');
  await page.unroute('**/api/v1/channels?*');

  await page.route('**/api/v1/channels?*', () => {});
  await page.reload();
  await page.locator('.card.ghost').first().waitFor();
  check('while it loads, that is seen', await page.getByLabel('Loading').isVisible());
  await stage.looks('loading');
  await page.unroute('**/api/v1/channels?*', { behavior: 'ignoreErrors' });
}
