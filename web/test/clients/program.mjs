// A player that is a program: started, followed line by line, and ended.

import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How long a player has until its clock goes on. */
export const START_MS = 30_000;

/** What a player takes to settle at its distance from live; what it does then is not judged. */
export const SETTLE_MS = 3000;

const END_MS = 3000;

/** A running player, and the lines that it wrote. */
export class Program {
  #child;
  #ended;
  lines = [];

  constructor(command, args, onLine = () => {}, options = {}) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.lines.push(error.message);
        resolve();
      });
      this.#child.once('close', resolve);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
        if (onLine(line, stream === this.#child.stderr) !== true) this.lines.push(line.trim());
      });
    }
  }

  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends it, kindly first. */
  async stop(signal = 'SIGTERM') {
    this.#child.kill(signal);
    const late = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    await this.#ended;
    clearTimeout(late);
  }
}

/** The first line of what a program says when it is asked for its version, cut to what `pattern` finds. */
export function versionOf(command, args, pattern, options = {}) {
  try {
    const said = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], ...options });
    return pattern.exec(said)?.[1] ?? 'unknown';
  } catch {
    return null;
  }
}

/**
 * Lets a program play for so many seconds after its clock went on and it has settled. `ask` looks for its time where it does not
 * tell it by itself. Answers what is wrong with it; lines that it writes while it is ended are not its listeners'.
 */
export async function follow(program, clock, seconds, ask = () => {}) {
  const begun = performance.now();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    await ask();
    const now = performance.now();
    const started = clock.startedAt;
    if (!program.isRunning) return [...clock.faults(seconds), 'it has ended by itself'];
    if (started === null && now - begun > START_MS) return clock.faults(seconds);
    if (started !== null && now - started >= SETTLE_MS + seconds * 1000) return clock.faults(seconds);
  }
}
