// The browser's own HLS (iPhones before Managed Media Source, some televisions) as a Source. It tells less than hls.js.

import { afterFailure, retryAfterMs } from '../base/retry';
import type { ErrorBody } from '../api/schema';
import type { Source, SourceEvents } from './source';
import type { Level, Track } from './stats';

const EDGE_DISTANCE = 2;

export class NativeSource implements Source {
  readonly kind = 'native';
  recoveries = 0;
  private attempt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly listening = new AbortController();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly events: SourceEvents,
  ) {
    const { signal } = this.listening;
    video.addEventListener('loadedmetadata', () => events.opened(), { signal });
    video.addEventListener('progress', () => events.progress(), { signal });
    video.addEventListener('resize', () => events.levelsChanged(), { signal });
    video.addEventListener('playing', () => (this.attempt = 0), { signal });
    video.addEventListener('error', () => void this.recover(), { signal });
    video.src = url;
  }

  levels(): Level[] {
    return [];
  }

  current(): Level | null {
    const { videoWidth: width, videoHeight: height } = this.video;
    return height > 0 ? { index: 0, name: `${height}p`, width, height, frameRate: 0, bitrate: 0, codecs: '' } : null;
  }

  isAuto(): boolean {
    return true;
  }

  setLevel(): void {
    // The browser decides alone.
  }

  audioTracks(): Track[] {
    return [];
  }

  audioTrack(): number {
    return -1;
  }

  setAudioTrack(): void {
    // Only Safari has a list of sounds, and its own menu for it.
  }

  subtitles(): Track[] {
    return this.texts().map(({ label, language }, index) => ({ index, name: label || language || `${index + 1}`, language }));
  }

  subtitle(): number {
    return this.texts().findIndex((track) => track.mode === 'showing');
  }

  setSubtitle(index: number): void {
    this.texts().forEach((track, at) => (track.mode = at === index ? 'showing' : 'disabled'));
    this.events.levelsChanged();
  }

  private texts(): TextTrack[] {
    return [...this.video.textTracks].filter((track) => track.kind === 'subtitles' || track.kind === 'captions');
  }

  latency(): number | null {
    const { seekable, currentTime } = this.video;
    return seekable.length > 0 ? Math.max(0, seekable.end(seekable.length - 1) - currentTime) : null;
  }

  target(): number | null {
    return null;
  }

  partTarget(): number {
    return 0;
  }

  livePosition(): number | null {
    const { seekable } = this.video;
    return seekable.length > 0 ? Math.max(seekable.start(0), seekable.end(seekable.length - 1) - EDGE_DISTANCE) : null;
  }

  bandwidth(): number | null {
    return null;
  }

  suspend(): void {
    this.video.removeAttribute('src');
    this.video.load();
  }

  reload(): void {
    clearTimeout(this.timer);
    this.video.src = this.url;
    this.video.load();
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.listening.abort();
    this.suspend();
  }

  /** A <video> does not say why it failed, so ask the gateway. */
  private async recover(): Promise<void> {
    if (!this.video.getAttribute('src')) return;
    this.attempt += 1;
    const { status, message, retryAfter } = await ask(this.url);
    if (this.listening.signal.aborted) return;
    const verdict = afterFailure({ status, retryAfter, attempt: this.attempt });
    const retryInMs = verdict.retry ? verdict.inMs : null;
    this.events.trouble({ message, status, attempt: this.attempt, retryInMs });
    if (retryInMs === null) return;
    this.timer = setTimeout(() => {
      this.recoveries += 1;
      this.reload();
    }, retryInMs);
  }
}

async function ask(url: string): Promise<{ status: number; message: string; retryAfter: number | null }> {
  try {
    const response = await fetch(url, { cache: 'no-store' });
    if (response.ok) return { status: 0, message: 'this browser could not play the channel', retryAfter: null };
    const body = (await response.json().catch(() => ({}))) as ErrorBody;
    const message = body.error?.message ?? `the gateway answered ${response.status}`;
    return { status: response.status, message, retryAfter: retryAfterMs(response.headers.get('Retry-After'), Date.now()) };
  } catch {
    return { status: 0, message: 'the gateway could not be reached', retryAfter: null };
  }
}
