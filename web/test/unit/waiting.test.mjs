import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { waitingFor } = await load('base/waiting.ts');
const NOW = Date.parse('2026-03-01T14:05:00Z');
const START = '2026-03-01T14:04:50Z';
const session = (more) => ({ state: 'starting', reason: 'the first viewer came', started_at: START, sources: [], ...more });

test('which source is tried and since when, and what happens next', () => {
  const lines = waitingFor(session({
    sources: [{ label: 'primary', role: 'waiting', last_error: 'primary refused the connection' },
      { label: 'backup', role: 'tried' }, { label: 'slate:Soon', role: 'waiting' }],
    history: [{ at: START, kind: 'state', what: '' }, { at: '2026-03-01T14:04:56Z', kind: 'encoder_started', source: 'backup' }],
    next: [{ at: '2026-03-01T14:05:03.2Z', reason: 'deadline', what: 'backup must have delivered' }],
  }), NOW);
  assert.deepEqual(lines, ['backup: being tried for 4 s', 'primary: refused the connection',
    'In 4 s: backup must have delivered', 'The start began 10 s ago']);
});

test('without an encoder yet a source is tried since the start', () => {
  assert.deepEqual(waitingFor(session({ sources: [{ label: 'a', role: 'tried' }] }), NOW),
    ['a: being tried for 10 s', 'The start began 10 s ago']);
});

test('a source that failed is tried since its last trouble at the most', () => {
  const tried = { label: 'a', role: 'tried', last_error: 'a refused', last_error_at: '2026-03-01T14:04:58Z' };
  assert.equal(waitingFor(session({ sources: [tried] }), NOW)[0], 'a: being tried for 2 s');
});

test('what the reason says is not said again', () => {
  const sources = [{ label: 'a', role: 'waiting', last_error: 'a refused the connection' }];
  const lines = waitingFor(session({ state: 'failed', reason: 'no source delivered: a refused the connection', sources,
    next: [{ at: '2026-03-01T14:04:59Z', reason: '', what: 'the next viewer may start it again' }] }), NOW);
  assert.deepEqual(lines, ['Now: the next viewer may start it again']);
});

test('what runs, rests or ends waits for nothing', () => {
  for (const state of ['active', 'idle', 'stopping']) assert.deepEqual(waitingFor(session({ state }), NOW), []);
  assert.deepEqual(waitingFor(null, NOW), []);
});
