import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

// A browser's place for what a tab remembers, and a gateway that knows one token.
const kept = new Map();
globalThis.sessionStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
};
const said = [];
globalThis.fetch = async (target, { headers }) => {
  const field = headers.get('Authorization');
  said.push(field);
  return { status: field === 'Bearer right' ? 200 : 401 };
};
const access = await load('api/access.ts');
const get = () => access.authorised('/api/v1/x', () => ({}));

test('somebody is asked once, again when it was wrong, and not again when they closed the question', async () => {
  assert.equal((await get()).status, 401, 'there is nobody to ask yet');
  const answers = [null];
  const asked = [];
  access.askWith(async (wrong) => {
    asked.push(wrong);
    return answers.shift() ?? null;
  });
  assert.equal((await get()).status, 401);
  assert.equal((await get()).status, 401);
  assert.deepEqual(asked, [false], 'a closed question is not asked again');

  access.say(null);
  answers.push('wrong', 'right');
  const together = await Promise.all([get(), get(), get()]);
  assert.deepEqual(together.map(({ status }) => status), [200, 200, 200]);
  assert.deepEqual(asked.slice(1), [false, true]);
  assert.equal(kept.get('headgate.token'), 'right');
  assert.ok(access.hasToken());
  const before = said.length;
  assert.equal((await get()).status, 200);
  assert.deepEqual(said.slice(before), ['Bearer right']);

  access.say(null);
  assert.equal(kept.size, 0);
  assert.ok(!access.hasToken());
});
