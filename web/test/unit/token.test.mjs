import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { tokenOf, prefixOf } = await load('base/token.ts');

test('a token is in the path or the query of the page', () => {
  assert.equal(tokenOf('/t/hg1.a-b_c~/', ''), 'hg1.a-b_c~');
  assert.equal(tokenOf('/', '?token=x.y'), 'x.y');
  assert.equal(tokenOf('/t/a/', '?token=b'), 'a');
  for (const [path, query] of [['/', ''], ['/', '?token='], ['/', '?token=a%2Fb'], ['/t/', ''], ['/t/a', ''], ['/tt/a/', '']]) {
    assert.equal(tokenOf(path, query), null, `${path}${query}`);
  }
});

test('what is asked for carries it', () => {
  assert.equal(prefixOf(null), '');
  assert.equal(prefixOf('x'), '/t/x');
});
