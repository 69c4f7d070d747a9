import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { TYPES, inWords, weightOf } = await load('base/happenings.ts');
const { linksOf, playlistFile, vlcLink } = await load('base/links.ts');
const event = (type, data) => ({ id: 1, at: '', type, data });

test('every type has its words, and missing fields do no harm', () => {
  for (const type of TYPES) {
    assert.notEqual(inWords(event(type, {})), type);
    assert.doesNotMatch(inWords(event(type)), /undefined|null/);
  }
  assert.equal(inWords(event('from.another.version', {})), 'from.another.version');
  assert.equal(inWords(event('source.lost', { source: 'a', reason: 'gone' })), 'a was lost: gone');
  assert.equal(inWords(event('source.lost', { source: 'a', reason: 'a refused' })), 'a was lost: refused');
  assert.equal(inWords(event('config.applied', { added: ['a', 'b'], removed: [], changed: ['c'] })),
    'a configuration is in force (new: a, b; changed: c)');
});

test('what matters is marked', () => {
  assert.equal(weightOf(event('source.lost', {})), 'bad');
  assert.equal(weightOf(event('session.state', { to: 'failed' })), 'bad');
  assert.equal(weightOf(event('session.state', { to: 'active' })), 'good');
  assert.equal(weightOf(event('viewers.first')), 'plain');
});

test('addresses are whole, and a hostile name stays on its line', () => {
  const links = linksOf('http://h:1', 'a b');
  assert.equal(links.find((link) => link.name === 'HLS').url, 'http://h:1/live/a%20b/index.m3u8');
  assert.equal(new Set(links.map((link) => link.url)).size, links.length);
  assert.equal(playlistFile('News\r\n#EXTINF:-1,evil\u2028x', 'http://h/x'),
    '#EXTM3U\n#EXTINF:-1,News #EXTINF:-1,evil x\nhttp://h/x\n');
  assert.equal(vlcLink('http://h/x'), 'vlc://http://h/x');
});

test('players are sent where viewers are served', async () => {
  const { playersOrigin } = await load('base/links.ts');
  const page = { origin: 'http://tv.local:8081', hostname: 'tv.local' };
  const served = { publicUrl: null, viewers: '0.0.0.0:8080', operators: '127.0.0.1:8081' };
  assert.equal(playersOrigin(page, null), page.origin);
  assert.equal(playersOrigin(page, served), 'http://tv.local:8080');
  assert.equal(playersOrigin(page, { ...served, publicUrl: 'https://tv.example' }), 'https://tv.example');
  assert.equal(playersOrigin(page, { ...served, operators: served.viewers }), page.origin);
});
