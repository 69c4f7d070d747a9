import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const format = await load('base/format.ts');

function table(f, rows) {
  for (const [input, wanted] of rows) assert.equal(f(input), wanted, `${f.name}(${JSON.stringify(input)})`);
}

test('what is not known is a dash', () => {
  for (const f of [format.seconds, format.bitrate, format.bytes, format.duration]) {
    table(f, [[null, '–'], [undefined, '–'], [Number.NaN, '–'], [Infinity, '–']]);
  }
  assert.equal(format.fixed(null, 2, '×'), '–');
  assert.equal(format.ago('yesterday', 0), '–');
  assert.equal(format.clock('never'), '–');
});

test('seconds have one decimal and are never negative', () => {
  table(format.seconds, [[1.649, '1.6 s'], [0, '0.0 s'], [-0.2, '0.0 s'], [12, '12.0 s']]);
});

test('bitrates', () => {
  table(format.bitrate, [[0, '–'], [96_400, '96 kb/s'], [999_400, '999 kb/s'],
    [2_528_000, '2.5 Mb/s'], [187_000_000, '187 Mb/s']]);
});

test('bytes', () => {
  table(format.bytes, [[0, '0 B'], [1023, '1023 B'], [1536, '1.5 KiB'], [150 * 1024, '150 KiB'], [3 * 2 ** 30, '3.0 GiB']]);
});

test('durations', () => {
  table(format.duration, [[0.2504, '250 ms'], [59.9, '59 s'], [60, '1 min'], [3600, '1 h'], [7500, '2 h 5 min'],
    [200_000, '2 d']]);
  assert.equal(format.ago('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:03:10Z')), '3 min');
});

test('counts agree with their noun', () => {
  assert.equal(format.count(1, 'viewer'), '1 viewer');
  assert.equal(format.count(0, 'viewer'), '0 viewers');
  assert.equal(format.count(1284, 'viewer'), '1,284 viewers');
});

test('initials take letters of any script and never markup', () => {
  table(format.initials, [['Test card', 'Tc'], ['Weather', 'We'], ['Kino Światowid', 'KŚ'], ['<img src=x>', 'is'], ['第一财经', '第一'],
    ['', ''], ['***', ''], ['𝔸lpha', '𝔸l']]);
});

test('a bucket is steady and in range', () => {
  const seen = new Set();
  for (let index = 0; index < 200; index += 1) {
    const bucket = format.bucket(`channel-${index}`, 6);
    assert.equal(bucket, format.bucket(`channel-${index}`, 6));
    assert.ok(Number.isInteger(bucket) && bucket >= 0 && bucket < 6);
    seen.add(bucket);
  }
  assert.equal(seen.size, 6);
});
