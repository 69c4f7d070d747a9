// A page to try the API: made of its own description, `/api/v1/openapi.json`.

import { authorised } from '../api/access';
import { fill, h } from '../base/dom';
import { operatorButton } from '../shell/operator';
import { gate } from '../shell/icons';
import { card, inCode } from './card';
import type { Description } from './document';
import { byTag } from './document';
import '../styles/explore.css';

const SOURCE = '/api/v1/openapi.json';

const root = document.getElementById('app');
if (root) void start(root);

async function start(place: HTMLElement): Promise<void> {
  const main = h('main', { id: 'main', class: 'explore' }, h('p', { class: 'quiet' }, 'Reading…'));
  fill(place,
    h('header', { class: 'masthead' },
      h('a', { class: 'wordmark', href: '/', 'aria-label': 'Headgate, channels' }, gate('logo'), h('span', {}, 'Headgate')),
      h('nav', { 'aria-label': 'Views' }, h('a', { href: '/#/' }, 'Channels'), h('a', { href: '/#/sessions' }, 'Sessions'),
        h('a', { href: '/api/', 'aria-current': 'page' }, 'API')),
      h('div', { class: 'masthead-tools' }, operatorButton())),
    main,
    h('div', { id: 'notes', role: 'status', 'aria-live': 'polite' }));
  try {
    const response = await authorised(SOURCE, () => ({}));
    if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
    show(main, (await response.json()) as Description);
  } catch (error) {
    const message = error instanceof Error ? error.message : 'something failed';
    fill(main, h('p', { class: 'banner', role: 'alert' }, `The description cannot be read: ${message}.`));
  }
}

function show(main: HTMLElement, description: Description): void {
  const { info, tags } = description;
  const texts = new Map((tags ?? []).map((tag) => [tag.name, tag.description ?? '']));
  const groups = [...byTag(description)].filter(([, entries]) => entries.length > 0);
  fill(main,
    h('div', { class: 'view-head' }, h('div', {}, h('h1', {}, 'API'),
      h('p', { class: 'summary' }, `${info.title} ${info.version}`)),
    h('a', { class: 'button plain-link', href: SOURCE }, 'openapi.json')),
    ...(info.description ?? '').split('\n\n').map((text) => h('p', { class: 'lead' }, ...inCode(text))),
    ...groups.map(([tag, entries]) => h('section', { class: 'group', 'aria-label': tag },
      h('h2', {}, tag, h('small', {}, texts.get(tag) ?? '')), ...entries.map((entry) => card(description, entry)))));
  openNamed();
  window.addEventListener('hashchange', openNamed);
}

/** `/api/#restart` opens that operation. */
function openNamed(): void {
  const named = document.getElementById(location.hash.slice(1));
  if (!(named instanceof HTMLDetailsElement)) return;
  named.open = true;
  named.scrollIntoView({ block: 'start' });
}
