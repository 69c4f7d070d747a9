// What an attack costs good viewers: their times under slowloris and slow readers, as a ratio of those without.

import { connect } from 'node:net';
import { Agent, get as httpGet } from 'node:http';
import * as bench from './lib.mjs';

const SOCKETS = Number(process.env.BENCH_ATTACKERS ?? 2000);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 8);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const VIEWERS = 10;

export async function overload() {
  const live = await bench.gateway('overload', `
[server]
max_connections = ${SOCKETS + 1000}
max_connections_per_address = ${SOCKETS + 1000}

[defaults]
segment_duration = "2s"
part_duration = "500ms"

[[channel]]
id = "bench"
source = "testcard:"
ladder = [{ name = "v", height = 240, video_bitrate = "300k" }]
`);
  const path = '/live/bench/v/index.m3u8';
  await bench.until('the channel plays', 20_000, async () => (await fetch(live.url + path)).status === 200);
  const attacks = {
    slowloris: (socket) => trickle(socket, 'GET / HTTP/1.1\r\nhost: a\r\nx-slow: '),
    'slow bodies': (socket) => trickle(socket, 'POST /api/v1/config/reload HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9999\r\n\r\n'),
    'slow readers': (socket) => {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(100));
      socket.pause();
    },
  };
  const rows = [];
  const numbers = {};
  for (const [name, begin] of Object.entries(attacks)) {
    const ratios = [];
    const before = bench.residentMib(live.pid);
    let most = before;
    for (let round = 0; round < ROUNDS; round += 1) {
      const quiet = await watch(live.port, path);
      const sockets = await attack(live.port, begin);
      most = Math.max(most, bench.residentMib(live.pid));
      const loud = await watch(live.port, path);
      sockets.forEach((socket) => socket.destroy());
      await bench.until('the attackers are gone', 20_000, async () => (await open(live.url)) < 50);
      ratios.push(loud / quiet);
    }
    const ratio = bench.median(ratios);
    rows.push([name, ratio.toFixed(2), bench.verdict(ratio, ['<=', 1.1]), (most - before).toFixed(1)]);
    numbers[name] = { ratios, memory_mib: most - before };
  }
  await bench.stop(live.child);
  bench.table(`Good viewers' p99 under ${SOCKETS} attackers, against without`, ['', 'ratio', '', 'memory, MiB'], rows);
  bench.save('overload', numbers);
}

async function open(url) {
  const page = await bench.text(`${url}/metrics`);
  return Number(/^headgate_http_connections (\d+)/m.exec(page)[1]);
}

function trickle(socket, first) {
  socket.write(first);
  const turns = setInterval(() => socket.write('a'), 1000);
  socket.once('close', () => clearInterval(turns));
}

async function attack(port, begin) {
  const sockets = [];
  for (let number = 0; number < SOCKETS; number += 1) {
    sockets.push(await new Promise((done) => {
      const socket = connect(port, '127.0.0.1', () => done(socket));
      socket.on('error', () => {});
    }));
    begin(sockets.at(-1));
  }
  return sockets;
}

/** The 99th percentile of playlist requests, in milliseconds. */
async function watch(port, path) {
  const agent = new Agent({ keepAlive: true, maxSockets: VIEWERS });
  const times = [];
  const end = Date.now() + SECONDS * 1000;
  const viewer = async () => {
    while (Date.now() < end) {
      const since = performance.now();
      await new Promise((done, failed) => {
        httpGet({ port, path, agent, host: '127.0.0.1' }, (answer) => {
          if (answer.statusCode !== 200) failed(new Error(`a good viewer got ${answer.statusCode}`));
          answer.resume().once('end', done);
        }).once('error', failed);
      });
      times.push(performance.now() - since);
      await new Promise((done) => setTimeout(done, 5));
    }
  };
  await Promise.all(Array.from({ length: VIEWERS }, viewer));
  agent.destroy();
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)];
}
