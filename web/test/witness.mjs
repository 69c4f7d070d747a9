// Tells a machine that is too busy from a player that stalls.

import { readFile } from 'node:fs/promises';

const WITNESS_MS = 100;

/** Looks, beside the player, whether timers come in time and the encoder keeps up. */
export class Witness {
  #latest = 0;
  #slowest = Infinity;
  #timer;
  #expected = Date.now() + WITNESS_MS;
  #begun = Date.now();
  #waited = Infinity;

  constructor(url, channel) {
    let beats = 0;
    waited().then((microseconds) => (this.#waited = microseconds));
    this.#timer = setInterval(() => {
      const now = Date.now();
      this.#latest = Math.max(this.#latest, now - this.#expected);
      this.#expected = now + WITNESS_MS;
      beats += 1;
      if (beats % 20 === 0) this.#askSpeed(url, channel);
    }, WITNESS_MS);
  }

  async #askSpeed(url, channel) {
    const sessions = await fetch(`${url}/debug/sessions`).then((answer) => answer.json()).catch(() => []);
    const speed = sessions.find((session) => session.channel === channel)?.encoder?.speed;
    if (typeof speed === 'number' && speed > 0) this.#slowest = Math.min(this.#slowest, speed);
  }

  /** What was wrong with the machine, or null. */
  async verdict() {
    clearInterval(this.#timer);
    const pressure = (await waited()) - this.#waited;
    const share = pressure / ((Date.now() - this.#begun) * 1000);
    if (share > 0.6) return `something waited for a processor ${Math.round(share * 100)} % of the time`;
    if (this.#latest > 250) return `a timer came ${this.#latest} ms late`;
    if (this.#slowest < 0.97) return `the encoder ran at ${this.#slowest} of real time`;
    return null;
  }
}

/** For how long anything has waited for a processor since the machine started, microseconds; 0 where nobody counts. */
async function waited() {
  const text = await readFile('/proc/pressure/cpu', 'utf8').catch(() => '');
  return Number(text.match(/^some .*total=(\d+)/)?.[1] ?? 0);
}
