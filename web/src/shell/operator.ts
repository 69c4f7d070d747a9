// Who uses the page: the question for a token, who it belongs to, and what they may not do is not shown.

import { askWith, hasToken, say, whenAccessChanges } from '../api/access';
import { ApiError, getOperator } from '../api/client';
import type { Operator } from '../api/schema';
import { fill, h } from '../base/dom';
import { openDialog } from './dialog';
import { icon } from './icons';

const AGAIN_MS = 5000;

/** A button that tells who one is and forgets it; nothing where no token is needed. */
export function operatorButton(): HTMLElement {
  const button = h('button', { id: 'operator', class: 'button small operator', type: 'button', hidden: true });
  const tell = async (): Promise<void> => {
    let operator: Operator | null = null;
    try {
      operator = await getOperator();
    } catch (error) {
      // A gateway that is not there says nothing about who may do what.
      if (!(error instanceof ApiError) || error.status !== 401) {
        setTimeout(() => void tell(), AGAIN_MS);
        return;
      }
    }
    // Who may only look is not offered what would be refused.
    document.documentElement.dataset['role'] = operator?.role ?? 'read';
    document.documentElement.dataset['token'] = operator !== null && !operator.has_token ? 'no' : 'yes';
    button.hidden = operator !== null && !operator.has_token;
    const text = operator === null ? 'Not signed in' : operator.role === 'read' ? `${operator.name} · may look` : operator.name;
    const label = operator === null ? `${text}: enter a token` : `${text}: forget the token`;
    button.setAttribute('aria-label', label);
    button.title = label;
    fill(button, icon('key'), text);
  };
  button.addEventListener('click', () => {
    if (hasToken()) {
      say(null);
      return;
    }
    void askForToken(false).then((said) => {
      if (said !== null) say(said);
    });
  });
  askWith(askForToken);
  whenAccessChanges(() => void tell());
  void tell();
  return button;
}

function askForToken(wrong: boolean): Promise<string | null> {
  document.documentElement.dataset['role'] ??= 'read';
  document.documentElement.dataset['token'] = 'yes';
  return new Promise((resolve) => {
    const field = h('input', { type: 'password', name: 'token', autocomplete: 'current-password', spellcheck: 'false',
      required: true, autofocus: true, 'aria-describedby': 'token-text' });
    const why = wrong ? h('p', { class: 'bad', role: 'alert' }, 'The gateway does not know this token.') : null;
    const dialog = h('dialog', { class: 'dialog token', 'aria-labelledby': 'token-title' },
      h('form', { method: 'dialog' },
        h('h2', { id: 'token-title' }, 'Operators only'),
        h('p', { id: 'token-text' }, 'This gateway asks for a token. It is kept until this tab is closed.'),
        why,
        h('label', { class: 'field wide' }, h('span', {}, 'Token'), field),
        h('div', { class: 'dialog-actions' },
          h('button', { class: 'button', type: 'button', on: { click: () => dialog.close('') } }, 'Not now'),
          h('button', { class: 'button primary', value: 'yes' }, 'Go on'))));
    dialog.addEventListener('close', () => {
      dialog.remove();
      const said = field.value.trim();
      resolve(dialog.returnValue === 'yes' && said !== '' ? said : null);
    });
    openDialog(dialog);
    field.focus();
  });
}
