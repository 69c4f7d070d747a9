// One operation: what it does, a form for its parameters, and what the gateway answers.

import { authorised, hasToken, whenAccessChanges } from '../api/access';
import { fill, h } from '../base/dom';
import { copyButton } from '../shell/clipboard';
import type { Answer, Description, Entry, Parameter, Schema } from './document';
import { example, jsonOf, outline, typeName } from './document';
import type { Request } from './request';
import { curl, missing, readable, request } from './request';

/** As much of an answer as is shown, in characters; a stream of events has no end. */
const MOST = 400_000;

export function card(document: Description, entry: Entry): HTMLElement {
  const { method, path, operation } = entry;
  const body = h('div', { class: 'operation-body' });
  const details = h('details', { class: 'operation', id: operation.operationId },
    h('summary', {}, h('b', { class: 'method', 'data-method': method }, method), h('code', {}, ...pathParts(path)),
      h('span', {}, operation.summary ?? '')), body);
  // What nobody opens is not made.
  details.addEventListener('toggle', () => {
    if (details.open && body.childElementCount === 0) fill(body, ...inside(document, entry));
  });
  return details;
}

function pathParts(path: string): (Node | string)[] {
  return path.split(/(\{\w+\})/).map((part) => (part.startsWith('{') ? h('i', {}, part) : part));
}

function inside(document: Description, entry: Entry): HTMLElement[] {
  const { operation } = entry;
  const form = new Form(document, entry);
  const text = operation.description ? [h('p', { class: 'operation-text' }, ...inCode(operation.description))] : [];
  return [...text, form.element, answers(document, operation.responses ?? {})];
}

/** Words between backticks are code. */
export function inCode(text: string): (Node | string)[] {
  return text.split('`').map((part, index) => (index % 2 === 1 ? h('code', {}, part) : part));
}

class Form {
  readonly element: HTMLElement;
  private readonly inputs = new Map<string, HTMLInputElement>();
  private readonly body: HTMLTextAreaElement | null;
  private readonly send = h('button', { class: 'button send', type: 'submit' }, 'Send');
  private readonly command = h('code', { class: 'command' });
  private readonly result = h('div', { class: 'result', role: 'status' });
  private running: AbortController | null = null;

  constructor(private readonly document: Description, private readonly entry: Entry) {
    const schema = jsonOf(entry.operation.requestBody?.content);
    this.body = schema ? this.bodyField(schema) : null;
    const fields = (entry.operation.parameters ?? []).map((parameter) => this.field(parameter));
    this.element = h('form', { class: 'try', novalidate: true },
      ...fields,
      this.body && h('label', { class: 'field wide' }, h('span', {}, 'body'), this.body),
      h('div', { class: 'try-send' }, this.send,
        h('div', { class: 'shell' }, this.command, copyButton('Copy the command', () => this.command.textContent ?? ''))),
      this.result);
    this.element.addEventListener('input', () => this.show());
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.running) this.running.abort();
      else void this.ask();
    });
    whenAccessChanges(() => this.show());
    this.show();
  }

  private field(parameter: Parameter): HTMLElement {
    const { name, required, schema, description } = parameter;
    const type = schema ? typeName(this.document, schema) : '';
    const input = h('input', { name, type: 'text', placeholder: type, spellcheck: 'false', autocomplete: 'off',
      'aria-required': required ? 'true' : null });
    this.inputs.set(name, input);
    return h('label', { class: 'field' }, h('span', {}, name, required ? h('b', {}, ' needed') : ''), input,
      h('small', {}, ...inCode(description ?? '')));
  }

  private bodyField(schema: Schema): HTMLTextAreaElement {
    const text = JSON.stringify(example(this.document, schema), null, 2);
    const field = h('textarea', { rows: String(Math.min(12, text.split('\n').length + 1)), spellcheck: 'false' });
    field.value = text;
    return field;
  }

  private request(): Request {
    const values = Object.fromEntries([...this.inputs].map(([name, input]) => [name, input.value.trim()]));
    return request(this.entry, values, this.body?.value ?? null);
  }

  private show(): void {
    this.command.textContent = curl(location.origin, this.request(), hasToken());
  }

  private async ask(): Promise<void> {
    const values = Object.fromEntries([...this.inputs].map(([name, input]) => [name, input.value.trim()]));
    const first = missing(this.entry, values)[0];
    if (first) {
      this.inputs.get(first.name)?.focus();
      fill(this.result, h('p', { class: 'bad' }, `${first.name} is needed.`));
      return;
    }
    this.running = new AbortController();
    this.send.textContent = 'Stop';
    try {
      await this.exchange(this.request(), this.running.signal);
    } catch (error) {
      const stopped = this.running.signal.aborted;
      if (!stopped) fill(this.result, h('p', { class: 'bad' }, error instanceof Error ? error.message : 'It failed.'));
    } finally {
      this.running = null;
      this.send.textContent = 'Send';
    }
  }

  private async exchange({ method, target, headers, body }: Request, signal: AbortSignal): Promise<void> {
    const begun = performance.now();
    const response = await authorised(target, () => ({ method, headers, body, signal, cache: 'no-store' }));
    const took = Math.round(performance.now() - begun);
    const text = h('pre', { tabindex: '0', 'aria-label': 'The answer' });
    const fields = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    fill(this.result,
      h('p', { class: response.ok ? 'good' : 'bad' }, h('b', {}, `${response.status} ${response.statusText}`), ` · ${took} ms`),
      h('details', {}, h('summary', {}, 'Header'), h('pre', {}, fields)),
      text);
    await read(response, text);
  }
}

/** Shows an answer while it comes. */
async function read(response: Response, place: HTMLElement): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let all = '';
  while (reader && all.length < MOST) {
    const { done, value } = await reader.read();
    if (done) break;
    all += value;
    place.textContent = all;
  }
  await reader?.cancel();
  place.textContent = readable(all);
  place.hidden = all === '';
}

function answers(document: Description, responses: Record<string, Answer>): HTMLElement {
  const rows = Object.entries(responses).map(([status, answer]) => {
    const schema = jsonOf(answer.content);
    const lines = schema && status !== 'default' && status < '400' ? outline(document, schema) : [];
    const head = [h('b', {}, status === 'default' ? 'else' : status), h('span', {}, ...inCode(answer.description ?? ''))];
    if (lines.length === 0) return h('div', { class: 'answer' }, ...head);
    return h('details', { class: 'answer' }, h('summary', {}, ...head, h('small', {}, schema ? typeName(document, schema) : '')),
      h('table', {}, ...lines.map(({ depth, name, type, text }) => h('tr', {},
        h('td', {}, '    '.repeat(depth), h('code', {}, name)), h('td', {}, type), h('td', {}, ...inCode(text))))));
  });
  return h('section', { class: 'answers' }, h('h3', {}, 'Answers'), ...rows);
}
