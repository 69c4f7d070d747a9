// Figures over the picture, for who wants to know exactly.

import { h, setText } from '../base/dom';
import { UNKNOWN, bitrate, fixed, seconds } from '../base/format';
import { recall, remember } from '../base/prefs';
import { icon } from '../shell/icons';
import type { PlayerStats } from './stats';

const ROWS = ['Rendition', 'Codecs', 'Picture', 'Bandwidth', 'Buffer', 'Latency', 'Speed', 'Frames', 'Stalls', 'Engine'] as const;
type Row = (typeof ROWS)[number];

export class Overlay {
  readonly element: HTMLElement;
  private readonly values = new Map<Row, HTMLElement>();

  constructor() {
    const rows = ROWS.map((name) => {
      const value = h('dd', {}, UNKNOWN);
      this.values.set(name, value);
      return h('div', {}, h('dt', {}, name), value);
    });
    const close = h('button', { class: 'control', type: 'button', 'aria-label': 'Hide the figures', title: 'Hide (i)',
      on: { click: () => this.toggle() } }, icon('close'));
    this.element = h('section', { class: 'overlay', 'aria-label': 'Playback figures', id: 'overlay' },
      close, h('dl', {}, ...rows));
    this.element.hidden = recall('overlay') !== 'true';
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
    remember('overlay', String(!this.element.hidden));
  }

  update(stats: PlayerStats, video: HTMLVideoElement): void {
    if (this.element.hidden) return;
    for (const [row, text] of Object.entries(figures(stats, video))) {
      const value = this.values.get(row as Row);
      if (value) setText(value, text);
    }
  }
}

function figures(stats: PlayerStats, video: HTMLVideoElement): Record<Row, string> {
  const { level } = stats;
  const picture = video.videoWidth > 0 ? `${video.videoWidth}×${video.videoHeight}` : UNKNOWN;
  const rate = level && level.frameRate > 0 ? `, ${fixed(level.frameRate, 0)} fps` : '';
  const lost = stats.decoded > 0 ? ` (${fixed((stats.dropped / stats.decoded) * 100, 1)} %)` : '';
  return {
    Rendition: level ? `${level.name}, ${bitrate(level.bitrate)}${stats.auto ? ', chosen by the player' : ''}` : UNKNOWN,
    Codecs: level?.codecs || UNKNOWN,
    Picture: picture + rate,
    Bandwidth: bitrate(stats.bandwidth),
    Buffer: seconds(stats.buffer),
    Latency: `${seconds(stats.latency)}${stats.target === null ? '' : ` of ${seconds(stats.target)} asked for`}`,
    Speed: fixed(stats.rate, 2, '×'),
    Frames: `${stats.dropped} of ${stats.decoded} dropped${lost}`,
    Stalls: `${stats.stalls}, repaired ${stats.recoveries}`,
    Engine: stats.engine,
  };
}
