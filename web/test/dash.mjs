// Plays a channel as MPEG-DASH with dash.js and with Shaka Player in a real Chromium, from a page of another origin,
// against a running gateway.
//   node test/dash.mjs --url http://127.0.0.1:8080 --channel testcard --seconds 30 [--player dashjs|shaka]
//     [--browser PATH] [--verbose 1]
// Prints what it saw and `N passed, N failed`; exits 1 when anything failed.

import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Witness } from './witness.mjs';

const START_DEADLINE_MS = 30_000;
const ATTEMPTS = 3;
/** The manifest asks for 3.6 s; a player may start behind that and catch up slowly. */
const MAX_LATENCY_S = 6;
const MODULES = fileURLToPath(new URL('../node_modules/', import.meta.url));
const SCRIPTS = {
  '/dashjs.js': 'dashjs/dist/modern/umd/dash.all.min.js',
  '/shaka.js': 'shaka-player/dist/shaka-player.compiled.js',
};

/** How each player is told to play; `latency` is what it believes itself, where it says so. */
const PLAYERS = {
  dashjs: `
    const player = dashjs.MediaPlayer().create();
    player.on(dashjs.MediaPlayer.events.ERROR, (event) => errors.push(JSON.stringify(event.error)));
    player.initialize(video, url, true);
    window.__latency = () => player.getCurrentLiveLatency();
    window.__quality = () => player.getCurrentRepresentationForType('video')?.id ?? null;`,
  shaka: `
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    player.addEventListener('error', (event) => errors.push('shaka ' + event.detail.code + ' ' + event.detail.data));
    player.configure({ streaming: { lowLatencyMode: true } });
    player.attach(video).then(() => player.load(url)).then(() => video.play())
      .catch((error) => errors.push('shaka ' + error.code + ' ' + error.data));
    window.__latency = () => player.getStats().liveLatency;
    window.__quality = () => player.getVariantTracks().find((track) => track.active)?.originalVideoId ?? null;`,
};

const options = readOptions(process.argv.slice(2));
let passed = 0;
let failed = 0;

const server = await servePages();
const profile = await mkdtemp(join(tmpdir(), 'headgate-dash-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: options.browser,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
});
try {
  for (const name of options.player ? [options.player] : Object.keys(PLAYERS)) {
    console.log(`  ${name}`);
    await play(name);
  }
} catch (error) {
  check('the script reached its end', false, error.message);
} finally {
  await context.close();
  server.close();
  server.closeAllConnections();
  await rm(profile, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** Stalls on a machine without time say nothing: then it is played again. */
async function play(name) {
  for (let attempt = 1; ; attempt += 1) {
    const page = await context.newPage();
    const refusals = listen(page);
    const witness = new Witness(options.url, options.channel);
    const checks = await watch(page, name, refusals);
    const starved = await witness.verdict();
    await page.close();
    if (checks.every((one) => one.ok) || starved === null || attempt === ATTEMPTS) {
      for (const one of checks) check(one.what, one.ok, one.detail);
      return;
    }
    console.log(`       the machine was starved (${starved}): playing again`);
  }
}

/** Answers that are errors, once the channel runs. */
function listen(page) {
  const refusals = [];
  page.on('response', (response) => {
    if (options.verbose) console.log(`       ${Date.now() % 1e6} ${response.status()} ${response.url().slice(-60)}`);
    if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) {
      refusals.push(`${response.status()} ${response.url()}`);
    }
  });
  page.on('pageerror', (error) => refusals.push(String(error)));
  return refusals;
}

async function watch(page, name, refusals) {
  const begun = Date.now();
  const url = `${options.url}/live/${options.channel}/manifest.mpd`;
  await page.goto(`http://127.0.0.1:${server.address().port}/${name}?${encodeURIComponent(url)}`);
  if (options.verbose) {
    const say = () => page.evaluate(() => window.__debug()).then((text) => console.log('       ', text), () => {});
    setInterval(say, 1000).unref();
  }
  const playing = await page.waitForFunction(() => window.__stats().frames > 0 && window.__stats().playing, undefined,
    { timeout: START_DEADLINE_MS, polling: 20 }).then(() => true, () => false);
  const checks = [];
  const note = (what, ok, detail) => checks.push({ what, ok, detail });
  note('a picture moves', playing, `after ${Date.now() - begun} ms`);
  // Players settle at their latency first.
  await page.waitForTimeout(3000);
  const samples = [];
  const until = Date.now() + options.seconds * 1000;
  while (Date.now() < until) {
    samples.push({ at: Date.now(), ...(await page.evaluate(() => window.__stats())) });
    await page.waitForTimeout(250);
  }
  judge(samples, note);
  note('no error of the player', samples.at(-1).errors.length === 0, samples.at(-1).errors.join('; '));
  note('no refused request', refusals.length === 0, refusals.slice(0, 5).join('; '));
  return checks;
}

function judge(samples, note) {
  const [first] = samples;
  const last = samples.at(-1);
  const wall = (last.at - first.at) / 1000;
  const media = last.time - first.time;
  note('no stall', last.stalls === first.stalls, `${last.stalls - first.stalls} stalls, ${first.stalls} while it settled`);
  note('media keeps up with time', Math.abs(media - wall) < wall * 0.1,
    `${media.toFixed(1)} s of media in ${wall.toFixed(1)} s`);
  note('pictures are decoded', last.frames - first.frames > wall * 10,
    `${last.frames - first.frames} frames, ${last.dropped} dropped, ${last.quality}`);
  // The timeline of a manifest is the wall clock.
  const latencies = samples.map((one) => one.at / 1000 - one.time).sort((a, b) => a - b);
  const median = latencies[Math.floor(latencies.length / 2)];
  note(`latency under ${MAX_LATENCY_S} s`, median < MAX_LATENCY_S,
    `median ${median.toFixed(2)} s, the player says ${Number(last.latency).toFixed(2)} s`);
  // Shaka Player does not say it for a timeline that began in 1970.
  if (!Number.isNaN(Number(last.latency))) {
    note('it knows its latency', Math.abs(last.at / 1000 - last.time - last.latency) < 0.5, '');
  }
}

function check(name, good, detail = '') {
  if (good) passed += 1;
  else failed += 1;
  console.log(`  ${good ? 'ok  ' : 'FAIL'} ${name}${detail ? `: ${detail}` : ''}`);
}

/** A page for each player, and the players themselves. */
async function servePages() {
  const made = createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    if (SCRIPTS[path]) {
      response.writeHead(200, { 'content-type': 'text/javascript' });
      createReadStream(join(MODULES, SCRIPTS[path])).pipe(response);
    } else if (PLAYERS[path.slice(1)]) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(pageOf(path.slice(1)));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => made.listen(0, '127.0.0.1', resolve));
  return made;
}

function pageOf(name) {
  return `<!doctype html><title>${name}</title><video muted playsinline width="640"></video>
<script src="/${name}.js"></script>
<script>
  const video = document.querySelector('video');
  const url = decodeURIComponent(location.search.slice(1));
  const errors = [];
  let stalls = 0;
  let playing = false;
  video.addEventListener('playing', () => (playing = true));
  video.addEventListener('waiting', () => (stalls += playing && !video.seeking ? 1 : 0));
  window.__stats = () => {
    const quality = video.getVideoPlaybackQuality();
    return { time: video.currentTime, playing, stalls, errors, frames: quality.totalVideoFrames,
      dropped: quality.droppedVideoFrames, latency: window.__latency?.() ?? null, quality: window.__quality?.() ?? null };
  };
  window.__debug = () => {
    const { buffered, currentTime, paused, readyState, playbackRate, seeking } = video;
    const ranges = Array.from({ length: buffered.length }, (_, index) => [buffered.start(index), buffered.end(index)]);
    return JSON.stringify({ now: Date.now() / 1000, currentTime, ranges, paused, readyState, playbackRate, seeking });
  };
  ${PLAYERS[name]}
</script>`;
}

function readOptions(args) {
  const read = { url: 'http://127.0.0.1:8080', channel: 'testcard', seconds: '30', browser: '/usr/bin/chromium' };
  for (let index = 0; index < args.length; index += 2) {
    const name = args[index].replace(/^--/, '');
    const known = ['url', 'channel', 'seconds', 'browser', 'player', 'verbose'];
    if (!known.includes(name) || args[index + 1] === undefined) {
      console.error(`${args[index]} is not an option; see the head of this file`);
      process.exit(2);
    }
    read[name] = args[index + 1];
  }
  return { ...read, url: read.url.replace(/\/$/, ''), seconds: Number(read.seconds) };
}
