// The wiring: addresses to views, one view at a time.

import { parseRoute } from './base/route';
import { buildFrame } from './shell/frame';
import { installProbe, probe } from './probe';
import { channelsView } from './views/channels';
import { configView } from './views/config';
import { sessionsView } from './views/sessions';
import { watchView } from './views/watch';
import './styles/index.css';

/** A view draws into `place` and answers how to leave it. */
export type View = (place: HTMLElement) => () => void;

const root = document.getElementById('app');
if (root) start(root);

function start(place: HTMLElement): void {
  const frame = buildFrame(place);
  let leave: (() => void) | null = null;
  let shown = '';

  const show = (): void => {
    const route = parseRoute(location.hash);
    const key = JSON.stringify(route);
    if (key === shown) return;
    const first = shown === '';
    shown = key;
    leave?.();
    probe.stats = null;
    frame.main.replaceChildren();
    frame.main.dataset['view'] = route.view;
    frame.mark(route.view);
    window.scrollTo(0, 0);
    if (!first) frame.main.focus({ preventScroll: true });
    if (route.view === 'watch') leave = watchView(route.channel)(frame.main);
    else if (route.view === 'sessions') leave = sessionsView(frame.main);
    else if (route.view === 'config') leave = configView(frame.main);
    else leave = channelsView(frame.main);
  };
  installProbe();
  window.addEventListener('hashchange', show);
  show();
}
