// Remuxing: what fifty viewers of the continuous MPEG-TS stream cost the gateway beside fifty of fragmented MP4.

import { readFileSync, readdirSync } from 'node:fs';
import { Agent, get } from 'node:http';
import * as bench from './lib.mjs';

const VIEWERS = 50;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const SECONDS = Number(process.env.BENCH_REMUX_SECONDS ?? 20);

/** What the kernel counts processor time in (`getconf CLK_TCK` on Linux, whatever its own clock does). */
const TICKS_A_SECOND = 100;

export async function remux() {
  const live = await bench.gateway('remux', `
[[channel]]
id = "bench"
source = "testcard:"
ladder = [{ name = "v", height = 720, video_bitrate = "3000k" }]
`, { core: null });
  const index = `${live.url}/live/bench/index.m3u8`;
  const [rendition] = bench.variants(await bench.text(index), index);
  const agent = new Agent({ keepAlive: true });
  const players = Array.from({ length: VIEWERS }, () => player(rendition, agent));
  await pause(10);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const without = await share(live.pid);
    const readers = await Promise.all(Array.from({ length: VIEWERS }, () => reader(`${live.url}/live/bench/stream.ts`)));
    await pause(3);
    const before = readers.map((one) => one.bytes);
    const both = await share(live.pid);
    const read = readers.reduce((sum, one, at) => sum + one.bytes - before[at], 0);
    for (const one of readers) one.stop();
    rounds.push({ without, both, remuxing: both - without, megabits: (read * 8) / 1e6 / SECONDS / VIEWERS });
    await pause(2);
  }
  for (const one of players) one.stop();
  agent.destroy();
  const [session] = await bench.sessions(live.url);
  const encoders = children(live.pid);
  await bench.stop(live.child);
  report(rounds, encoders, session);
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/** How many processes a process has started that still run, by whichever of its threads. */
function children(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const text = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')).join(' ');
  return (text.match(/\d+/g) ?? []).length;
}

/** Processor time of a process alone, without its children, in percent of a core, over SECONDS. */
async function share(pid) {
  const spent = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  };
  const [begun, at] = [spent(), performance.now()];
  await pause(SECONDS);
  return ((spent() - begun) / ((performance.now() - at) / 1000)) * 100;
}

/** A player of fragmented MP4: the playlist every second, and each segment once. */
function player(url, agent) {
  let newest = '';
  const ask = async () => {
    const { segments } = bench.media((await fetchWith(url, agent)).toString(), url);
    if (segments.at(-1) !== newest) await fetchWith(newest = segments.at(-1), agent);
  };
  const timer = setInterval(() => ask().catch(() => {}), 1000);
  return { stop: () => clearInterval(timer) };
}

function fetchWith(url, agent) {
  return new Promise((done, failed) => {
    get(url, { agent }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk)).on('end', () => done(Buffer.concat(chunks))).on('error', failed);
    }).on('error', failed);
  });
}

/** A viewer of the stream, who takes everything. */
function reader(url) {
  return new Promise((done, failed) => {
    const request = get(url, (answer) => {
      const one = { bytes: 0, stop: () => request.destroy() };
      answer.on('data', (chunk) => (one.bytes += chunk.length)).on('error', () => {});
      done(one);
    });
    request.on('error', failed);
  });
}

function report(rounds, encoders, session) {
  const of = (name) => bench.median(rounds.map((round) => round[name]));
  bench.table(`Remuxing: ${VIEWERS} viewers of MPEG-TS beside ${VIEWERS} of fragmented MP4, ${rounds.length} rounds`,
    ['', 'value', ''], [
      ['processes of the channel', encoders, encoders === 1 ? 'ok (1)' : 'MISSED (1)'],
      ['each stream, Mbit/s', of('megabits').toFixed(1), ''],
      ['gateway, fragmented MP4 alone, % of a core', of('without').toFixed(1), ''],
      ['gateway, both, % of a core', of('both').toFixed(1), ''],
      ['remuxing and delivering MPEG-TS, % of a core', of('remuxing').toFixed(1), bench.verdict(of('remuxing'), ['<=', 5])],
    ]);
  bench.save('remux', { rounds, encoders, state: session?.state, remuxing_percent: of('remuxing') });
}
