// What the cage costs: a start, and the speed of an encode. With and without take turns in one run.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import * as bench from './lib.mjs';

const STARTS = Number(process.env.BENCH_TIMES ?? 7) * 10;
const ENCODES = Number(process.env.BENCH_ROUNDS ?? 5);

const CAGED = ['--cage', 'nothing'];
const FREE = [];

/** The launcher wants a path, as the gateway gives it one. */
function path(program) {
  if (program.includes('/')) return program;
  const places = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, program));
  return places.find((place) => existsSync(place)) ?? program;
}

function launch(cage, program, args) {
  const began = process.hrtime.bigint();
  const done = spawnSync(bench.GATEWAY, ['__launch', '--parent', String(process.pid), ...cage, '--', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  const took = Number(process.hrtime.bigint() - began) / 1e6;
  if (done.status !== 0) throw new Error(`${program}: ${done.stderr}`);
  return took;
}

/** Both, in turns: medians, and the median of what one pair differs by. */
function pairs(count, program, args) {
  const caged = [];
  const free = [];
  for (let turn = 0; turn < count; turn++) {
    const order = turn % 2 ? [[CAGED, caged], [FREE, free]] : [[FREE, free], [CAGED, caged]];
    for (const [cage, times] of order) times.push(launch(cage, program, args));
  }
  return {
    caged: bench.median(caged),
    free: bench.median(free),
    added: bench.median(caged.map((took, turn) => took - free[turn])),
    ratio: bench.median(caged.map((took, turn) => took / free[turn])),
  };
}

export async function cage() {
  const small = pairs(STARTS, '/bin/true', []);
  const ffmpeg = path(bench.FFMPEG);
  const version = pairs(STARTS, ffmpeg, ['-version']);
  const encode = pairs(ENCODES, ffmpeg, [
    '-nostdin', '-loglevel', 'error', '-filter_complex', 'testsrc2=size=1280x720:rate=30:duration=20[v]', '-map', '[v]',
    '-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-b:v', '2500k', '-f', 'mp4', '-movflags',
    '+cmaf+frag_keyframe', 'pipe:1',
  ]);
  const row = (name, { caged, free, added, ratio }, verdict) =>
    [name, free.toFixed(1), caged.toFixed(1), added.toFixed(2), ratio.toFixed(3), verdict];
  bench.table('The cage, ms', ['', 'without', 'within', 'added', 'ratio', ''], [
    row(`start of /bin/true, ${STARTS} pairs`, small, bench.verdict(small.added, ['<=', 5])),
    row(`start of ffmpeg -version, ${STARTS} pairs`, version, bench.verdict(version.added, ['<=', 5])),
    row(`20 s of 720p encoded, ${ENCODES} pairs`, encode, bench.verdict(encode.ratio, ['<=', 1.05])),
  ]);
  bench.save('cage', { small, version, encode });
}
