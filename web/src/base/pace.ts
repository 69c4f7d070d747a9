// How fast a live player plays. Pure.
//
// hls.js only ever speeds up towards its target. A session that has just started offers a single part, so a player that
// begins there plays on a thin buffer for ever and stalls at the first hiccup. This governor also slows down a little
// until the hold-back that the playlist asks for is reached.

export interface Flow {
  /** Seconds from the playhead to the live edge. */
  latency: number;
  /** Seconds that the playlist asks to stay behind (PART-HOLD-BACK). */
  target: number;
  /** Seconds of media buffered ahead. */
  buffer: number;
}

export const FASTEST = 1.08;
export const SLOWEST = 0.94;

const TOLERANCE = 0.15;
/** Behind by more than this is somebody who watches the past on purpose. */
const CHOSEN_PAST = 4;

/** The playback rate that leads to the target without being heard. */
export function rateFor({ latency, target, buffer }: Flow): number {
  if (!(target > 0) || !Number.isFinite(latency)) return 1;
  const behind = latency - target;
  if (behind > CHOSEN_PAST) return 1;
  if (behind > TOLERANCE && buffer > Math.min(1, target * 0.6)) return step(Math.min(FASTEST, 1 + behind * 0.06));
  if (behind < -TOLERANCE || buffer < target * 0.3) return step(Math.max(SLOWEST, 1 + Math.min(behind, -0.3) * 0.12));
  return 1;
}

/** Whether enough is buffered to begin: two parts' worth, or whatever there is once waiting no longer pays. */
export function mayBegin(buffer: number, partTarget: number, waitedMs: number): boolean {
  const enough = partTarget > 0 ? partTarget * 1.8 : 1;
  return buffer >= enough || waitedMs > 1500;
}

/** Whole hundredths: fewer rate changes, each of which costs the audio sink a little work. */
function step(rate: number): number {
  return Math.round(rate * 50) / 50;
}
