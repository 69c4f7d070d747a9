// Finding channels: a search and a choice of groups, kept in the page's address so that it can be shared and gone back to.

import { h, isTyping } from '../base/dom';
import { EVERYTHING, formatFilter, parseFilter } from '../base/filter';
import type { Filter } from '../base/filter';
import { icon } from '../shell/icons';

const ALL = 'all';

export interface SearchEvents {
  changed: () => void;
  /** Enter: to the first that was found. */
  chosen: () => void;
  /** Arrow down: into the grid. */
  entered: () => void;
}

export class ChannelSearch {
  readonly element: HTMLElement;
  filter: Filter = parseFilter(location.hash);
  private readonly field = h('input', { type: 'search', class: 'search', placeholder: 'Find', 'aria-label': 'Find a channel',
    spellcheck: 'false', autocomplete: 'off' });
  private readonly box = h('label', { class: 'search-box' }, icon('search'), this.field);
  private readonly groups = h('select', { 'aria-label': 'Group' });
  private readonly groupBox = h('span', { class: 'select-box', hidden: true }, this.groups, icon('down'));
  private readonly listening = new AbortController();
  private offered = '';

  constructor(private readonly events: SearchEvents) {
    this.element = h('search', { class: 'view-tools' }, this.groupBox, this.box);
    this.field.value = this.filter.query;
    this.field.addEventListener('input', () => this.set({ ...this.filter, query: this.field.value }));
    this.field.addEventListener('keydown', (event) => this.onKey(event));
    this.groups.addEventListener('change', () =>
      this.set({ ...this.filter, group: this.groups.value === ALL ? null : this.groups.value.slice(1) }));
    const { signal } = this.listening;
    document.addEventListener('keydown', (event) => {
      if (event.key !== '/' || isTyping(event.target) || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      this.field.focus();
    }, { signal });
    // Somebody goes back, or types an address of this view.
    window.addEventListener('hashchange', () => this.take(parseFilter(location.hash)), { signal });
  }

  stop(): void {
    this.listening.abort();
  }

  clear(): void {
    this.set(EVERYTHING);
    this.field.value = '';
    this.groups.value = ALL;
    this.field.focus();
  }

  /** Names of groups, `''` for none. */
  offer(groups: string[]): void {
    const { group } = this.filter;
    const names = group === null || groups.includes(group) ? groups : [...groups, group];
    this.groupBox.hidden = names.length < 2 && group === null;
    const offered = JSON.stringify(names);
    if (offered === this.offered) return;
    this.offered = offered;
    // A group may be called anything, so every value but "all" begins with a mark.
    this.groups.replaceChildren(h('option', { value: ALL }, 'All groups'),
      ...names.map((name) => h('option', { value: `=${name}` }, name || 'Other')));
    this.groups.value = group === null ? ALL : `=${group}`;
  }

  private take(filter: Filter): void {
    if (JSON.stringify(filter) === JSON.stringify({ ...this.filter, query: this.filter.query.trim() })) return;
    this.filter = filter;
    this.field.value = filter.query;
    this.groups.value = filter.group === null ? ALL : `=${filter.group}`;
    this.events.changed();
  }

  private set(filter: Filter): void {
    this.filter = filter;
    history.replaceState(history.state, '', formatFilter(filter));
    this.events.changed();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      if (this.field.value === '') this.field.blur();
      this.field.value = '';
      this.set({ ...this.filter, query: '' });
    } else if (event.key === 'Enter') this.events.chosen();
    else if (event.key === 'ArrowDown') this.events.entered();
    else return;
    event.preventDefault();
  }
}
