// Figures of the last two minutes, and the lines that show them. Pure: times come in as milliseconds.

export interface Sample {
  at: number;
  /** Null where nothing was known: the line has a gap there. */
  value: number | null;
}

export const WINDOW_MS = 120_000;

/** Longer than this without a sample, and nobody knows what was in between. */
const GAP_MS = 15_000;

export class Series {
  readonly samples: Sample[] = [];

  push(at: number, value: number | null | undefined): void {
    this.samples.push({ at, value: typeof value === 'number' && Number.isFinite(value) ? value : null });
    while (this.samples[0] && this.samples[0].at < at - WINDOW_MS) this.samples.shift();
  }

  get latest(): number | null {
    return this.samples.at(-1)?.value ?? null;
  }
}

export const most = (samples: Sample[]): number => Math.max(0, ...samples.map(({ value }) => value ?? 0));

/** The top of a scale: a round number that `value` fits under. */
export function niceTop(value: number, least: number): number {
  const wanted = Math.max(value, least);
  if (!(wanted > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].find((factor) => factor * unit >= wanted * 0.9999) ?? 10;
  return step * unit;
}

export interface Frame {
  width: number;
  height: number;
  /** The value at the upper edge. */
  top: number;
}

/** The `points` of polylines, one for each stretch without a gap; `now` is at the right edge. */
export function polylines(samples: Sample[], now: number, { width, height, top }: Frame): string[] {
  const lines: string[] = [];
  let line: string[] = [];
  let before = -Infinity;
  const end = (): void => {
    // A single point is drawn as a short dash: a line of no length is invisible.
    if (line.length === 1) line.push(line[0]?.replace(/^[\d.]+/, (x) => String(Number(x) + 0.8)) ?? '');
    if (line.length > 0) lines.push(line.join(' '));
    line = [];
  };
  for (const { at, value } of samples) {
    if (value === null || at - before > GAP_MS) end();
    before = at;
    if (value === null || now - at > WINDOW_MS) continue;
    const x = width * (1 - (now - at) / WINDOW_MS);
    const y = height * (1 - Math.min(1, Math.max(0, value / top)));
    line.push(`${round(x)},${round(y)}`);
  }
  end();
  return lines;
}

const round = (value: number): number => Math.round(value * 10) / 10;
