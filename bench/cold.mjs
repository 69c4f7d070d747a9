// Cold start: from the first request for a channel that does not run to the first byte of its first part, beside a bare
// ffmpeg with the same arguments, writing to pipes, until it has written as much media of the same rendition.

import { execFileSync, spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import * as bench from './lib.mjs';

const TIMES = Number(process.env.BENCH_TIMES ?? 7);
const PATIENCE_MS = 20_000;

export async function cold() {
  const film = join(bench.ROOT, 'media/loop.mp4');
  const config = `
[[channel]]
id = "testcard"
name = "Test card"
source = "testcard:"

[[channel]]
id = "loop"
name = "Loop"
source = ${JSON.stringify(film)}
`;
  // Not pinned: an encoder may use every core, in the gateway as without it.
  const live = await bench.gateway('cold', config, { core: null });
  const rows = [];
  const summary = {};
  for (const channel of ['testcard', 'loop']) {
    const rounds = [];
    for (let round = 0; round < TIMES; round++) rounds.push(await oneRound(live, channel));
    const added = bench.median(rounds.map(({ gateway, bare }) => gateway - bare));
    const gateway = bench.median(rounds.map((round) => round.gateway));
    const bare = bench.median(rounds.map((round) => round.bare));
    summary[channel] = { gateway_ms: gateway, bare_ms: bare, added_ms: gateway - bare, added_paired_ms: added, rounds };
    const wanted = channel === 'testcard'
      ? bench.verdict(gateway - bare, ['<=', 100]) : bench.verdict(gateway, ['<=', 1500]);
    rows.push([channel, rounds[0].seconds.toFixed(3), gateway.toFixed(0), bare.toFixed(0),
      (gateway - bare).toFixed(0), wanted]);
  }
  await bench.stop(live.child);
  bench.table(`Cold start: first request to first byte of the first part, median of ${TIMES}, ms`,
    ['', 'part, s', 'gateway', 'bare ffmpeg', 'added', ''], rows);
  bench.save('cold', { summary });
}

async function oneRound(live, channel) {
  const { ms, seconds } = await throughGateway(live.url, channel);
  await bench.stopSessions(live.url);
  return { gateway: ms, bare: await bareFfmpeg(live.file, channel, seconds), seconds };
}

async function throughGateway(url, channel) {
  const index = `${url}/live/${channel}/index.m3u8`;
  const began = performance.now();
  const [rendition] = bench.variants(await bench.text(index), index);
  const [first] = bench.media(await bench.text(rendition), rendition).parts;
  const answer = await fetch(first.url, { signal: AbortSignal.timeout(PATIENCE_MS) });
  const { value } = await answer.body.getReader().read();
  if (!answer.ok || !value?.length) throw new Error(`${first.url}: ${answer.status}`);
  const ms = performance.now() - began;
  await answer.body?.cancel?.().catch(() => {});
  return { ms, seconds: first.duration };
}

/** Runs ffmpeg as the gateway would, reads every pipe, and answers when the first output has that much media. */
async function bareFfmpeg(config, channel, seconds) {
  const planned = execFileSync(bench.GATEWAY, ['__plan', '--config', config, channel], { timeout: 10_000 }).toString();
  const words = planned.split('\n').slice(0, -1);
  const outputs = 1 + Math.max(...words.flatMap((word) => [...word.matchAll(/pipe:%(\d+)/g)].map((m) => Number(m[1]))));
  const args = words.map((word) => word.replace(/pipe:%(\d+)/g, (_, number) => `pipe:${3 + Number(number)}`));
  const began = performance.now();
  const child = spawn(bench.FFMPEG, args, { stdio: ['ignore', 'ignore', 'pipe', ...Array(outputs).fill('pipe')] });
  const gone = new Promise((done) => child.once('exit', done));
  let complaints = '';
  child.stderr.on('data', (bytes) => { complaints = (complaints + bytes).slice(-2000); });
  const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  try {
    return await new Promise((done, failed) => {
      const reader = new MediaClock();
      child.on('error', failed);
      gone.then(() => failed(new Error(`ffmpeg ended early:\n${complaints}`)));
      for (let number = 0; number < outputs; number++) {
        child.stdio[3 + number].on('error', () => {});
        child.stdio[3 + number].on('data', (bytes) => {
          if (number === 0 && reader.push(bytes) >= seconds - 0.001) done(performance.now() - began);
        });
      }
    });
  } finally {
    clearTimeout(late);
    child.kill('SIGKILL');
    await gone;
  }
}

/** How many seconds of whole fragments have come: reads mdhd, trex, tfhd and trun, nothing else. */
export class MediaClock {
  rest = Buffer.alloc(0);
  timescale = 1;
  trexDuration = 0;
  pending = 0;
  ticks = 0;

  push(bytes) {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= 8) {
      const size = this.rest.readUInt32BE(0);
      if (size < 8) throw new Error('a box of unknown size');
      if (this.rest.length < size) break;
      this.box(this.rest.toString('latin1', 4, 8), this.rest.subarray(8, size));
      this.rest = this.rest.subarray(size);
    }
    return this.ticks / this.timescale;
  }

  box(kind, body) {
    if (['moov', 'trak', 'mdia', 'mvex', 'moof', 'traf'].includes(kind)) {
      for (let at = 0; at + 8 <= body.length;) {
        const size = body.readUInt32BE(at);
        this.box(body.toString('latin1', at + 4, at + 8), body.subarray(at + 8, at + size));
        at += Math.max(size, 8);
      }
    } else if (kind === 'mdhd') this.timescale = body.readUInt32BE(body[0] === 1 ? 20 : 12);
    else if (kind === 'trex') this.trexDuration = body.readUInt32BE(12);
    else if (kind === 'tfhd') this.tfhd(body);
    else if (kind === 'trun') this.trun(body);
    else if (kind === 'mdat') [this.ticks, this.pending] = [this.ticks + this.pending, 0];
  }

  tfhd(body) {
    const flags = body.readUIntBE(1, 3);
    const at = 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
    this.sampleDuration = flags & 0x8 ? body.readUInt32BE(at) : this.trexDuration;
  }

  trun(body) {
    const flags = body.readUIntBE(1, 3);
    const count = body.readUInt32BE(4);
    let at = 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0);
    const step = [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag).length * 4;
    for (let sample = 0; sample < count; sample++, at += step) {
      this.pending += flags & 0x100 ? body.readUInt32BE(at) : this.sampleDuration;
    }
  }
}
