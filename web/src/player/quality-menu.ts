// Which rung to watch: automatic, or one of the ladder's. A menu button after the ARIA pattern, driven by keyboard.

import { fill, h, setText } from '../base/dom';
import { bitrate } from '../base/format';
import { icon } from '../shell/icons';
import type { Player } from './player';
import type { PlayerStats } from './stats';

const AUTO = -1;

export class QualityMenu {
  readonly element: HTMLElement;
  private readonly opener: HTMLButtonElement;
  private readonly label = h('span', { class: 'quality-label' });
  private readonly list: HTMLElement;
  private offered = '';

  constructor(private readonly player: Player) {
    this.opener = h('button', { class: 'control wide', type: 'button', id: 'quality', 'aria-haspopup': 'menu',
      'aria-expanded': 'false', title: 'Quality (q)', 'aria-label': 'Quality' }, icon('quality'), this.label);
    this.list = h('div', { class: 'menu', role: 'menu', 'aria-label': 'Quality', hidden: true });
    this.element = h('div', { class: 'quality' }, this.list, this.opener);
    this.opener.addEventListener('click', () => this.toggle());
    this.element.addEventListener('keydown', (event) => this.onKey(event));
    this.element.addEventListener('focusout', (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.close(false);
    });
  }

  get isOpen(): boolean {
    return !this.list.hidden;
  }

  toggle(): void {
    if (this.isOpen) this.close(true);
    else this.open();
  }

  update(stats: PlayerStats): void {
    this.element.hidden = stats.levels < 2;
    const now = stats.level ? `${stats.level.height || stats.level.name}${stats.level.height ? 'p' : ''}` : '';
    setText(this.label, stats.auto ? `Auto${now ? ` · ${now}` : ''}` : now);
    const offered = JSON.stringify([this.player.levels(), stats.auto, stats.level?.index]);
    if (offered !== this.offered) this.offer(stats);
    this.offered = offered;
  }

  private offer(stats: PlayerStats): void {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset['level'] : undefined;
    const levels = this.player.levels().sort((a, b) => b.height - a.height || b.bitrate - a.bitrate);
    const items = [
      this.item(AUTO, 'Auto', 'fits your line', stats.auto),
      ...levels.map((level) => {
        const name = level.height ? `${level.height}p${level.frameRate > 35 ? Math.round(level.frameRate) : ''}` : level.name;
        return this.item(level.index, name, bitrate(level.bitrate), !stats.auto && stats.level?.index === level.index);
      }),
    ];
    fill(this.list, ...items);
    if (focused !== undefined && this.isOpen) items.find((item) => item.dataset['level'] === focused)?.focus();
  }

  private item(index: number, name: string, detail: string, checked: boolean): HTMLElement {
    const item = h('button', { class: 'menu-item', type: 'button', role: 'menuitemradio', tabindex: '-1',
      'aria-checked': String(checked), 'data-level': index },
      h('span', { class: 'menu-check' }, checked && icon('check')), h('b', {}, name), h('small', {}, detail));
    item.addEventListener('click', () => {
      this.player.setLevel(index);
      this.close(true);
    });
    return item;
  }

  private open(): void {
    if (this.element.hidden) return;
    this.list.hidden = false;
    this.opener.setAttribute('aria-expanded', 'true');
    const items = this.items();
    (items.find((item) => item.getAttribute('aria-checked') === 'true') ?? items[0])?.focus();
  }

  private close(refocus: boolean): void {
    if (!this.isOpen) return;
    this.list.hidden = true;
    this.opener.setAttribute('aria-expanded', 'false');
    if (refocus) this.opener.focus();
  }

  private items(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>('.menu-item')];
  }

  private onKey(event: KeyboardEvent): void {
    if (!this.isOpen) return;
    const items = this.items();
    const at = items.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === 'Escape' || event.key === 'q') this.close(true);
    else if (event.key !== 'Enter' && event.key !== ' ') return;
    // Enter and Space are the button's own; nothing below may take them as "pause".
    event.stopPropagation();
    if (to !== undefined || event.key === 'Escape' || event.key === 'q') event.preventDefault();
  }
}
