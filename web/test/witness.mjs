// Tells a machine that is too busy from a player that stalls.

const WITNESS_MS = 100;

/** Looks, beside the player, whether timers come in time and the encoder keeps up. */
export class Witness {
  #latest = 0;
  #slowest = Infinity;
  #timer;
  #expected = Date.now() + WITNESS_MS;

  constructor(url, channel) {
    let beats = 0;
    this.#timer = setInterval(() => {
      const now = Date.now();
      this.#latest = Math.max(this.#latest, now - this.#expected);
      this.#expected = now + WITNESS_MS;
      beats += 1;
      if (beats % 20 === 0) this.#askSpeed(url, channel);
    }, WITNESS_MS);
  }

  async #askSpeed(url, channel) {
    const answer = await fetch(`${url}/api/v1/channels/${channel}`).then((r) => r.json()).catch(() => null);
    const speed = answer?.session?.encoder?.speed;
    if (typeof speed === 'number' && speed > 0) this.#slowest = Math.min(this.#slowest, speed);
  }

  /** What was wrong with the machine, or null. */
  async verdict() {
    clearInterval(this.#timer);
    if (this.#latest > 250) return `a timer came ${this.#latest} ms late`;
    if (this.#slowest < 0.97) return `the encoder ran at ${this.#slowest} of real time`;
    return null;
  }
}
