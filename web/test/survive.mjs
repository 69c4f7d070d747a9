// Plays channels in a real Chromium while their encoders are killed, and then the gateway itself.
//   node test/survive.mjs --gateway PROGRAM --config FILE --port N [--kills N] [--log FILE] [--browser PATH]
// Every channel of the configuration is a page of its own that is never loaded again. The gateway is this script's
// child: it is killed without a warning, and started again on the same port.
// Prints what it saw and `N passed, N failed`; exits 1 when anything failed.

import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { check, inChromium, pause, readOptions } from './script.mjs';

const START_DEADLINE_MS = 60_000;
/** A page that does not play on by then is stuck. */
const BACK_DEADLINE_MS = 40_000;
/** The gateway gives a channel up that loses five encoders in a minute. */
const MOST_KILLS = 4;
const options = readOptions({ gateway: null, config: null, port: null, kills: '4', log: '/dev/null' });
const kills = Math.min(Number(options.kills), MOST_KILLS);
const url = `http://127.0.0.1:${options.port}`;
const log = await open(options.log, 'w');
let context;
let gateway = null;

await inChromium({
  browser: options.browser,
  args: ['--autoplay-policy=no-user-gesture-required', '--disable-background-timer-throttling',
    '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows'],
}, (started) => {
  context = started;
  return run();
}, async () => {
  gateway?.kill('SIGKILL');
  await log.close();
});

async function run() {
  await startGateway();
  const list = await (await fetch(`${url}/api/v1/channels`)).json();
  const channels = list.items.map((one) => one.id);
  const pages = [];
  for (const channel of channels) pages.push(await openPage(channel));
  const numbers = watchNumbers(channels);
  await Promise.all(pages.map(killEncoders));
  for (const one of pages) await judge(one, 'of an encoder');
  check('while encoders died, all numbers only grew', numbers.problems.length === 0, numbers.problems.join('; '));

  gateway.kill('SIGKILL');
  await gateway.gone;
  await pause(1500);
  const startedAt = Date.now();
  await startGateway();
  const back = await Promise.all(pages.map((one) => playsOn(one, BACK_DEADLINE_MS)));
  check('every page plays on after the gateway was killed', back.every((ms) => ms !== null),
    back.map((ms) => (ms === null ? 'stuck' : `${((ms - startedAt) / 1000).toFixed(1)} s after its start`)).join(', '));
  await pause(6000);
  for (const one of pages) await judge(one, 'of the gateway');
  await numbers.stop();
  check('over the death of the gateway, all numbers only grew', numbers.problems.length === 0,
    numbers.problems.join('; ') || `${numbers.versions} playlists of ${channels.length} channels`);
}

async function startGateway() {
  const child = spawn(options.gateway, ['--config', options.config, '--listen', `127.0.0.1:${options.port}`],
    { stdio: ['ignore', 'ignore', log.fd] });
  child.gone = new Promise((resolve) => child.once('exit', resolve));
  gateway = child;
  const until = Date.now() + START_DEADLINE_MS;
  while (Date.now() < until) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${url}/healthz`).catch(() => null);
    if (answer?.ok) return;
    await pause(50);
  }
  throw new Error(`the gateway did not answer; its log is ${options.log}`);
}

async function openPage(channel) {
  const page = await context.newPage();
  await page.goto(`${url}/#/watch/${encodeURIComponent(channel)}`);
  await page.waitForFunction(() => window.__headgate?.stats()?.playing, undefined,
    { timeout: START_DEADLINE_MS, polling: 50 });
  // What a reload would take away.
  await page.evaluate(() => (window.__survivor = true));
  return { channel, page, killed: [], lost: [] };
}

/** Kills at moments that nobody chose, each when the page plays again. */
async function killEncoders(one) {
  let before = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    await pause(4000 + Math.random() * 3000);
    const pid = await newPid(one.channel, before);
    const from = await stats(one);
    process.kill(pid, 'SIGKILL');
    const at = Date.now();
    before = pid;
    await newPid(one.channel, pid);
    // What was buffered plays on; what counts is what comes after it.
    const back = await playsOn(one, BACK_DEADLINE_MS, from.currentTime + from.buffer + 1);
    one.killed.push(pid);
    one.lost.push(back === null ? null : back - at);
  }
}

async function newPid(channel, before) {
  const until = Date.now() + BACK_DEADLINE_MS;
  while (Date.now() < until) {
    const sessions = await (await fetch(`${url}/debug/sessions`)).json();
    const pid = sessions.find((session) => session.channel === channel)?.encoder?.pid;
    if (pid && pid !== before) return pid;
    await pause(50);
  }
  throw new Error(`${channel} has no new encoder`);
}

/** When the picture moves past a position (or at all): the time, or null if it never does. */
async function playsOn(one, patience, position = null) {
  const first = await stats(one);
  const until = Date.now() + patience;
  while (Date.now() < until) {
    const now = await stats(one);
    const moved = position === null ? now.currentTime !== first.currentTime : now.currentTime > position;
    if (now.playing && moved && now.decoded !== first.decoded) return Date.now();
    await pause(100);
  }
  console.log(`       ${one.channel}: ${JSON.stringify(await stats(one))}`);
  return null;
}

function stats(one) {
  return one.page.evaluate(() => window.__headgate.stats());
}

async function judge(one, what) {
  const now = await stats(one);
  const same = await one.page.evaluate(() => window.__survivor === true);
  check(`${one.channel}: the page was never loaded again`, same);
  const back = await playsOn(one, 5000);
  check(`${one.channel}: it plays after a kill ${what}`, back !== null,
    `${now.stalls} stalls, ${now.recoveries} recoveries, ${now.latency?.toFixed(1)} s behind`);
  if (what !== 'of an encoder') return;
  check(`${one.channel}: it plays on after each of ${one.killed.length} kills`, one.lost.every((ms) => ms !== null),
    one.lost.map((ms) => (ms === null ? 'stuck' : `${(ms / 1000).toFixed(1)} s`)).join(', '));
}

/** Reads Media Playlists all the time: neither number may ever shrink, also not over the gateway's death. */
function watchNumbers(channels) {
  const last = new Map();
  const seen = { versions: 0, problems: [] };
  let stopped = false;
  const read = async () => {
    while (!stopped) {
      for (const channel of channels) {
        const answer = await fetch(`${url}/live/${channel}/v/index.m3u8`).catch(() => null);
        if (!answer?.ok) continue;
        const text = await answer.text().catch(() => '');
        const number = (tag) => Number(text.match(new RegExp(`#EXT-X-${tag}:(\\d+)`))?.[1] ?? 0);
        const marks = text.match(/^#EXT-X-DISCONTINUITY$/gm)?.length ?? 0;
        const now = { media: number('MEDIA-SEQUENCE'), discontinuity: number('DISCONTINUITY-SEQUENCE') };
        // The number of the last segment's discontinuity is what a player keeps.
        now.newest = now.discontinuity + marks;
        const old = last.get(channel);
        for (const name of Object.keys(now)) {
          if (old && now[name] < old[name]) seen.problems.push(`${channel}: ${name} ${now[name]} after ${old[name]}`);
        }
        last.set(channel, now);
        seen.versions += 1;
      }
      await pause(250);
    }
  };
  const reading = read();
  seen.stop = () => {
    stopped = true;
    return reading;
  };
  return seen;
}
