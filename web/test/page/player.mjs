// The player: by keyboard alone, in another quality, with its figures, shared; and a start that takes long.

import { readFile } from 'node:fs/promises';
import { check, until } from '../script.mjs';
import { PATIENCE_MS } from './stage.mjs';

/** From the address bar to a moving picture without a mouse. */
export async function plays(stage) {
  const { page } = stage;
  await page.goto('about:blank');
  await stage.go('#/');
  await page.locator('a.card').first().waitFor();
  await page.keyboard.press('Tab');
  const skip = await page.evaluate(() => document.activeElement?.textContent);
  check('the first stop of Tab skips to the content', skip === 'Skip to the content', skip ?? '');
  await page.keyboard.press('Enter');
  await tabTo(page, () => document.activeElement?.classList.contains('card'));
  const first = await page.evaluate(() => document.activeElement?.dataset.channel);
  await page.keyboard.press('ArrowRight');
  const second = await page.evaluate(() => document.activeElement?.dataset.channel);
  check('the arrows move between cards', second !== first, `${first} to ${second}`);
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await stage.playing();
  const { decoded, firstFrameMs } = await stage.stats();
  check('Enter plays', decoded > 0, `${first}, first picture after ${firstFrameMs} ms`);
  const latency = page.locator('#gauge-latency');
  await stage.sees('the live latency is shown', async () => /^\d+\.\d s$/.test(await latency.innerText()));
  await stage.looks('player');
}

/** Presses Tab until the focus is where it should be. */
async function tabTo(page, there) {
  for (let stops = 0; stops < 40; stops += 1) {
    if (await page.evaluate(there)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error('Tab never came there');
}

export async function switchesQuality(stage) {
  const { page } = stage;
  const needless = await page.locator('#audio, #subtitles').filter({ visible: true }).count();
  check('one sound and no subtitles need no menu', needless === 0);
  await page.keyboard.press('q');
  const items = page.locator('[role=menuitemradio]');
  await stage.picture('quality-menu');
  const lowest = Number(await items.last().getAttribute('data-level'));
  const other = (await stage.stats()).level?.index === lowest ? 'ArrowUp' : null;
  await page.keyboard.press('End');
  if (other) await page.keyboard.press(other);
  const wanted = Number(await page.evaluate(() => document.activeElement?.dataset.level));
  await page.keyboard.press('Enter');
  await stage.sees('the quality changes', async () => {
    const { level, auto } = await stage.stats();
    return !auto && level?.index === wanted;
  }, async () => (await stage.stats()).level?.name ?? '');
  const focused = await page.evaluate(() => document.activeElement?.id);
  check('the focus is back on the button', focused === 'quality', focused);
}

export async function showsFigures(stage) {
  const { page } = stage;
  await page.keyboard.press('i');
  const overlay = page.locator('#overlay');
  await stage.sees('the overlay tells the codecs', async () => /avc1\..*mp4a/.test(await overlay.innerText()));
  const text = await overlay.innerText();
  check('and rendition, buffer, latency, frames', /Rendition\n\d+p/.test(text) && /Buffer\n\d/.test(text) &&
    /Latency\n\d/.test(text) && /\d+ of \d+ dropped/.test(text), text.replaceAll('\n', ' '));
  await stage.looks('figures');
  await page.keyboard.press('i');
  check('and goes away', await overlay.isHidden());
  check('picture in picture can be had', await page.locator('[aria-label^="Picture in picture"]').isVisible());
}

export async function shares(stage) {
  const { page, url } = stage;
  await page.keyboard.press('s');
  const dialog = page.getByRole('dialog', { name: 'Share Test card' });
  await dialog.waitFor();
  await stage.looks('share');
  await dialog.getByRole('button', { name: 'Copy the address: HLS', exact: true }).click();
  const copied = await until('a copy', PATIENCE_MS, () => page.evaluate(() => navigator.clipboard.readText()));
  check('an address is copied', copied === `${url}/live/testcard/index.m3u8`, copied);
  for (const link of await dialog.locator('.address a').all()) {
    const { status } = await fetch(await link.getAttribute('href'), { method: 'HEAD' });
    check(`${await link.innerText()} is there`, status === 200, `${status}`);
  }
  const waiting = page.waitForEvent('download', { timeout: PATIENCE_MS });
  await dialog.getByRole('button', { name: /Save for VLC/ }).click();
  const file = await readFile(await (await waiting).path(), 'utf8');
  check('a playlist for VLC is saved', file === `#EXTM3U\n#EXTINF:-1,Test card\n${url}/live/testcard/index.m3u8\n`, file);
  await page.keyboard.press('Escape');
  check('Escape closes the dialog and nothing else', await dialog.isHidden() && page.url().endsWith('#/watch/testcard'));
}

/** A source that never answers: the page says which one is tried, for how long, and until when. */
export async function tellsWhatItWaitsFor(stage) {
  const { page } = stage;
  await stage.go('#/watch/slow');
  await stage.sees('a long start says which source is tried and since when',
    async () => /being tried for \d+ s/.test(await steps(page)), () => steps(page));
  check('and since when it goes on', /The start began/.test(await steps(page)));
  await stage.looks('starting');
  await stage.go('#/watch/broken');
  await stage.sees('a failure says why', async () => /refused the connection/.test(await page.locator('.veil-card').innerText()));
  await stage.looks('failed');
  await stage.go('#/watch/nowhere');
  await stage.sees('a channel that does not exist is told', () => page.getByText('No such channel').isVisible());
}

const steps = (page) => page.locator('.veil-steps').innerText({ timeout: PATIENCE_MS }).catch(() => '');
