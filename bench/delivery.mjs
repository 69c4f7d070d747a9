// Delivery: requests a second for a playlist, a part and a segment of a live channel, beside nginx and a bare hyper
// server that give out the very same bytes. See README.md for why this is fair.

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as bench from './lib.mjs';

const run = promisify(execFile);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);
const CONNECTIONS = 32;
const KINDS = ['playlist', 'part', 'segment'];
const WANTED = {
  playlist: { nginx: 1.3, hyper: 0.9 },
  part: { nginx: 0.9, hyper: 0.9 },
  segment: { nginx: 0.8, hyper: 0.9 },
};

// A film of constant bitrate with a key frame every 2.5 s, to be copied: a part of 0.5 s is 200 KiB and a segment 1 MiB,
// and the encoder needs about a hundredth of a core.
const VIDEO_BITRATE = 3_355_000;

export async function delivery() {
  const folder = bench.scratch('delivery-files');
  const film = join(folder, 'film.mp4');
  makeFilm(film);
  const served = join(folder, 'served');
  mkdirSync(served);
  const live = await bench.gateway('delivery', channel(film));
  const keeper = setInterval(() => bench.get(`${live.url}/live/bench/index.m3u8`).catch(() => {}), 5000);
  try {
    const rendition = await fullWindow(live.url);
    const nginx = await startNginx(folder, served);
    const results = [];
    for (let round = 0; round < ROUNDS; round++) {
      results.push(await oneRound(round, rendition, served, nginx));
    }
    report(results);
  } finally {
    clearInterval(keeper);
    await bench.stop(live.child);
  }
}

function makeFilm(file) {
  const rate = String(VIDEO_BITRATE);
  execFileSync(bench.FFMPEG, ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y',
    '-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=30:d=25', '-f', 'lavfi', '-i', 'sine=f=440:r=48000:d=25',
    '-c:v', 'libx264', '-preset', 'veryfast', '-bf', '0', '-g', '75', '-keyint_min', '75', '-sc_threshold', '0',
    '-b:v', rate, '-minrate', rate, '-maxrate', rate, '-bufsize', String(VIDEO_BITRATE / 2),
    '-x264-params', 'nal-hrd=cbr', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', '128k', file],
  { timeout: 120_000 });
}

function channel(film) {
  return `
[defaults]
grace_period = "10m"
segment_duration = "2500ms"
part_duration = "500ms"
window = "30s"

[[channel]]
id = "bench"
name = "Bench"
source = ${JSON.stringify(film)}
ladder = [{ name = "source", copy = true }]
`;
}

/** Starts the channel and waits until its playlist has its whole length; answers the URL of the rendition. */
async function fullWindow(url) {
  const index = `${url}/live/bench/index.m3u8`;
  const [rendition] = bench.variants(await bench.text(index), index);
  console.log('  waiting for a whole window (half a minute) …');
  await bench.until('the window is full', 60_000, async () => {
    await new Promise((done) => setTimeout(done, 500));
    return bench.media(await bench.text(rendition), rendition).segments.length >= 12;
  });
  return rendition;
}

async function startNginx(folder, served) {
  const port = await bench.freePort();
  const program = existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx';
  const file = join(folder, 'nginx.conf');
  for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(file, `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  default_type application/octet-stream;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${served};
  }
}
`);
  bench.start(bench.SERVER_CORE, program, ['-p', folder, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  await bench.until('nginx answers', 5000, () => fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false));
  return `http://127.0.0.1:${port}`;
}

/** The bytes of now into the folder of the others, then every kind on every server, in an order that turns. */
async function oneRound(round, rendition, served, nginx) {
  const live = await take(rendition, served);
  const port = await bench.freePort();
  const hyper = bench.start(bench.SERVER_CORE, bench.example('bare_hyper'), [`127.0.0.1:${port}`, served]);
  const hyperUrl = `http://127.0.0.1:${port}`;
  await bench.until('bare hyper answers', 5000, () => fetch(hyperUrl).then(() => true, () => false));
  const numbers = {};
  for (const kind of KINDS) {
    const servers = [['headgate', live[kind].url], ['nginx', `${nginx}/${kind}`], ['hyper', `${hyperUrl}/${kind}`]];
    numbers[kind] = { bytes: live[kind].bytes };
    for (let turn = 0; turn < servers.length; turn++) {
      const [name, url] = servers[(turn + round) % servers.length];
      numbers[kind][name] = await load(url);
    }
    console.log(`  round ${round + 1}, ${kind} (${live[kind].bytes} bytes): ` +
      servers.map(([name]) => `${name} ${Math.round(numbers[kind][name])}/s`).join(', '));
  }
  await bench.stop(hyper);
  return numbers;
}

async function take(rendition, served) {
  const playlist = await bench.get(rendition);
  const { parts, segments } = bench.media(playlist.toString(), rendition);
  const taken = { playlist: { url: rendition, body: playlist } };
  // A segment's last part may be short: the one before the newest is as good as any.
  taken.part = { url: parts.at(-2).url };
  taken.segment = { url: segments.at(-1) };
  for (const kind of KINDS) {
    taken[kind].body ??= await bench.get(taken[kind].url);
    taken[kind].bytes = taken[kind].body.length;
    writeFileSync(join(served, kind), taken[kind].body);
  }
  return taken;
}

async function load(url) {
  const { stdout } = await run('taskset', ['-c', String(bench.LOAD_CORE), 'wrk', '-t', '1', '-c', String(CONNECTIONS),
    '-d', `${SECONDS}s`, url], { timeout: (SECONDS + 20) * 1000 });
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk had errors at ${url}:\n${stdout}`);
  return Number(/Requests\/sec:\s+([0-9.]+)/.exec(stdout)[1]);
}

function report(results) {
  const rows = [];
  const summary = {};
  for (const kind of KINDS) {
    const of = (name) => bench.median(results.map((round) => round[kind][name]));
    const ratio = (other) => bench.median(results.map((round) => round[kind].headgate / round[kind][other]));
    const numbers = {
      bytes: of('bytes'), headgate: of('headgate'), nginx: of('nginx'), hyper: of('hyper'),
      to_nginx: ratio('nginx'), to_hyper: ratio('hyper'),
    };
    summary[kind] = numbers;
    rows.push([kind, numbers.bytes, Math.round(numbers.headgate), Math.round(numbers.nginx), Math.round(numbers.hyper),
      numbers.to_nginx.toFixed(2), bench.verdict(numbers.to_nginx, ['>=', WANTED[kind].nginx]),
      numbers.to_hyper.toFixed(2), bench.verdict(numbers.to_hyper, ['>=', WANTED[kind].hyper])]);
  }
  bench.table(`Delivery: requests a second, median of ${ROUNDS} rounds of ${SECONDS} s`,
    ['', 'bytes', 'headgate', 'nginx', 'hyper', '÷ nginx', '', '÷ hyper', ''], rows);
  bench.save('delivery', { rounds: results, summary });
}
