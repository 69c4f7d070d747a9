// Plays a channel in a real Chromium while its sources are unplugged and plugged in again.
//   node test/failover.mjs --gateway PROGRAM --config FILE --port N --ports A,B --ffmpeg FILE [--log FILE] [--browser PATH]
// The configuration's only channel is `news`: primary on port A, backup on port B, then a slate.
// Prints what it saw and `N passed, N failed`; exits 1 when anything failed.

import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { Origin } from './origin.mjs';
import { check, firstPage, inChromium, pause, readOptions, until } from './script.mjs';
import { Witness } from './witness.mjs';

/** Far above what is wanted (5 s): a busy machine must not fail what is printed anyway. */
const PATIENCE_MS = 40_000;
const RETURNS = 3;
const options = readOptions({ gateway: null, config: null, port: null, ports: null, ffmpeg: 'ffmpeg', log: '/dev/null' });
const url = `http://127.0.0.1:${options.port}`;
const [primary, backup] = options.ports.split(',').map((port, index) =>
  new Origin(options.ffmpeg, Number(port), index === 0 ? 'navy' : 'darkgreen'));
const log = await open(options.log, 'w');
const gateway = spawn(options.gateway, ['--config', options.config, '--listen', `127.0.0.1:${options.port}`],
  { stdio: ['ignore', 'ignore', log.fd] });

await inChromium({
  browser: options.browser,
  args: ['--autoplay-policy=no-user-gesture-required'],
}, async (context) => run(await firstPage(context)), async () => {
  gateway.kill('SIGKILL');
  await Promise.all([primary.unplug(), backup.unplug()]);
  await log.close();
});

async function run(page) {
  await until('the gateway answers', PATIENCE_MS, () => fetch(`${url}/healthz`).then((answer) => answer.ok, () => false));
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
  await until(`${name} is shown`, PATIENCE_MS, async () => (await source())?.startsWith(name));
  return Date.now() - from;
}

async function source() {
  const sessions = await fetch(`${url}/debug/sessions`).then((answer) => answer.json()).catch(() => []);
  return sessions.find((session) => session.channel === 'news')?.source;
}

/** The picture moves on, past what was buffered when this was called. */
async function playsOn(page, what) {
  const from = await stats(page);
  await until(`${what} moves`, PATIENCE_MS, async () => (await stats(page)).currentTime > from.currentTime + from.buffer + 0.5);
  check(`${what} moves`, true);
}

function stats(page) {
  return page.evaluate(() => window.__headgate.stats());
}
