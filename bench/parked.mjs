// Parked reloads: what thousands of players that wait for the same part cost, and how soon they have it.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as bench from './lib.mjs';

const run = promisify(execFile);
const COUNT = Number(process.env.BENCH_PARKED ?? 5000);
const ROUNDS = 5;

export async function parked() {
  const live = await bench.gateway('parked', `
[server]
max_connections = ${COUNT + 100}
max_connections_per_address = ${COUNT + 100}

[defaults]
grace_period = "5m"
segment_duration = "3s"
part_duration = "500ms"

[[channel]]
id = "bench"
name = "Bench"
source = "testcard:"
ladder = [{ name = "240p", height = 240, video_bitrate = "300k" }]
`);
  const index = `${live.url}/live/bench/index.m3u8`;
  const [rendition] = bench.variants(await bench.text(index), index);
  // A window that is still growing would be counted as the cost of parked requests.
  console.log('  waiting for a whole window and the media kept behind it (a minute and a half) …');
  await new Promise((done) => setTimeout(done, Number(process.env.BENCH_SETTLE_MS ?? 90_000)));
  const { stdout } = await run('taskset', ['-c', String(bench.LOAD_CORE), bench.example('parked'),
    `127.0.0.1:${live.port}`, new URL(rendition).pathname, String(live.pid), String(COUNT), String(ROUNDS)],
  { timeout: 180_000 });
  await bench.stop(live.child);
  report(JSON.parse(stdout));
}

function report(measured) {
  const mib = (kib) => kib / 1024;
  const most = Math.max(...measured.rounds.map((round) => round.rss_parked_kib));
  const all = mib(most - measured.rss_before_kib);
  const idle = mib(measured.rss_connected_kib - measured.rss_before_kib);
  const of = (name) => bench.median(measured.rounds.map((round) => round[name]));
  const worst = Math.max(...measured.rounds.map((round) => round.p99_ms));
  bench.table(`Parked: ${measured.count} blocking reloads for the same part, ${measured.rounds.length} rounds`,
    ['', 'value', ''], [
      ['memory, all, MiB', all.toFixed(1), bench.verdict(all, ['<=', 100])],
      ['of that connections alone, MiB', idle.toFixed(1), ''],
      ['memory a request, KiB', ((all * 1024) / measured.count).toFixed(1), ''],
      ['part to answer, p50, ms', of('p50_ms').toFixed(1), ''],
      ['part to answer, p99, ms', of('p99_ms').toFixed(1), bench.verdict(of('p99_ms'), ['<=', 250])],
      ['part to answer, worst p99, ms', worst.toFixed(1), ''],
    ]);
  bench.save('parked', { measured, memory_mib: all, p50_ms: of('p50_ms'), p99_ms: of('p99_ms'), worst_p99_ms: worst });
}
