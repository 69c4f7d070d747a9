// What sessions did in the last two minutes, kept by the page: the gateway tells only what is now.

import type { Session } from '../api/schema';
import { h } from '../base/dom';
import { bitrate, duration, fixed } from '../base/format';
import { quantileBetween } from '../base/histogram';
import type { Buckets } from '../base/histogram';
import { Series } from '../base/series';
import { Plot } from '../shell/plot';

/** The delay that 95 of 100 parts stay under. */
const SHARE = 0.95;

interface Figures {
  viewers: Series;
  speed: Series;
  delay: Series;
  bitrates: Map<string, Series>;
  delays: Buckets | undefined;
}

/** By session. They outlive the view, so that going away and coming back loses nothing but the time between. */
const kept = new Map<string, Figures>();

function figuresOf(id: string): Figures {
  let figures = kept.get(id);
  if (!figures) {
    figures = { viewers: new Series(), speed: new Series(), delay: new Series(), bitrates: new Map(), delays: undefined };
    kept.set(id, figures);
  }
  return figures;
}

/** Takes down what sessions do now; `delays` is of the channels, and may be missing. */
export function record(sessions: Session[], delays: Map<string, Buckets>, at: number): void {
  const ids = new Set(sessions.map((session) => session.id));
  for (const id of kept.keys()) if (!ids.has(id)) kept.delete(id);
  for (const session of sessions) {
    const figures = figuresOf(session.id);
    figures.viewers.push(at, session.viewers);
    figures.speed.push(at, session.encoder?.speed);
    for (const { name, kind, measured_bitrate: measured } of session.renditions) {
      const series = figures.bitrates.get(name) ?? new Series();
      figures.bitrates.set(name, series);
      series.push(at, kind === 'video' || session.renditions.length === 1 ? measured : null);
    }
    const buckets = delays.get(session.channel);
    if (buckets) {
      if (figures.delays) figures.delay.push(at, quantileBetween(figures.delays, buckets, SHARE));
      figures.delays = buckets;
    }
  }
}

/** The plots of one session. */
export class SessionPlots {
  readonly element: HTMLElement;
  private readonly viewers = new Plot({ title: 'Viewers', hint: 'How many watch', least: 5,
    format: (value) => (value === null ? '–' : value.toLocaleString('en')) });
  private readonly bitrates = new Plot({ title: 'Bitrate', hint: 'Measured over the window, by rendition',
    least: 100_000, format: bitrate });
  private readonly speed = new Plot({ title: 'Encoder speed', hint: 'Media time over wall time; below 1 it falls behind',
    least: 1.5, goal: 1, format: (value) => fixed(value, 2, '×') });
  private readonly delay = new Plot({ title: 'Part delay', hint: '95 of 100 parts were published within this time',
    least: 0.5, format: (value) => duration(value) });

  constructor() {
    const plots = [this.viewers, this.bitrates, this.speed, this.delay];
    this.element = h('div', { class: 'plots' }, ...plots.map((plot) => plot.element));
  }

  update(session: Session, at: number): void {
    const { viewers, speed, delay, bitrates } = figuresOf(session.id);
    this.viewers.update([{ name: '', samples: viewers.samples }], session.viewers, at);
    const rungs = session.renditions.filter((one) => one.kind === 'video' || session.renditions.length === 1);
    const sum = rungs.reduce((total, rung) => total + (rung.measured_bitrate ?? 0), 0);
    const lines = rungs.map(({ name }) => ({ name, samples: bitrates.get(name)?.samples ?? [] }));
    this.bitrates.update(lines, sum > 0 ? sum : null, at);
    this.speed.update([{ name: '', samples: speed.samples }], session.encoder?.speed ?? null, at);
    this.delay.update([{ name: '', samples: delay.samples }], delay.latest, at);
  }
}
