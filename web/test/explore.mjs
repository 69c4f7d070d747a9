// Tries the API in a real Chromium on the gateway's own page for that, /api/.
//   node test/explore.mjs --url http://127.0.0.1:8080 --channel testcard [--screenshot FILE] [--browser PATH]
// Prints what it saw; exits 1 when anything is wrong.

import assert from 'node:assert/strict';
import { check, inChromium, readOptions } from './script.mjs';

const options = readOptions({ url: 'http://127.0.0.1:8080', channel: 'testcard', screenshot: null });
const viewport = { width: 1280, height: 900 };
await inChromium({ browser: options.browser, viewport }, async (context) => run(await context.newPage()));

async function run(page) {
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));

  await page.goto(`${options.url}/api/`);
  await page.locator('.operation').first().waitFor({ timeout: 10_000 });
  const described = await (await fetch(`${options.url}/api/v1/openapi.json`)).json();
  const count = Object.values(described.paths).flatMap((item) => Object.keys(item)).length;
  assert.equal(await page.locator('.operation').count(), count, 'every operation has its card');
  check(`${count} operations`, true);

  const channels = await open(page, 'channels');
  await channels.locator('input[name=limit]').fill('1');
  const list = await send(channels);
  assert.match(list, /"total": \d+/);
  check('a list is read', true);

  const start = await open(page, 'start');
  await start.locator('.send').click();
  assert.match(await start.locator('.result').innerText(), /id is needed/);
  await start.locator('input[name=id]').fill(options.channel);
  await start.locator('textarea').fill('{"for": "5s"}');
  const command = await start.locator('.command').innerText();
  assert.equal(command, `curl -X POST -H 'Content-Type: application/json' -d '{"for":"5s"}' ` +
    `'${options.url}/api/v1/channels/${options.channel}/start'`);
  const hold = await send(start);
  assert.match(hold, /"until": "\d{4}-/);
  assert.match(await start.locator('.result .good').innerText(), /^202/);
  check('a channel is started', true);

  if (options.screenshot) await page.screenshot({ path: options.screenshot, fullPage: true });
  await page.setViewportSize({ width: 390, height: 800 });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wider <= 0, `the page is ${wider} px wider than a phone`);
  assert.deepEqual(complaints, [], 'no errors and no policy violations');
  check('nothing to complain about', true);
}

async function open(page, operation) {
  const card = page.locator(`#${operation}`);
  await card.locator('summary').first().click();
  return card;
}

async function send(card) {
  await card.locator('.send').click();
  await card.locator('.result > pre').waitFor({ timeout: 10_000 });
  await card.locator('.send:text-is("Send")').waitFor({ timeout: 10_000 });
  return card.locator('.result > pre').innerText();
}
