// A button in the bar that opens a list to choose from: a menu button after the ARIA pattern, driven by keyboard.

import { fill, h, setText } from '../base/dom';
import { icon } from '../shell/icons';

export interface Choice {
  value: number;
  name: string;
  detail: string;
  checked: boolean;
}

export interface MenuOptions {
  id: string;
  label: string;
  /** Opens and closes it. */
  key: string;
  icon: string;
  choose: (value: number) => void;
}

export class Menu {
  readonly element: HTMLElement;
  private readonly opener: HTMLButtonElement;
  private readonly label = h('span', { class: 'menu-label' });
  private readonly list: HTMLElement;
  private offered = '';

  constructor(private readonly options: MenuOptions) {
    const { id, label, key } = options;
    this.list = h('div', { class: 'menu', role: 'menu', 'aria-label': label, hidden: true, id: `${id}-list` });
    this.opener = h('button', { class: 'control wide', type: 'button', id, 'aria-haspopup': 'menu', 'aria-expanded': 'false',
      'aria-controls': `${id}-list`, title: `${label} (${key})`, 'aria-label': label }, icon(options.icon), this.label);
    this.element = h('div', { class: 'menu-place', hidden: true }, this.list, this.opener);
    this.opener.addEventListener('click', () => this.toggle());
    this.element.addEventListener('keydown', (event) => this.onKey(event));
    this.element.addEventListener('focusout', (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.close(false);
    });
  }

  toggle(): void {
    if (this.list.hidden) this.open();
    else this.close(true);
  }

  /** What there is to choose, and what the button says. Nothing to choose from hides it. */
  offer(choices: Choice[], says: string): void {
    this.element.hidden = choices.length === 0;
    setText(this.label, says);
    this.opener.setAttribute('aria-label', says === '' ? this.options.label : `${this.options.label}: ${says}`);
    const offered = JSON.stringify(choices);
    if (offered === this.offered) return;
    this.offered = offered;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset['level'] : undefined;
    const items = choices.map((choice) => this.item(choice));
    fill(this.list, ...items);
    if (focused !== undefined && !this.list.hidden) items.find((item) => item.dataset['level'] === focused)?.focus();
  }

  private item({ value, name, detail, checked }: Choice): HTMLElement {
    const item = h('button', { class: 'menu-item', type: 'button', role: 'menuitemradio', tabindex: '-1',
      'aria-checked': String(checked), 'data-level': value },
      h('span', { class: 'menu-check' }, checked && icon('check')), h('b', {}, name), h('small', {}, detail));
    item.addEventListener('click', () => {
      // In this order: what is chosen may redraw the list, and the focus must have left it by then.
      this.close(true);
      this.options.choose(value);
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
    if (this.list.hidden) return;
    this.list.hidden = true;
    this.opener.setAttribute('aria-expanded', 'false');
    if (refocus) this.opener.focus();
  }

  private items(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>('.menu-item')];
  }

  private onKey(event: KeyboardEvent): void {
    if (this.list.hidden) return;
    const { key } = this.options;
    const items = this.items();
    const at = items.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === 'Escape' || event.key === key) this.close(true);
    else if (event.key !== 'Enter' && event.key !== ' ') return;
    // Enter and Space are the button's own; nothing below may take them as "pause".
    event.stopPropagation();
    if (to !== undefined || event.key === 'Escape' || event.key === key) event.preventDefault();
  }
}
