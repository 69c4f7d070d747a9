import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { readPartDelays, quantileBetween } = await load('base/histogram.ts');
const TEXT = `# TYPE headgate_part_delay_seconds histogram
headgate_part_delay_seconds_sum{channel="a"} 2.0
headgate_part_delay_seconds_count{channel="a"} 5
headgate_part_delay_seconds_bucket{le="0.1",channel="a"} 2
headgate_part_delay_seconds_bucket{le="1.0",channel="a"} 4
headgate_part_delay_seconds_bucket{channel="a",le="+Inf"} 5
headgate_part_delay_seconds_bucket{le="0.1",channel="b"} 1
headgate_other_seconds_bucket{le="0.1",channel="a"} 99
`;

test('the delays of each channel are read, in any order of labels, and nothing else', () => {
  const delays = readPartDelays(TEXT);
  assert.deepEqual([...delays.keys()], ['a', 'b']);
  assert.deepEqual(delays.get('a'), [[0.1, 2], [1, 4], [Infinity, 5]]);
  assert.equal(readPartDelays('').size, 0);
});

test('a quantile is of what came between two readings', () => {
  const before = [[0.1, 100], [1, 100], [Infinity, 100]];
  const after = [[0.1, 100], [1, 110], [Infinity, 110]];
  assert.ok(Math.abs(quantileBetween(before, after, 0.5) - 0.55) < 1e-9, 'half way into its bucket');
  assert.ok(quantileBetween(undefined, after, 0.5) < 0.1, 'without a reading before, of all');
  assert.equal(quantileBetween(after, after, 0.95), null, 'nothing came');
});

test('what lies beyond the last bound is at least that, and a gateway that began again counts from zero', () => {
  assert.equal(quantileBetween(undefined, [[0.1, 0], [1, 1], [Infinity, 10]], 0.95), 1);
  const after = [[0.1, 10], [1, 10], [Infinity, 10]];
  assert.ok(quantileBetween([[0.1, 500], [1, 500], [Infinity, 500]], after, 0.95) < 0.1);
});
