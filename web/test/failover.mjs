// Plays a channel in a real Chromium while its sources are unplugged and plugged in again.
//   node test/failover.mjs --gateway PROGRAM --config FILE --port N --ports A,B --ffmpeg FILE [--log FILE] [--browser PATH]
// The configuration's only channel is `news`: primary on port A, backup on port B, then a slate.
// Prints what it saw and `N passed, N failed`; exits 1 when anything failed.

import { spawn } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { Origin } from './origin.mjs';
import { Witness } from './witness.mjs';

/** Far above what is wanted (5 s): a busy machine must not fail what is printed anyway. */
const PATIENCE_MS = 40_000;
const RETURNS = 3;
const options = readOptions(process.argv.slice(2));
const url = `http://127.0.0.1:${options.port}`;
const [primary, backup] = options.ports.split(',').map((port, index) =>
  new Origin(options.ffmpeg, Number(port), index === 0 ? 'navy' : 'darkgreen'));
let passed = 0;
let failed = 0;

const profile = await mkdtemp(join(tmpdir(), 'headgate-failover-'));
const log = await open(options.log, 'w');
const gateway = spawn(options.gateway, ['--config', options.config, '--listen', `127.0.0.1:${options.port}`],
  { stdio: ['ignore', 'ignore', log.fd] });
const context = await chromium.launchPersistentContext(profile, {
  executablePath: options.browser,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
});
try {
  await run(context.pages()[0] ?? (await context.newPage()));
} catch (error) {
  check('the script reached its end', false, error.stack);
} finally {
  await context.close();
  gateway.kill('SIGKILL');
  await Promise.all([primary.unplug(), backup.unplug()]);
  await log.close();
  await rm(profile, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function run(page) {
  await until('the gateway answers', () => fetch(`${url}/healthz`).then((answer) => answer.ok, () => false));
  await Promise.all([primary.plugIn(), backup.plugIn()]);
  await page.goto(`${url}/#/watch/news`);
  await page.waitForFunction(() => window.__headgate?.stats()?.playing, undefined,
    { timeout: PATIENCE_MS, polling: 50 });
  await page.evaluate(() => (window.__survivor = true));
  check('it plays the primary', await source() === 'primary');

  await returnWithoutStall(page);

  await primary.unplug();
  await shown('backup');
  await backup.unplug();
  check('with no source the slate is shown', true, `${await shown('slate:')} ms after the last one was unplugged`);
  await playsOn(page, 'the slate');
  await backup.plugIn();
  check('the slate is left', true, `${await shown('backup')} ms after a source was back`);
  await playsOn(page, 'the backup');
  const same = await page.evaluate(() => window.__survivor === true);
  check('the page was never loaded again', same);
}

/** To the backup and back; again if the machine was too busy for the player to be judged. */
async function returnWithoutStall(page) {
  for (let attempt = 1; ; attempt += 1) {
    await primary.unplug();
    check('the backup takes over', true, `${await shown('backup')} ms after the primary was unplugged`);
    await playsOn(page, 'the backup');
    await pause(4000);
    const before = await stats(page);
    const witness = new Witness(url, 'news');
    await primary.plugIn();
    const back = await shown('primary');
    await pause(6000);
    const [after, starved] = [await stats(page), await witness.verdict()];
    await playsOn(page, 'the primary');
    const stalls = after.stalls - before.stalls;
    if (stalls === 0 || starved === null || attempt === RETURNS) {
      check('the primary is taken back', true, `${back} ms after it was plugged in, hold_down 5 s`);
      check('and no player notices', stalls === 0, `${stalls} stalls`);
      return;
    }
    console.log(`       the machine was starved (${starved}): once more`);
  }
}

/** Waits until viewers see a source whose name begins like this; how long that took. */
async function shown(name) {
  const from = Date.now();
  await until(`${name} is shown`, async () => (await source())?.startsWith(name));
  return Date.now() - from;
}

async function source() {
  const sessions = await fetch(`${url}/debug/sessions`).then((answer) => answer.json()).catch(() => []);
  return sessions.find((session) => session.channel === 'news')?.source;
}

/** The picture moves on, past what was buffered when this was called. */
async function playsOn(page, what) {
  const from = await stats(page);
  await until(`${what} moves`, async () => (await stats(page)).currentTime > from.currentTime + from.buffer + 0.5);
  check(`${what} moves`, true);
}

function stats(page) {
  return page.evaluate(() => window.__headgate.stats());
}

async function until(what, holds) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    if (await holds()) return;
    await pause(50);
  }
  throw new Error(`${what}: not within ${PATIENCE_MS} ms; the gateway's log is ${options.log}`);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function check(name, good, detail = '') {
  if (good) passed += 1;
  else failed += 1;
  console.log(`  ${good ? 'ok  ' : 'FAIL'} ${name}${detail ? `: ${detail}` : ''}`);
}

function readOptions(args) {
  const read = { browser: '/usr/bin/chromium', log: '/dev/null', ffmpeg: 'ffmpeg' };
  for (let index = 0; index < args.length; index += 2) {
    const name = args[index].replace(/^--/, '');
    if (!['gateway', 'config', 'port', 'ports', 'ffmpeg', 'log', 'browser'].includes(name) || args[index + 1] === undefined) {
      console.error(`${args[index]} is not an option; see the head of this file`);
      process.exit(2);
    }
    read[name] = args[index + 1];
  }
  return read;
}
