// Delays out of the gateway's metrics: a histogram per channel that only ever grows. Pure.

/** How many delays there were up to each bound, smallest bound first. */
export type Buckets = [bound: number, count: number][];

const LINE = /^headgate_part_delay_seconds_bucket\{([^}]*)\} ([\d.e+]+)/;

/** Of an OpenMetrics text, the delays of parts by channel. */
export function readPartDelays(text: string): Map<string, Buckets> {
  const found = new Map<string, Buckets>();
  for (const line of text.split('\n')) {
    const [, labels, count] = LINE.exec(line) ?? [];
    if (labels === undefined) continue;
    const channel = /channel="([^"]*)"/.exec(labels)?.[1];
    const bound = /le="([^"]*)"/.exec(labels)?.[1];
    if (channel === undefined || bound === undefined) continue;
    const buckets = found.get(channel) ?? [];
    buckets.push([bound === '+Inf' ? Infinity : Number(bound), Number(count)]);
    found.set(channel, buckets);
  }
  return found;
}

/**
 * Below which delay the share `q` of those lie that came between two readings; null if none came. Within a bucket they
 * count as evenly spread; what lies in the open one is at least its lower bound.
 */
export function quantileBetween(before: Buckets | undefined, after: Buckets, q: number): number | null {
  const earlier = new Map(before ?? []);
  // A gateway that was started again counts from zero.
  const isFresh = after.some(([bound, count]) => count < (earlier.get(bound) ?? 0));
  const counts = after.map(([bound, count]): [number, number] => [bound, count - (isFresh ? 0 : (earlier.get(bound) ?? 0))]);
  const total = counts.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  let lower = 0;
  let below = 0;
  for (const [bound, upTo] of counts) {
    if (upTo >= total * q) {
      if (bound === Infinity || upTo === below) return lower;
      return lower + (bound - lower) * ((total * q - below) / (upTo - below));
    }
    [lower, below] = [bound, upTo];
  }
  return lower;
}
