// A channel started before anybody watches, for a while.

import { listChannels, startAhead } from '../api/client';
import type { Channel } from '../api/schema';
import { h } from '../base/dom';
import { clock } from '../base/format';
import { note, openDialog } from '../shell/dialog';
import { nameOf, stateOf } from '../shell/state';

const TIMES: [string, string][] = [['10m', '10 minutes'], ['1h', '1 hour'], ['4h', '4 hours'], ['24h', '24 hours']];

/** Asks which and for how long; `then` follows an accepted start. */
export async function askToStart(then: () => void): Promise<void> {
  if (document.querySelector('dialog[open]')) return;
  try {
    const channels = await listChannels();
    if (channels.length === 0) return note('There is no channel to start.');
    openDialog(startDialog(channels, then));
  } catch (error) {
    note(error instanceof Error ? error.message : 'The channels could not be read.');
  }
}

function startDialog(channels: Channel[], then: () => void): HTMLDialogElement {
  const which = h('select', { id: 'start-channel' }, ...channels.map((channel) => {
    const runs = stateOf(channel) === 'idle' ? '' : ' (runs)';
    return h('option', { value: channel.id }, nameOf(channel) + runs);
  }));
  which.value = channels.find((channel) => stateOf(channel) === 'idle')?.id ?? channels[0]?.id ?? '';
  const lasting = h('select', { id: 'start-for' }, ...TIMES.map(([value, text]) => h('option', { value }, text)));
  const answer = h('p', { class: 'session-answer', role: 'status', hidden: true });
  const start = h('button', { class: 'button primary', type: 'submit' }, 'Start');
  const close = h('button', { class: 'button', type: 'button' }, 'Close');
  const form = h('form', {},
    h('h2', { id: 'start-title' }, 'Start a channel ahead'),
    h('p', {}, 'It runs from now on, whoever watches, and its first viewer waits for nothing.'),
    h('label', { class: 'field' }, h('span', {}, 'Channel'), which),
    h('label', { class: 'field' }, h('span', {}, 'Keep it for'), lasting),
    answer, h('div', { class: 'dialog-actions' }, start, close));
  const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'start-title' }, form);
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  const say = (text: string, failed: boolean): void => {
    answer.hidden = false;
    answer.dataset['failed'] = String(failed);
    answer.textContent = text;
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    start.disabled = true;
    startAhead(which.value, lasting.value)
      .then((hold) => {
        say(`Accepted: it runs until ${clock(hold.until)} at least.`, false);
        then();
      })
      .catch((error: unknown) => say(`Refused: ${error instanceof Error ? error.message : 'that did not work'}`, true))
      .finally(() => (start.disabled = false));
  });
  return dialog;
}
