import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { FASTEST, SLOWEST, mayBegin, rateFor } = await load('base/pace.ts');

test('on target nothing changes', () => {
  assert.equal(rateFor({ latency: 1.6, target: 1.6, buffer: 1.2 }), 1);
  assert.equal(rateFor({ latency: 1.7, target: 1.6, buffer: 1.2 }), 1);
});

test('behind with something in hand goes faster, within limits', () => {
  const rate = rateFor({ latency: 3, target: 1.6, buffer: 2 });
  assert.ok(rate > 1 && rate <= FASTEST);
});

test('behind on an empty buffer never goes faster', () => {
  assert.ok(rateFor({ latency: 3, target: 1.6, buffer: 0.2 }) <= 1);
});

test('closer than the playlist asks for goes slower, within limits', () => {
  const rate = rateFor({ latency: 0.7, target: 1.6, buffer: 0.6 });
  assert.ok(rate < 1 && rate >= SLOWEST);
});

test('far behind is a choice', () => {
  assert.equal(rateFor({ latency: 20, target: 1.6, buffer: 5 }), 1);
});

test('without a target or a latency it leaves the rate alone', () => {
  assert.equal(rateFor({ latency: 2, target: 0, buffer: 2 }), 1);
  assert.equal(rateFor({ latency: Number.NaN, target: 1.6, buffer: 2 }), 1);
});

test('the rate stays within its limits whatever comes in', () => {
  for (const latency of [-5, 0, 0.5, 1, 2, 5, 60]) {
    for (const target of [0.5, 1.6, 3, 6]) {
      for (const buffer of [0, 0.4, 1, 4]) {
        const rate = rateFor({ latency, target, buffer });
        assert.ok(rate >= SLOWEST && rate <= FASTEST, JSON.stringify({ latency, target, buffer, rate }));
      }
    }
  }
});

test('begins with two parts, or with what there is when waiting no longer pays', () => {
  assert.equal(mayBegin(0.5, 0.5, 100), false);
  assert.equal(mayBegin(0.98, 0.5, 100), true);
  assert.equal(mayBegin(0.5, 0.5, 1600), true);
  assert.equal(mayBegin(1.2, 0, 0), true);
});
