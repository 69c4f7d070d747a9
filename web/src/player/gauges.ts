// The strip below the picture: five measures, and the latency of the last minute as a line.

import { h, setText, svg } from '../base/dom';
import { UNKNOWN, bitrate, fixed, seconds } from '../base/format';
import type { PlayerStats } from './stats';

const SAMPLES = 120;
const TOP_S = 6;

export class Gauges {
  readonly element: HTMLElement;
  private readonly latency = gauge('Latency', 'latency', 'Behind the live edge');
  private readonly buffer = gauge('Buffer', 'buffer', 'Ready to play');
  private readonly picture = gauge('Picture', 'picture', 'What is on the screen');
  private readonly rate = gauge('Bitrate', 'bitrate', 'Of this quality');
  private readonly dropped = gauge('Dropped', 'dropped', 'Frames that this device could not show in time');
  private readonly line = svg('polyline', { class: 'spark-line', points: '' });
  private readonly goal = svg('line', { class: 'spark-goal', x1: 0, x2: SAMPLES, y1: 0, y2: 0 });
  private readonly samples: (number | null)[] = [];

  constructor() {
    const spark = svg('svg', { class: 'spark', viewBox: `0 0 ${SAMPLES} 30`, preserveAspectRatio: 'none',
      'aria-hidden': 'true' }, this.goal, this.line);
    this.latency.element.append(spark);
    this.element = h('dl', { class: 'gauges', 'aria-label': 'Playback' },
      ...[this.latency, this.buffer, this.picture, this.rate, this.dropped].map((one) => one.element));
  }

  update(stats: PlayerStats): void {
    this.latency.show(seconds(stats.latency), stats.target === null ? '' : `asks for ${seconds(stats.target)}`);
    const idle = stats.decoded === 0;
    this.buffer.show(idle ? UNKNOWN : seconds(stats.buffer), stats.rate === 1 ? '' : `at ${fixed(stats.rate, 2, '×')}`);
    const { level } = stats;
    this.picture.show(level?.height ? `${level.width}×${level.height}` : UNKNOWN,
      level && level.frameRate > 0 ? `${fixed(level.frameRate, 0)} fps` : '');
    this.rate.show(bitrate(level?.bitrate), level && stats.bandwidth ? `line ${bitrate(stats.bandwidth)}` : '');
    const detail = stats.stalls > 0 ? `stalls ${stats.stalls}` : idle ? '' : `of ${stats.decoded}`;
    this.dropped.show(idle ? UNKNOWN : String(stats.dropped), detail);
    this.draw(stats);
  }

  private draw(stats: PlayerStats): void {
    this.samples.push(stats.phase === 'playing' ? stats.latency : null);
    if (this.samples.length > SAMPLES) this.samples.shift();
    const offset = SAMPLES - this.samples.length;
    const height = (value: number): number => 30 - (Math.min(TOP_S, value) / TOP_S) * 30;
    const points = this.samples.flatMap((value, at) => (value === null ? [] : [`${at + offset},${height(value).toFixed(1)}`]));
    this.line.setAttribute('points', points.join(' '));
    const goal = stats.target === null ? -5 : height(stats.target);
    this.goal.setAttribute('y1', String(goal));
    this.goal.setAttribute('y2', String(goal));
  }
}

interface Gauge {
  element: HTMLElement;
  show(value: string, detail: string): void;
}

function gauge(label: string, id: string, hint: string): Gauge {
  const value = h('span', { class: 'gauge-value', id: `gauge-${id}` }, UNKNOWN);
  const detail = h('small', { class: 'gauge-detail' });
  return {
    element: h('div', { class: `gauge ${id}`, title: hint }, h('dt', {}, label), h('dd', {}, value, detail)),
    show(text, more) {
      setText(value, text);
      setText(detail, more);
    },
  };
}
