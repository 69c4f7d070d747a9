import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { EventReader } = await load('base/event-reader.ts');
const STREAM = 'retry: 3000\n\nid: 7\nevent: session.state\ndata: {"a":1}\n\n:\n\nid: 9\n\n' +
  'event: missed\ndata: {"count":2}\n\ndata: x\ndata: y\n\n';
const EXPECTED = [
  { id: '7', type: 'session.state', data: '{"a":1}' },
  { id: '9', type: 'message', data: '' },
  { id: '', type: 'missed', data: '{"count":2}' },
  { id: '', type: 'message', data: 'x\ny' },
];

test('a stream is the same however it is cut', () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const reader = new EventReader();
    const messages = [];
    for (let at = 0; at < STREAM.length; at += size) messages.push(...reader.push(STREAM.slice(at, at + size)));
    assert.deepEqual(messages, EXPECTED, `${size}`);
  }
});

test('what is not whole is kept for later, and lines may end with a carriage return', () => {
  const reader = new EventReader();
  assert.deepEqual(reader.push('event: a\r\ndata: 1'), []);
  assert.deepEqual(reader.push('\r\n\r\n'), [{ id: '', type: 'a', data: '1' }]);
});
