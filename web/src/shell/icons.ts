// Small drawings, made as elements: the page has no markup strings.

import { svg } from '../base/dom';

const LINES: Record<string, string[]> = {
  play: ['M7 4.8v14.4L19 12z'],
  pause: ['M8 5v14', 'M16 5v14'],
  volume: ['M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z', 'M15.5 9a4.2 4.2 0 0 1 0 6', 'M18 6.5a7.8 7.8 0 0 1 0 11'],
  muted: ['M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z', 'M16 9.5l5 5', 'M21 9.5l-5 5'],
  fullscreen: ['M4 9V4h5', 'M15 4h5v5', 'M20 15v5h-5', 'M9 20H4v-5'],
  shrink: ['M9 4v5H4', 'M20 9h-5V4', 'M15 20v-5h5', 'M4 15h5v5'],
  pip: ['M3.5 5.5h17v13h-17z', 'M12 12h6v4h-6z'],
  quality: ['M4 7h9', 'M17 7h3', 'M15 5v4', 'M4 12h3', 'M11 12h9', 'M9 10v4', 'M4 17h9', 'M17 17h3', 'M15 15v4'],
  sun: ['M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z', 'M12 2.5v2', 'M12 19.5v2', 'M2.5 12h2', 'M19.5 12h2',
    'M5.3 5.3l1.4 1.4', 'M17.3 17.3l1.4 1.4', 'M5.3 18.7l1.4-1.4', 'M17.3 6.7l1.4-1.4'],
  moon: ['M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7z'],
  auto: ['M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z', 'M12 4v16', 'M12 8h6.8', 'M12 12h8', 'M12 16h6.8'],
  help: ['M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z', 'M9.6 9.6a2.5 2.5 0 1 1 3.4 2.3c-.7.3-1 .8-1 1.6', 'M12 16.6v.1'],
  copy: ['M9 9h11v11H9z', 'M5 15H4V4h11v1'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  back: ['M14.5 5.5L8 12l6.5 6.5'],
  forward: ['M9.5 5.5L16 12l-6.5 6.5'],
  channels: ['M4.5 4.5h6v6h-6z', 'M13.5 4.5h6v6h-6z', 'M4.5 13.5h6v6h-6z', 'M13.5 13.5h6v6h-6z'],
  restart: ['M19 12a7 7 0 1 1-2.2-5.1', 'M19.5 3.5V8H15'],
  stop: ['M6.5 6.5h11v11h-11z'],
  eye: ['M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z', 'M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z'],
  share: ['M12 14.5V4', 'M8 7.5L12 3.5l4 4', 'M7 11H5v9.5h14V11h-2'],
  stats: ['M4 20V4', 'M4 20h16', 'M8.5 16v-4', 'M12.5 16V8', 'M16.5 16v-6'],
  audio: ['M9 18.5a2.5 2.5 0 1 1-2.5-2.5H9z', 'M19 16.5a2.5 2.5 0 1 1-2.5-2.5H19z', 'M9 16V5.5L19 4v10'],
  subtitles: ['M3.5 5.5h17v13h-17z', 'M7 12h4', 'M13.5 12H17', 'M7 15.3h6', 'M15.5 15.3H17'],
  key: ['M14.5 4.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10z', 'M11 13l-7 7', 'M4 20h3v-3', 'M15.7 8.3v.1'],
  down: ['M6 9.5l6 6 6-6'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  search: ['M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12z', 'M15 15l5 5'],
};

const SOLID = new Set(['play', 'stop']);
const BOLD = new Set(['pause']);

export function icon(name: keyof typeof LINES & string): SVGElement {
  const paths = (LINES[name] ?? []).map((d) => svg('path', { d }));
  const className = SOLID.has(name) ? 'icon solid' : BOLD.has(name) ? 'icon bold' : 'icon';
  return svg('svg', { viewBox: '0 0 24 24', class: className, 'aria-hidden': 'true', focusable: 'false' }, ...paths);
}

/** The gate itself: two posts, a beam with its handwheel, a leaf that rises, water that then flows. */
export function gate(className: string): SVGElement {
  const rect = (x: number, y: number, width: number, height: number, rx: number, name: string): SVGElement =>
    svg('rect', { x, y, width, height, rx, class: name });
  const leaf = svg('g', { class: 'gate-leaf' },
    rect(15.4, 8, 1.2, 16, 0.6, 'gate-stem'),
    rect(10, 21, 12, 11.5, 0.8, 'gate-plate'),
    svg('path', { d: 'M12 25h8M12 28.6h8', class: 'gate-ribs' }));
  return svg('svg', { viewBox: '0 0 32 40', class: `gate ${className}`, 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: 'M1 31.5q3.75-2.2 7.5 0t7.5 0 7.5 0 7.5 0', class: 'gate-water far' }),
    leaf,
    rect(6, 10, 3.4, 25, 0.8, 'gate-post'), rect(22.6, 10, 3.4, 25, 0.8, 'gate-post'),
    rect(4, 8.6, 24, 3.6, 1, 'gate-beam'),
    svg('path', { d: 'M11 4.2h10M16 4.2v5', class: 'gate-wheel' }),
    svg('path', { d: 'M1 35.5q3.75-2.4 7.5 0t7.5 0 7.5 0 7.5 0', class: 'gate-water near' }));
}

/** Two layers of waves, twice as wide as their frame so that they can drift for ever. */
export function waves(): SVGElement {
  const layer = (name: string, top: number, height: number): SVGElement => {
    const crest = `q50-${height} 100 0t100 0`.repeat(8);
    return svg('path', { class: `wave ${name}`, d: `M0 ${top}${crest}V400H0z` });
  };
  return svg('svg', { viewBox: '0 0 800 220', class: 'waves', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    layer('back', 14, 16), layer('front', 30, 20));
}
