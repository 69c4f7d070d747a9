import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const sources = await load('base/sources.ts');
const NOW = Date.parse('2026-03-01T14:05:00Z');
const source = (more) => ({ position: 0, label: 'primary', kind: 'live', role: 'waiting', ...more });

test('each role has its words, and a slate that waits is no source that waits', () => {
  assert.equal(sources.roleOf(source({ role: 'on_air' })), 'on air');
  assert.equal(sources.roleOf(source({ role: 'tried' })), 'being tried');
  assert.equal(sources.roleOf(source({ role: 'standby' })), 'about to take over');
  assert.equal(sources.roleOf(source({})), 'waiting');
  assert.equal(sources.roleOf(source({ answers_since: '2026-03-01T14:04:48Z' })), 'answers, waits for its turn');
  assert.equal(sources.roleOf(source({ kind: 'slate' })), 'shown when no source delivers');
  assert.equal(sources.roleOf(source({ role: 'of another version' })), 'waiting');
});

test('what is known is told, and nothing else', () => {
  assert.deepEqual(sources.factsOf(source({}), NOW), []);
  const known = source({
    answers_since: '2026-03-01T14:04:48Z', recent_losses: 5, rests_until: '2026-03-01T14:05:41Z',
    last_error: 'Connection refused', last_error_at: '2026-03-01T14:02:00Z',
  });
  assert.deepEqual(sources.factsOf(known, NOW), ['answers since 12 s', 'lost 5 times within the last minute',
    'passed over for 41 s', 'last trouble 3 min ago: Connection refused']);
  assert.equal(sources.until('2026-03-01T14:04:00Z', NOW), 'no longer');
});

test('an operator chooses what does not play yet, and never the slate', () => {
  assert.equal(sources.isChoosable(source({})), true);
  assert.equal(sources.isChoosable(source({ role: 'on_air' })), false);
  assert.equal(sources.isChoosable(source({ role: 'tried' })), false);
  assert.equal(sources.isChoosable(source({ kind: 'slate' })), false);
});

test('the slate is told only while it is shown', () => {
  assert.equal(sources.slateNotice(null), '');
  assert.equal(sources.slateNotice({ slate_shown: false, reason: 'fine' }), '');
  const notice = sources.slateNotice({ slate_shown: true, reason: '8 encoders were lost' });
  assert.match(notice, /this is the slate/);
  assert.equal(sources.slateNotice({ slate_shown: true, reason: '9 encoders were lost' }), notice, 'it is read once');
});
