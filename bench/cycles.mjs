// Start and stop: does memory come back?

import * as bench from './lib.mjs';

const CYCLES = Number(process.env.BENCH_CYCLES ?? 50);

export async function cycles() {
  const live = await bench.gateway('cycles', `
[[channel]]
id = "bench"
name = "Bench"
source = "testcard:"
ladder = [{ name = "360p", height = 360, video_bitrate = "800k" }]
`, { core: null });
  const before = bench.residentMib(live.pid);
  const after = [];
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const index = `${live.url}/live/bench/index.m3u8`;
    const [rendition] = bench.variants(await bench.text(index), index);
    const { parts } = bench.media(await bench.text(rendition), rendition);
    await bench.get(parts[0].url);
    await bench.stopSessions(live.url);
    after.push(bench.residentMib(live.pid));
  }
  await bench.stop(live.child);
  // The first cycle loads what is loaded once: code pages, threads' stacks, the allocator's arenas.
  const grown = after.at(-1) - after[0];
  bench.table(`Memory over ${CYCLES} starts and stops, MiB resident`, ['', 'value', ''], [
    ['before the first', before.toFixed(1), ''],
    ['after the first', after[0].toFixed(1), ''],
    [`after ${CYCLES}`, after.at(-1).toFixed(1), ''],
    ['grown since before the first', (after.at(-1) - before).toFixed(1), bench.verdict(after.at(-1) - before, ['<=', 5])],
    ['grown since after the first', grown.toFixed(1), bench.verdict(grown, ['<=', 5])],
  ]);
  bench.save('cycles', { before, after });
}
