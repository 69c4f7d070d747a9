// Dialogs and passing notes. The native <dialog> keeps focus inside and gives it back.

import { h } from '../base/dom';

/** Asks before something that others will notice. Resolves false on Escape. */
export function confirm(title: string, text: string, action: string): Promise<boolean> {
  return new Promise((resolve) => {
    const yes = h('button', { class: 'button danger', value: 'yes' }, action);
    const no = h('button', { class: 'button', value: 'no', autofocus: true }, 'Leave it');
    const dialog = h(
      'dialog',
      { class: 'dialog', 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-text' },
      h('form', { method: 'dialog' },
        h('h2', { id: 'confirm-title' }, title),
        h('p', { id: 'confirm-text' }, text),
        h('div', { class: 'dialog-actions' }, no, yes)),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    openDialog(dialog);
  });
}

const SHORTCUTS: [string, [string[], string][]][] = [
  ['Anywhere', [
    [['?'], 'this list'],
    [['g', 'c'], 'channels'],
    [['g', 's'], 'sessions'],
    [['g', 'o'], 'configuration'],
    [['t'], 'light, dark or as the system'],
  ]],
  ['Channels', [
    [['←', '↑', '↓', '→'], 'move between channels'],
    [['Enter'], 'watch'],
    [['/'], 'find'],
  ]],
  ['Watching', [
    [['Space', 'k'], 'play or pause'],
    [['l'], 'go live'],
    [['q'], 'quality'],
    [['a'], 'audio'],
    [['c'], 'subtitles'],
    [['i'], 'figures'],
    [['s'], 'share'],
    [['m'], 'sound on or off'],
    [['↑', '↓'], 'volume'],
    [['f'], 'full screen'],
    [['p'], 'picture in picture'],
    [['[', ']'], 'previous or next channel'],
    [['Esc'], 'back to the channels'],
  ]],
];

export function showShortcuts(): void {
  if (document.querySelector('dialog[open]')) return;
  const groups = SHORTCUTS.map(([title, rows]) =>
    h('section', {}, h('h3', {}, title), h('dl', {}, ...rows.map(([keys, does]) =>
      h('div', {}, h('dt', {}, ...keys.map((key) => h('kbd', {}, key))), h('dd', {}, does))))));
  const dialog = h('dialog', { class: 'dialog shortcuts', 'aria-labelledby': 'keys-title' },
    h('form', { method: 'dialog' },
      h('h2', { id: 'keys-title' }, 'Keyboard'),
      h('div', { class: 'shortcut-groups' }, ...groups),
      h('div', { class: 'dialog-actions' }, h('button', { class: 'button', autofocus: true }, 'Close'))));
  dialog.addEventListener('close', () => dialog.remove());
  openDialog(dialog);
}

/** A note that goes away by itself; read out politely. */
export function note(text: string): void {
  const place = document.getElementById('notes');
  if (!place) return;
  const element = h('p', { class: 'note' }, text);
  place.replaceChildren(element);
  setTimeout(() => element.remove(), 4000);
}

/** Shows a dialog; a click beside it closes it. */
export function openDialog(dialog: HTMLDialogElement): void {
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}
