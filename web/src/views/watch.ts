// One channel: the picture, its measures, and the session that feeds it.

import { ApiError, getChannel, listChannels } from '../api/client';
import type { Channel } from '../api/schema';
import { h, isTyping, setText } from '../base/dom';
import { timeOfDay } from '../base/format';
import { poll } from '../base/poll';
import { formatRoute } from '../base/route';
import { slateNotice } from '../base/sources';
import type { View } from '../main';
import { Controls } from '../player/controls';
import { Gauges } from '../player/gauges';
import { Player } from '../player/player';
import { Veil } from '../player/veil';
import { mediaPrefix } from '../base/token';
import { probe } from '../probe';
import { note } from '../shell/dialog';
import { icon } from '../shell/icons';
import { nameOf } from '../shell/state';
import { SessionPanel } from './session-panel';
import { showShare } from './share';

const CONTROLS_REST_MS = 2800;

export function watchView(id: string): View {
  return (place) => {
    const video = h('video', { playsinline: true, 'aria-label': 'Live picture', disableremoteplayback: true });
    const stage = h('div', { class: 'stage', tabindex: '-1' }, video);
    const player = new Player(video, `${mediaPrefix()}/live/${encodeURIComponent(id)}/index.m3u8`, () => draw());
    const controls = new Controls(player, stage);
    const veil = new Veil(player);
    const gauges = new Gauges();
    const slate = h('p', { class: 'slate-notice', role: 'status', hidden: true });
    const panel = new SessionPanel();
    let channel: Channel | null = null;
    const share = (): void => void showShare(id, channel ? nameOf(channel) : id);
    const title = titleBar(id, share);

    stage.append(veil.element, h('div', { class: 'spinner', 'aria-hidden': 'true' }), controls.overlay.element, controls.element);
    place.append(h('div', { class: 'watch' },
      h('div', { class: 'watch-main' }, stage, slate, title.element, gauges.element), panel.element));

    function draw(): void {
      const stats = player.stats();
      stage.dataset['phase'] = stats.phase;
      controls.update(stats);
      veil.update(channel);
    }
    const ticker = setInterval(() => {
      draw();
      gauges.update(player.stats());
    }, 500);
    const polling = poll({
      every: () => (player.phase === 'playing' || player.phase === 'paused' ? 3000 : 1000),
      ask: async (signal) => {
        channel = await getChannel(id, signal);
        panel.element.hidden = false;
        title.update(channel);
        panel.update(channel);
        const told = slateNotice(channel.session);
        slate.hidden = told === '';
        setText(slate, told);
      },
      failed: (error) => {
        if (error instanceof ApiError && error.status === 404) {
          title.missing();
          panel.element.hidden = true;
        }
      },
    });
    const leaveKeys = keys(id, player, controls, share);
    const leaveRest = restControls(stage, video, player);
    probe.stats = () => player.stats();
    draw();
    return () => {
      clearInterval(ticker);
      polling.stop();
      leaveKeys();
      leaveRest();
      player.destroy();
      document.title = 'Headgate';
    };
  };
}

interface TitleBar {
  element: HTMLElement;
  update(channel: Channel): void;
  missing(): void;
}

function titleBar(id: string, share: () => void): TitleBar {
  const name = h('h1', {}, id);
  const number = h('span', { class: 'number', hidden: true });
  const group = h('p', { class: 'group' });
  const programme = h('p', { class: 'group on-now', hidden: true });
  const sharing = h('button', { class: 'button with-icon', type: 'button', id: 'share', title: 'Share (s)',
    on: { click: share } }, icon('share'), 'Share');
  const step = (by: number, label: string, shape: string): HTMLElement =>
    h('button', { class: 'icon-button', type: 'button', 'aria-label': label, title: label,
      on: { click: () => void zap(id, by) } }, icon(shape));
  const back = h('a', { class: 'icon-button', href: '#/', 'aria-label': 'All channels', title: 'All channels (Esc)' },
    icon('channels'));
  return {
    element: h('div', { class: 'title-bar' }, back, number, h('div', { class: 'title-text' }, name, group, programme), sharing,
      h('div', { class: 'zap' }, step(-1, 'Previous channel ([)', 'back'), step(1, 'Next channel (])', 'forward'))),
    update(channel) {
      setText(name, nameOf(channel));
      setText(group, channel.group ?? '');
      setText(number, String(channel.number ?? ''));
      programme.hidden = !channel.now;
      setText(programme, onNow(channel));
      number.hidden = channel.number === null || channel.number === undefined;
      document.title = `${nameOf(channel)} · Headgate`;
    },
    missing: () => setText(group, 'Not in the configuration'),
  };
}

function onNow({ now, next }: Channel): string {
  if (!now) return '';
  return `${now.title}, until ${timeOfDay(now.stop)}${next ? `; then ${next.title}` : ''}`;
}

async function zap(id: string, by: number): Promise<void> {
  try {
    const channels = await listChannels();
    const at = channels.findIndex((channel) => channel.id === id);
    const next = channels.at((Math.max(0, at) + by) % Math.max(1, channels.length));
    if (next && next.id !== id) location.hash = formatRoute({ view: 'watch', channel: next.id });
    else note('There is no other channel.');
  } catch (error) {
    note(error instanceof Error ? error.message : 'The channels could not be read.');
  }
}

/** The viewer's keys. Returns how to stop listening. */
function keys(id: string, player: Player, controls: Controls, share: () => void): () => void {
  const does: Record<string, () => void> = {
    ' ': () => player.toggle(),
    k: () => player.toggle(),
    l: () => player.goLive(),
    q: () => controls.menus.quality.toggle(),
    a: () => controls.menus.audio.toggle(),
    c: () => controls.menus.subtitles.toggle(),
    i: () => controls.overlay.toggle(),
    s: share,
    m: () => player.setMuted(!player.video.muted),
    f: () => controls.toggleFullscreen(),
    p: () => controls.togglePip(),
    ArrowUp: () => player.setVolume(player.video.volume + 0.1),
    ArrowDown: () => player.setVolume(player.video.volume - 0.1),
    '[': () => void zap(id, -1),
    ']': () => void zap(id, 1),
    Escape: () => (location.hash = '#/'),
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const target = event.target instanceof Element ? event.target : null;
    if (event.key === ' ' && target?.closest('button, a, summary')) return;
    if (event.key.startsWith('Arrow') && target?.closest('.volume, .panel')) return;
    if (event.key === 'Escape' && document.fullscreenElement) return;
    const action = does[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

/** Hides the controls when nobody moved for a while; a tap on the picture brings them back. */
function restControls(stage: HTMLElement, video: HTMLVideoElement, player: Player): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stir = (): void => {
    clearTimeout(timer);
    stage.dataset['resting'] = 'false';
    timer = setTimeout(() => (stage.dataset['resting'] = 'true'), CONTROLS_REST_MS);
  };
  stage.addEventListener('pointermove', stir);
  stage.addEventListener('focusin', stir);
  document.addEventListener('keydown', stir);
  video.addEventListener('click', () => {
    const byTouch = window.matchMedia('(hover: none)').matches;
    if (!byTouch) player.toggle();
    stir();
  });
  video.addEventListener('dblclick', () => stage.querySelector<HTMLElement>('.control:last-child')?.click());
  stir();
  return () => {
    clearTimeout(timer);
    document.removeEventListener('keydown', stir);
  };
}
