import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { afterFailure, backoff, retryAfterMs } = await load('base/retry.ts');
const failure = (status, attempt = 1, retryAfter = null) => afterFailure({ status, attempt, retryAfter });

test('Retry-After in seconds, as a date, and as nonsense', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfterMs('3', now), 3000);
  assert.equal(retryAfterMs(' 0 ', now), 0);
  assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:05 GMT', now), 5000);
  assert.equal(retryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
  assert.equal(retryAfterMs('soon', now), null);
  assert.equal(retryAfterMs(null, now), null);
});

test('a refusal is final', () => {
  for (const status of [400, 401, 403, 404, 410]) assert.deepEqual(failure(status), { retry: false });
});

test('what may pass is tried again', () => {
  for (const status of [0, 408, 425, 429, 500, 502, 503, 504]) assert.equal(failure(status).retry, true, String(status));
});

test('a starting channel is asked at the pace it names, however often', () => {
  for (const attempt of [1, 5, 500]) assert.deepEqual(failure(503, attempt, 2000), { retry: true, inMs: 2000 });
});

test('a pace of nothing or of for ever is not taken literally', () => {
  assert.equal(failure(503, 1, 0).inMs, 250);
  assert.equal(failure(503, 1, 86_400_000).inMs, 60_000);
});

test('pauses grow and stop growing', () => {
  const pauses = Array.from({ length: 12 }, (_, index) => failure(0, index + 1).inMs);
  assert.equal(pauses[0], 500);
  for (let index = 1; index < pauses.length; index += 1) assert.ok(pauses[index] >= pauses[index - 1]);
  assert.equal(pauses.at(-1), 15_000);
  assert.equal(backoff(100_000, 500, 15_000), 15_000);
});
