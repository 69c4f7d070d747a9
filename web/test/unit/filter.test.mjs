import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { parseFilter, formatFilter, isFiltering, groupsOf, matcher, EVERYTHING } = await load('base/filter.ts');
const CHANNELS = [
  { id: 'news', name: 'News 24', number: 7, group: 'News', now: { title: 'Weather map', start: '', stop: '' } },
  { id: 'kino', name: 'Kino Światowid', group: 'Films' },
  { id: 'loop', name: '' },
  { id: 'odd', name: '<b>&group=x</b>', group: 'a&b=c#?' },
];
const found = (filter) => CHANNELS.filter(matcher({ ...EVERYTHING, ...filter })).map(({ id }) => id);

test('a filter survives the way through the address, whatever is in it', () => {
  const filters = [EVERYTHING, { query: 'a b', group: null }, { query: '', group: '' }, { query: '<b>&', group: 'a&b=c#?' }];
  for (const filter of filters) {
    assert.deepEqual(parseFilter(formatFilter(filter)), filter);
  }
  assert.equal(formatFilter({ query: '  ', group: null }), '#/');
  assert.deepEqual(parseFilter('#/'), EVERYTHING);
});

test('names, groups, identifiers, numbers and what is on are found, without case and accents', () => {
  assert.deepEqual(found({ query: 'NEWS' }), ['news']);
  assert.deepEqual(found({ query: 'swiatowid' }), ['kino']);
  assert.deepEqual(found({ query: 'loop' }), ['loop']);
  assert.deepEqual(found({ query: '7' }), ['news']);
  assert.deepEqual(found({ query: 'weather' }), ['news']);
  assert.deepEqual(found({ query: '&group=x' }), ['odd']);
  assert.deepEqual(found({ query: 'nothing like it' }), []);
});

test('a group is exact, and the channels without one are a group', () => {
  assert.deepEqual(found({ group: 'News' }), ['news']);
  assert.deepEqual(found({ group: '' }), ['loop']);
  assert.deepEqual(found({ group: 'a&b=c#?', query: 'odd' }), ['odd']);
  assert.deepEqual(groupsOf([...CHANNELS, CHANNELS[0]]), ['News', 'Films', '', 'a&b=c#?']);
  assert.equal(isFiltering(EVERYTHING), false);
  assert.equal(isFiltering({ query: '', group: '' }), true);
});
