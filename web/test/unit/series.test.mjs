import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { Series, niceTop, polylines, most, WINDOW_MS } = await load('base/series.ts');
const FRAME = { width: 120, height: 40, top: 10 };

test('two minutes are kept and no more, and what is no number is unknown', () => {
  const series = new Series();
  for (let at = 0; at <= 300_000; at += 2000) series.push(at, at);
  assert.equal(series.samples[0].at, 300_000 - WINDOW_MS);
  assert.equal(series.samples.length, 61);
  series.push(302_000, Number.NaN);
  assert.equal(series.latest, null);
  series.push(304_000, undefined);
  assert.equal(series.latest, null);
  assert.equal(most(series.samples), 300_000);
});

test('now is at the right edge, the top is up, and what is above stays inside', () => {
  const samples = [{ at: 0, value: 0 }, { at: 10_000, value: 5 }, { at: 20_000, value: 50 }];
  assert.deepEqual(polylines(samples, WINDOW_MS, FRAME), ['0,40 10,20 20,0']);
  assert.deepEqual(polylines(samples, WINDOW_MS + 5000, FRAME), ['5,20 15,0'], 'what is older is not drawn');
});

test('gaps are gaps, and a lone point is seen', () => {
  const samples = [{ at: 0, value: 1 }, { at: 2000, value: null }, { at: 4000, value: 1 }, { at: 6000, value: 1 },
    { at: 60_000, value: 1 }];
  const lines = polylines(samples, 60_000, FRAME);
  assert.equal(lines.length, 3);
  for (const line of lines) assert.equal(line.split(' ').length, 2, line);
  assert.deepEqual(polylines([], 0, FRAME), []);
});

test('scales end at round numbers', () => {
  assert.equal(niceTop(0, 5), 5);
  assert.equal(niceTop(7, 5), 10);
  assert.equal(niceTop(1.1, 1.5), 2);
  assert.equal(niceTop(2_300_000, 100_000), 5_000_000);
  assert.equal(niceTop(0.2, 0), 0.2);
  assert.equal(niceTop(0, 0), 1);
});
