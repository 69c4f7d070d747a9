// What surrounds every view: the name, the navigation, the theme, the shortcuts that work anywhere.

import { h, isTyping, fill } from '../base/dom';
import { recall, remember } from '../base/prefs';
import type { Route } from '../base/route';
import { formatRoute } from '../base/route';
import { note, showShortcuts } from './dialog';
import { gate, icon } from './icons';
import { operatorButton } from './operator';
import { refusedBanner } from './refused';

const THEMES = ['auto', 'light', 'dark'] as const;
const THEME_ICON = { auto: 'auto', light: 'sun', dark: 'moon' } as const;
const THEME_TEXT = { auto: 'as the system', light: 'light', dark: 'dark' } as const;
/** After `g`. */
const GOALS: Record<string, string> = { c: '#/', s: '#/sessions', o: '#/config' };
type Theme = (typeof THEMES)[number];

export interface Frame {
  main: HTMLElement;
  mark(view: Route['view']): void;
}

export function buildFrame(root: HTMLElement): Frame {
  const channels = h('a', { href: formatRoute({ view: 'channels' }) }, 'Channels');
  const sessions = h('a', { href: formatRoute({ view: 'sessions' }) }, 'Sessions');
  const config = h('a', { href: formatRoute({ view: 'config' }) }, 'Setup');
  const main = h('main', { id: 'main', tabindex: '-1' });
  const help = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Keyboard shortcuts', title: 'Keyboard (?)',
    on: { click: showShortcuts } }, icon('help'));
  const skip = h('a', { class: 'skip', href: '#main' }, 'Skip to the content');
  skip.addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
  });
  fill(root, skip,
    h('header', { class: 'masthead' },
      h('a', { class: 'wordmark', href: '#/', 'aria-label': 'Headgate, channels' }, gate('logo'), h('span', {}, 'Headgate')),
      h('nav', { 'aria-label': 'Views' }, channels, sessions, config, h('a', { href: '/api/' }, 'API')),
      h('div', { class: 'masthead-tools' }, operatorButton(), themeButton(), help)),
    refusedBanner(),
    main,
    h('div', { id: 'notes', role: 'status', 'aria-live': 'polite' }));
  listenForKeys();
  return {
    main,
    mark(view) {
      current(channels, view === 'channels');
      current(sessions, view === 'sessions');
      current(config, view === 'config');
    },
  };
}

function current(link: HTMLElement, is: boolean): void {
  if (is) link.setAttribute('aria-current', 'page');
  else link.removeAttribute('aria-current');
}

function themeButton(): HTMLButtonElement {
  const button = h('button', { id: 'theme', class: 'icon-button', type: 'button' });
  const show = (): void => {
    const theme = chosenTheme();
    const label = `Colours: ${THEME_TEXT[theme]}`;
    button.setAttribute('aria-label', label);
    button.title = `${label} (t)`;
    fill(button, icon(THEME_ICON[theme]));
  };
  button.addEventListener('click', () => {
    const next = THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length] ?? 'auto';
    remember('theme', next);
    window.dispatchEvent(new Event('headgate:theme'));
    show();
    note(`Colours: ${THEME_TEXT[next]}.`);
  });
  show();
  return button;
}

function chosenTheme(): Theme {
  const stored = recall('theme');
  return THEMES.find((theme) => theme === stored) ?? 'auto';
}

function listenForKeys(): void {
  let goUntil = 0;
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const goal = event.timeStamp < goUntil ? GOALS[event.key] : undefined;
    if (goal !== undefined) {
      location.hash = goal;
      goUntil = 0;
    } else if (event.key === 'g') goUntil = event.timeStamp + 1200;
    else if (event.key === '?') showShortcuts();
    else if (event.key === 't') document.getElementById('theme')?.click();
    else return;
    event.preventDefault();
  });
}
