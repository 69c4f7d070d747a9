// A small plot: a title, the figure of now, and lines of the last two minutes.

import { fill, h, setText, svg } from '../base/dom';
import { most, niceTop, polylines } from '../base/series';
import type { Sample } from '../base/series';

const WIDTH = 160;
const HEIGHT = 44;
/** More lines than this look alike. */
const LINES = 5;

export interface Line {
  /** Empty where a plot has a single line. */
  name: string;
  samples: Sample[];
}

export interface PlotOptions {
  title: string;
  /** What it is, in a sentence. */
  hint: string;
  /** The scale's upper edge is never below. */
  least: number;
  format: (value: number | null) => string;
  /** A line across: where things should be. */
  goal?: number;
}

export class Plot {
  readonly element: HTMLElement;
  private readonly value = h('span', { class: 'plot-value' });
  private readonly top = h('small', { class: 'plot-top', 'aria-hidden': 'true' });
  private readonly lines = svg('g');
  private readonly goal = svg('line', { class: 'spark-goal', x1: 0, x2: WIDTH, y1: -5, y2: -5 });
  private readonly picture: SVGElement;
  private readonly legend = h('ul', { class: 'plot-legend', hidden: true });
  private drawnLegend = '';

  constructor(private readonly options: PlotOptions) {
    this.picture = svg('svg', { class: 'plot-lines', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none',
      role: 'img' }, this.goal, this.lines);
    this.element = h('div', { class: 'plot', title: options.hint },
      h('div', { class: 'plot-head' }, h('span', { class: 'plot-title' }, options.title), this.value),
      h('div', { class: 'plot-frame' }, this.picture, this.top), this.legend);
  }

  /** `now` is the figure in the head. */
  update(lines: Line[], now: number | null, at: number): void {
    const { title, format, least, goal } = this.options;
    const highest = Math.max(0, ...lines.map((line) => most(line.samples)));
    const top = niceTop(highest * 1.05, least);
    setText(this.value, format(now));
    setText(this.top, format(top));
    const drawn = lines.slice(0, LINES).flatMap((line, index) =>
      polylines(line.samples, at, { width: WIDTH, height: HEIGHT, top }).map((points) =>
        svg('polyline', { points, class: `plot-line line-${index}` })));
    this.lines.replaceChildren(...drawn);
    const y = goal === undefined ? -5 : HEIGHT * (1 - goal / top);
    this.goal.setAttribute('y1', String(y));
    this.goal.setAttribute('y2', String(y));
    this.picture.setAttribute('aria-label', `${title}: ${format(now)} now, at most ${format(highest)} in the last two minutes`);
    this.explain(lines.slice(0, LINES));
  }

  private explain(lines: Line[]): void {
    this.legend.hidden = lines.length < 2;
    const texts = lines.map((line) => `${line.name} ${this.options.format(line.samples.at(-1)?.value ?? null)}`);
    const drawn = JSON.stringify(texts);
    if (drawn === this.drawnLegend) return;
    this.drawnLegend = drawn;
    fill(this.legend, ...texts.map((text, index) =>
      h('li', {}, h('i', { class: `line-mark line-${index}`, 'aria-hidden': 'true' }), text)));
  }
}
