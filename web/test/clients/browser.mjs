// Players that are scripts: each on a page of another origin, in a Chromium of its own.

import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Clock } from './clock.mjs';
import { SETTLE_MS, START_MS } from './program.mjs';

/** Low-latency outputs ask for 2 to 3.6 s; a player may start behind that and catch up slowly. */
const MAX_LATENCY_S = 6;

const MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'];

/** How each player is told to play; `latency` is what it believes itself, where it says so. */
export const SCRIPTS = [
  {
    name: 'hls.js',
    outputs: ['hls', 'ts'],
    module: 'hls.js',
    file: 'dist/hls.min.js',
    start: `
      const player = new Hls();
      player.on(Hls.Events.ERROR, (_, data) => errors.push(data.details));
      player.attachMedia(video);
      player.loadSource(url);
      video.play().catch(() => {});
      window.__latency = () => player.latency;`,
  },
  {
    name: 'Shaka Player',
    outputs: ['dash', 'hls'],
    module: 'shaka-player',
    file: 'dist/shaka-player.compiled.js',
    start: `
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      player.addEventListener('error', (event) => errors.push('shaka ' + event.detail.code + ' ' + event.detail.data));
      player.configure({ streaming: { lowLatencyMode: true } });
      player.attach(video).then(() => player.load(url)).then(() => video.play())
        .catch((error) => errors.push('shaka ' + error.code + ' ' + error.data));`,
  },
  {
    name: 'dash.js',
    outputs: ['dash'],
    module: 'dashjs',
    file: 'dist/modern/umd/dash.all.min.js',
    start: `
      const player = dashjs.MediaPlayer().create();
      player.on(dashjs.MediaPlayer.events.ERROR, (event) => errors.push(JSON.stringify(event.error)));
      player.initialize(video, url, true);
      window.__latency = () => player.getCurrentLiveLatency();`,
  },
  {
    name: 'video.js',
    outputs: ['hls', 'ts'],
    module: 'video.js',
    file: 'dist/video.min.js',
    start: `
      const player = videojs(video, { autoplay: 'muted', liveui: true, html5: { vhs: { overrideNative: true } } });
      player.on('error', () => errors.push(JSON.stringify(player.error())));
      player.src({ src: url, type: 'application/x-mpegURL' });`,
  },
].map((player) => ({ ...player, version: () => versionOf(player.module) }));

function versionOf(module) {
  return JSON.parse(readFileSync(join(MODULES, module, 'package.json'), 'utf8')).version;
}

/** The pages of the players, while they are needed. */
export async function servePages() {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1);
    const page = SCRIPTS.find((player) => player.name === path);
    const script = SCRIPTS.find((player) => `${player.name}/script` === path);
    if (page !== undefined) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(pageOf(page));
    } else if (script !== undefined) {
      response.writeHead(200, { 'content-type': 'text/javascript' });
      createReadStream(join(MODULES, script.module, script.file)).pipe(response);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** The version of a browser. */
export async function browserVersion(executablePath) {
  const browser = await chromium.launch({ executablePath, headless: true, args: ARGUMENTS });
  const version = browser.version();
  await browser.close();
  return version;
}

/** Plays a URL with a player; answers what is wrong. */
export async function playInBrowser(player, { url, output, seconds, browser, pages }) {
  const profile = await mkdtemp(join(tmpdir(), 'headgate-player-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath: browser, headless: true, args: ARGUMENTS });
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    const refusals = listen(page);
    const origin = `http://127.0.0.1:${pages.address().port}`;
    await page.goto(`${origin}/${encodeURIComponent(player.name)}?${encodeURIComponent(url)}`);
    const { clock, last, latencies } = await watch(page, seconds);
    const faults = [...clock.faults(seconds), ...last.errors, ...refusals];
    if (clock.startedAt !== null && output !== 'ts') faults.push(...late(output, latencies, last));
    return faults;
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/** Answers that are errors. */
function listen(page) {
  const refusals = [];
  page.on('response', (response) => {
    if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) {
      refusals.push(`${response.status()} ${response.url()}`);
    }
  });
  page.on('pageerror', (error) => refusals.push(String(error)));
  return refusals;
}

async function watch(page, seconds) {
  const clock = new Clock();
  const begun = performance.now();
  const latencies = [];
  for (let waits = 0; ;) {
    const last = await page.evaluate(() => window.__stats());
    clock.tell(last.playing ? last.time : NaN);
    if (last.waits > waits) clock.waits();
    waits = last.waits;
    const [now, started] = [performance.now(), clock.startedAt];
    if (started === null && now - begun > START_MS) return { clock, last, latencies };
    if (started !== null && now - started > SETTLE_MS) latencies.push(last);
    if (started !== null && now - started >= SETTLE_MS + seconds * 1000) return { clock, last, latencies };
    await page.waitForTimeout(250);
  }
}

/** What is wrong with the distance to live: by the manifest's own timeline, which is the wall clock, or the player. */
function late(output, samples, last) {
  const found = [];
  const seen = samples.map((one) => (output === 'dash' ? one.now - one.time : one.latency))
    .filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  const median = seen[Math.floor(seen.length / 2)];
  if (median >= MAX_LATENCY_S) found.push(`it is ${median.toFixed(1)} s behind live`);
  // Shaka Player does not say it for a timeline that began in 1970.
  const [own, real] = [last.latency, last.now - last.time];
  if (output === 'dash' && Number.isFinite(own) && Math.abs(real - own) > 0.5) {
    found.push(`it believes to be ${own.toFixed(1)} s behind live and is ${real.toFixed(1)} s`);
  }
  if (last.frames < samples.length * 2) found.push(`it decoded ${last.frames} pictures`);
  return found;
}

function pageOf(player) {
  return `<!doctype html><title>${player.name}</title><video muted playsinline width="640"></video>
<script src="/${encodeURIComponent(player.name)}/script"></script>
<script>
  const video = document.querySelector('video');
  const url = decodeURIComponent(location.search.slice(1));
  const errors = [];
  let waits = 0;
  let playing = false;
  video.addEventListener('playing', () => (playing = true));
  video.addEventListener('waiting', () => (waits += playing && !video.seeking ? 1 : 0));
  window.__stats = () => ({ now: Date.now() / 1000, time: video.currentTime, playing, waits, errors,
    frames: video.getVideoPlaybackQuality().totalVideoFrames, latency: window.__latency?.() ?? null });
  ${player.start}
</script>`;
}
