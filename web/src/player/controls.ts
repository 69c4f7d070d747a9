// The bar over the picture: buttons that say what they do, and a volume slider.

import { fill, h, setText } from '../base/dom';
import { icon } from '../shell/icons';
import { seconds } from '../base/format';
import type { Player } from './player';
import { Menus } from './menus';
import { Overlay } from './overlay';
import type { PlayerStats } from './stats';

export class Controls {
  readonly element: HTMLElement;
  readonly menus: Menus;
  readonly overlay = new Overlay();
  private readonly play = button('Play (Space)');
  private readonly mute = button('Sound (m)');
  private readonly full = button('Full screen (f)');
  private readonly pip = button('Picture in picture (p)');
  private readonly figures = button('Figures (i)');
  private readonly volume: HTMLInputElement;
  private readonly live: HTMLButtonElement;
  private readonly latency = h('span', { class: 'live-latency' });
  private drawn = '';

  constructor(
    private readonly player: Player,
    private readonly stage: HTMLElement,
  ) {
    this.menus = new Menus(player);
    this.volume = h('input', { type: 'range', class: 'volume', min: 0, max: 1, step: 0.05, 'aria-label': 'Volume' });
    this.live = h('button', { class: 'live', type: 'button', id: 'go-live' },
      h('i', { class: 'lamp', 'aria-hidden': 'true' }), h('span', { class: 'live-word' }, 'Go live'), this.latency);
    this.pip.hidden = !document.pictureInPictureEnabled;
    this.play.classList.add('play');
    this.listen();
    this.element = h('div', { class: 'controls', role: 'group', 'aria-label': 'Player' },
      this.play, this.live, h('span', { class: 'spacer' }), this.mute, this.volume,
      this.menus.subtitles.element, this.menus.audio.element, this.menus.quality.element,
      this.figures, this.pip, this.full);
  }

  update(stats: PlayerStats): void {
    const { video } = this.player;
    const behind = this.player.isBehind();
    this.live.disabled = !behind;
    this.live.dataset['edge'] = String(!behind && stats.phase === 'playing');
    setText(this.live.querySelector('.live-word') as Element, behind ? 'Go live' : 'Live');
    this.live.title = behind ? 'Go live (l)' : 'At the live edge';
    setText(this.latency, stats.latency === null ? '' : seconds(stats.latency));
    const full = document.fullscreenElement === this.stage;
    const drawn = [video.paused, video.muted || video.volume === 0, full].join();
    if (drawn !== this.drawn) this.draw(video.paused, video.muted || video.volume === 0, full);
    this.drawn = drawn;
    if (document.activeElement !== this.volume) this.volume.value = String(video.muted ? 0 : video.volume);
    this.menus.update(stats);
    this.overlay.update(stats, video);
    this.figures.setAttribute('aria-pressed', String(!this.overlay.element.hidden));
  }

  toggleFullscreen(): void {
    const video = this.player.video as HTMLVideoElement & { webkitEnterFullscreen?: () => void };
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (this.stage.requestFullscreen) void this.stage.requestFullscreen().catch(() => undefined);
    else video.webkitEnterFullscreen?.();
  }

  togglePip(): void {
    if (!document.pictureInPictureEnabled) return;
    if (document.pictureInPictureElement) void document.exitPictureInPicture();
    else void this.player.video.requestPictureInPicture().catch(() => undefined);
  }

  private draw(paused: boolean, muted: boolean, full: boolean): void {
    show(this.play, paused ? 'play' : 'pause', paused ? 'Play (Space)' : 'Pause (Space)');
    show(this.mute, muted ? 'muted' : 'volume', muted ? 'Sound on (m)' : 'Sound off (m)');
    show(this.full, full ? 'shrink' : 'fullscreen', full ? 'Leave full screen (f)' : 'Full screen (f)');
    show(this.pip, 'pip', 'Picture in picture (p)');
    show(this.figures, 'stats', 'Figures (i)');
  }

  private listen(): void {
    const { player } = this;
    this.play.addEventListener('click', () => player.toggle());
    this.live.addEventListener('click', () => player.goLive());
    this.mute.addEventListener('click', () => player.setMuted(!player.video.muted));
    this.volume.addEventListener('input', () => player.setVolume(Number(this.volume.value)));
    this.full.addEventListener('click', () => this.toggleFullscreen());
    this.figures.addEventListener('click', () => this.overlay.toggle());
    this.pip.addEventListener('click', () => this.togglePip());
  }
}

function button(label: string): HTMLButtonElement {
  return h('button', { class: 'control', type: 'button', 'aria-label': label, title: label });
}

function show(element: HTMLButtonElement, name: string, label: string): void {
  fill(element, icon(name));
  element.setAttribute('aria-label', label);
  element.title = label;
}
