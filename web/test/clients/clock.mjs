// Whether a player's clock goes on: what is asked of every client, however it tells its time.

/** A clock that stands for longer than this has stalled, milliseconds. Some players tell theirs every half second. */
const STANDSTILL_MS = 1500;

/** Media that may be missing or too much after the whole time: players that keep their latency play a little faster. */
const DRIFT = 0.1;

/** Collects a player's times, in seconds of its own, and judges them. */
export class Clock {
  #samples = [];
  #waits = [];

  /** The player says that it is at `time`. What it says while it settles is no progress and no standstill. */
  tell(time, at = performance.now()) {
    if (Number.isFinite(time)) this.#samples.push({ at, time });
  }

  /** The player says that it waits for media. */
  waits(at = performance.now()) {
    this.#waits.push(at);
  }

  /** When the clock first went on, or null. */
  get startedAt() {
    const first = this.#samples[0];
    return this.#samples.find((one) => one.time > first.time)?.at ?? null;
  }

  /** What is wrong with what was told in the `seconds` before the last sample, as sentences; none if all is well. */
  faults(seconds) {
    const last = this.#samples.at(-1);
    if (last === undefined || this.startedAt === null) return ['it never began to play'];
    const begin = Math.max(this.startedAt, last.at - seconds * 1000);
    const judged = this.#samples.filter((one) => one.at >= begin);
    const found = [];
    const waits = this.#waits.filter((at) => at >= judged[0].at).length;
    if (waits > 0) found.push(`it waited for media, ${waits} times`);
    const stood = longestStandstill(judged);
    if (stood > STANDSTILL_MS) found.push(`its clock stood for ${(stood / 1000).toFixed(1)} s`);
    const wall = (last.at - judged[0].at) / 1000;
    const media = last.time - judged[0].time;
    if (wall < seconds * (1 - DRIFT)) found.push(`it played for ${wall.toFixed(1)} s only`);
    if (Math.abs(media - wall) > Math.max(1, wall * DRIFT)) {
      found.push(`${media.toFixed(1)} s of media in ${wall.toFixed(1)} s`);
    }
    return found;
  }
}

function longestStandstill(samples) {
  let [moved] = samples;
  let longest = 0;
  for (const one of samples) {
    longest = Math.max(longest, one.at - moved.at);
    if (one.time > moved.time) moved = one;
  }
  return longest;
}
