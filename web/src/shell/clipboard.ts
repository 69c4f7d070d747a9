// Copying. `navigator.clipboard` exists only on secure origins, and a gateway in a house network is often plain HTTP.

import { h } from '../base/dom';
import { note } from './dialog';
import { icon } from './icons';

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

export function copyButton(label: string, text: () => string): HTMLButtonElement {
  const button = h('button', { class: 'icon-button', type: 'button', 'aria-label': label, title: label }, icon('copy'));
  button.addEventListener('click', () => {
    void copy(text()).then((done) => {
      note(done ? 'Copied.' : 'This browser does not let pages copy.');
      if (!done) return;
      button.replaceChildren(icon('check'));
      setTimeout(() => button.replaceChildren(icon('copy')), 1600);
    });
  });
  return button;
}

function copyBySelection(text: string): boolean {
  const field = h('textarea', { class: 'visually-hidden', readonly: true, 'aria-hidden': 'true' });
  field.value = text;
  const before = document.activeElement;
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
