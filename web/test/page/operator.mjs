// The operator's views: start ahead, see a failover, restart, send a viewer away, stop; and a configuration that is wrong.

import { readFile, writeFile } from 'node:fs/promises';
import { check, until } from '../script.mjs';
import { PATIENCE_MS } from './stage.mjs';

const card = ({ page }, channel) => page.locator(`.session[data-channel=${channel}]`);
const answerOf = (session) => session.locator('.session-answer').innerText();

/** Starts `safe` by keyboard, before anybody watches. */
export async function startsAhead(stage) {
  const { page } = stage;
  await stage.go('#/sessions');
  await page.locator('#start-ahead').focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Start a channel ahead' });
  await dialog.getByLabel('Channel').selectOption('safe');
  await dialog.getByLabel('Channel').focus();
  await stage.looks('start-ahead');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await stage.sees('a channel is started ahead and the answer shown',
    () => dialog.getByText('Accepted: it runs until').isVisible());
  await page.keyboard.press('Escape');
  check('the focus is back on the button', await page.evaluate(() => document.activeElement?.id) === 'start-ahead');
}

/** Its first source refuses: the page sees how the second one takes over. */
export async function failsOver(stage) {
  const { page } = stage;
  const safe = card(stage, 'safe');
  await stage.sees('the event stream tells that the first source is lost', () =>
    page.locator('.feed li[data-type="source.lost"]', { hasText: 'safe' }).first().isVisible());
  await stage.sees('the channel is live from the second one', async () =>
    await safe.getAttribute('data-state') === 'active' && /testcard:/.test(await safe.locator('.session-facts').innerText()));
  await safe.locator('summary').click();
  await stage.sees('its sources say who is on air', async () =>
    (await safe.locator('.sources li[data-role=on_air]').first().innerText()).startsWith('testcard:'));
  const story = await safe.locator('.history').last().innerText();
  check('its story tells why', /was lost|refused the connection/.test(story));
  await plotted(stage, safe);
  await safe.getByRole('button', { name: /^Use http.* for safe/ }).click();
  await page.getByRole('button', { name: 'Switch', exact: true }).click();
  await stage.sees('a switch is answered', () => safe.locator('.session-answer').isVisible(),
    () => safe.locator('.session-answer').innerText());
}

async function plotted(stage, session) {
  await stage.sees('viewers, bitrates, speed and delay are plotted', async () => {
    const drawn = await session.locator('.plot').evaluateAll((plots) =>
      plots.map((plot) => plot.querySelectorAll('polyline').length));
    return drawn.length === 4 && drawn.every((lines) => lines > 0);
  });
  const label = await session.locator('.plot svg').nth(2).getAttribute('aria-label');
  check('a plot says its figures', /^Encoder speed: \d.*× now, at most/.test(label ?? ''), label ?? '');
}

export async function restarts(stage) {
  const { page, context } = stage;
  // Somebody watches meanwhile, in a tab of their own.
  stage.viewer = await context.newPage();
  stage.listen(stage.viewer);
  await stage.watch('testcard', stage.viewer);
  await page.bringToFront();
  const testcard = card(stage, 'testcard');
  const { encoder: before } = await stage.session('testcard');
  await testcard.getByRole('button', { name: 'Restart the encoder of testcard' }).click();
  await page.keyboard.press('Escape');
  check('Escape leaves it alone', await testcard.locator('.session-answer').isHidden());
  await testcard.getByRole('button', { name: 'Restart the encoder of testcard' }).click();
  await stage.looks('confirm');
  await page.getByRole('button', { name: 'Restart', exact: true }).click();
  await stage.sees('a restart is answered', async () => /Restart: accepted/.test(await answerOf(testcard)));
  await stage.sees('and another encoder runs', async () => {
    const now = (await stage.session('testcard'))?.encoder;
    return now && now.pid !== before.pid;
  });
  const from = await stage.stats(stage.viewer);
  await stage.sees('who watches goes on watching', async () => {
    const now = await stage.stats(stage.viewer);
    return now.playing && now.currentTime > from.currentTime + from.buffer + 0.5;
  });
}

export async function kicksAndStops(stage) {
  const { page } = stage;
  await stage.go('#/sessions');
  const testcard = card(stage, 'testcard');
  await testcard.locator('summary').click();
  const away = testcard.getByRole('button', { name: 'Kick 127.0.0.1' }).first();
  await stage.sees('who watches is listed', () => away.isVisible());
  await stage.looks('sessions', { fullPage: true });
  await away.click();
  await page.getByRole('button', { name: 'Kick', exact: true }).click();
  await stage.sees('a viewer is sent away', async () => /Kick: accepted/.test(await answerOf(testcard)));
  await stage.sees('and is told', () => stage.viewer.getByText(/cannot be played/).isVisible());
  await stage.viewer.close();

  const { id } = await stage.session('testcard');
  await testcard.getByRole('button', { name: 'Stop testcard' }).click();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await stage.sees('a session is stopped', async () => {
    const session = await stage.session('testcard');
    return session === null || session.id !== id || !['starting', 'active'].includes(session.state);
  });
  await stage.sees('and the page shows it', async () => await testcard.count() === 0 ||
    !['starting', 'active'].includes(await testcard.getAttribute('data-state')));
}

/** A file that is wrong is shown with its line, on every view, until it is mended. */
export async function configures(stage) {
  const { page, config } = stage;
  await stage.go('#/config');
  await page.getByRole('heading', { name: 'In force' }).waitFor();
  await page.locator('#reload').click();
  const answer = page.locator('#reload-answer');
  await stage.sees('a reload is answered', async () => /nothing is different/.test(await answer.innerText()));
  await stage.looks('setup');
  const good = await readFile(config, 'utf8');
  try {
    await writeFile(config, `${good}\n[[channel]]\nid = "not an id"\nsource = "testcard:"\n`);
    await page.locator('#reload').click();
    await stage.sees('what is wrong is told with its line', async () =>
      /Line \d+, column \d+/.test(await page.locator('.refused-file .problems').innerText()), () => answer.innerText());
    await stage.sees('and on every view', () => page.getByText('The configuration was not taken').isVisible());
    await stage.looks('setup-refused');
  } finally {
    await writeFile(config, good);
  }
  await page.locator('#reload').click();
  await until('it is mended', PATIENCE_MS, async () => (await stage.ask('/config')).last_error === null);
  await stage.sees('until it is mended', () => page.getByText('The configuration was not taken').isHidden());
}
