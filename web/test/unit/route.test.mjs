import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { formatRoute, parseRoute } = await load('base/route.ts');

test('addresses and their views', () => {
  for (const hash of ['', '#', '#/', '#/nothing', '#/watch', '#/watch/', '#/watch/a/b', '#/sessions/x', '#/config/x',
    '#/?q=news&group=a', '#/watch/%E0%A4%A']) {
    assert.deepEqual(parseRoute(hash), { view: 'channels' }, hash);
  }
  assert.deepEqual(parseRoute('#/sessions'), { view: 'sessions' });
  assert.deepEqual(parseRoute('#/watch/testcard'), { view: 'watch', channel: 'testcard' });
  assert.deepEqual(parseRoute('#/watch/testcard?from=mail'), { view: 'watch', channel: 'testcard' });
});

test('what is written can be read back', () => {
  for (const channel of ['news', 'a_b-9', 'ä/ö', '100%', 'x y', '#?']) {
    assert.deepEqual(parseRoute(formatRoute({ view: 'watch', channel })), { view: 'watch', channel });
  }
  for (const view of ['channels', 'sessions', 'config']) assert.deepEqual(parseRoute(formatRoute({ view })), { view });
});
