// One channel in one <video>: begins when enough is there, keeps to the live edge, counts what goes wrong, and lets go
// of the channel when nobody looks any more.

import { mayBegin, rateFor } from '../base/pace';
import { recall, recallNumber, remember } from '../base/prefs';
import { HlsSource } from './hls-source';
import { NativeSource } from './native-source';
import type { Source, SourceEvents, Trouble } from './source';
import { bufferAhead, frames } from './stats';
import type { Level, Phase, PlayerStats, Track } from './stats';

const TICK_MS = 250;
/** A pause this long gives the channel back to the gateway, which may then stop it. */
const LET_GO_AFTER_MS = 60_000;
/** Dry or without a first picture for so long, whatever the reason: the player begins again. */
const STUCK_AFTER_MS = 8000;
/** Behind the target by this much, "go live" has something to do. */
const BEHIND_S = 1.5;

export class Player {
  phase: Phase = 'connecting';
  trouble: Trouble | null = null;
  /** The browser refused sound without a click. */
  silenced = false;
  private source: Source | null = null;
  private wanted = true;
  private begun = false;
  private played = false;
  private suspended = false;
  private settling = true;
  private stalls = 0;
  private firstFrameMs: number | null = null;
  private firstDataAt = 0;
  private pausedAt = 0;
  private phaseSince = performance.now();
  private rescues = 0;
  private readonly openedAt = performance.now();
  private readonly listening = new AbortController();
  private readonly ticker: ReturnType<typeof setInterval>;

  constructor(
    readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly changed: () => void,
  ) {
    video.volume = Math.min(1, Math.max(0, recallNumber('volume', 1)));
    video.muted = recall('muted') === 'true';
    this.listen();
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    void this.open();
  }

  stats(): PlayerStats {
    const { video, source } = this;
    return {
      engine: source?.kind ?? 'hls.js',
      phase: this.phase,
      latency: this.played ? (source?.latency() ?? null) : null,
      target: source?.target() ?? null,
      buffer: bufferAhead(video),
      ...frames(video),
      stalls: this.stalls,
      recoveries: this.rescues + (source?.recoveries ?? 0),
      level: source?.current() ?? null,
      auto: source?.isAuto() ?? true,
      levels: source?.levels().length ?? 0,
      bandwidth: source?.bandwidth() ?? null,
      currentTime: video.currentTime,
      rate: video.playbackRate,
      playing: this.phase === 'playing' && !video.paused,
      muted: video.muted,
      firstFrameMs: this.firstFrameMs,
    };
  }

  levels(): Level[] {
    return this.source?.levels() ?? [];
  }

  setLevel(index: number): void {
    this.source?.setLevel(index);
  }

  audioTracks(): { tracks: Track[]; chosen: number } {
    return { tracks: this.source?.audioTracks() ?? [], chosen: this.source?.audioTrack() ?? -1 };
  }

  setAudioTrack(index: number): void {
    this.source?.setAudioTrack(index);
  }

  subtitles(): { tracks: Track[]; chosen: number } {
    return { tracks: this.source?.subtitles() ?? [], chosen: this.source?.subtitle() ?? -1 };
  }

  setSubtitle(index: number): void {
    this.source?.setSubtitle(index);
  }

  /** Whether the viewer is so far behind (or paused) that going live changes something. */
  isBehind(): boolean {
    if (!this.played) return false;
    const latency = this.source?.latency() ?? null;
    const target = this.source?.target() ?? 3;
    return this.video.paused || (latency !== null && latency > target + BEHIND_S);
  }

  toggle(): void {
    if (this.wanted && !this.video.paused) this.pause();
    else this.play();
  }

  play(): void {
    this.wanted = true;
    if (this.suspended) this.retry();
    else if (this.begun) void this.startVideo();
    this.changed();
  }

  pause(): void {
    this.wanted = false;
    this.video.pause();
  }

  goLive(): void {
    if (this.suspended) return this.play();
    const position = this.source?.livePosition() ?? null;
    if (position !== null) {
      this.settling = true;
      this.video.currentTime = position;
    }
    this.play();
  }

  /** From the beginning, at once. */
  retry(): void {
    this.suspended = false;
    this.begun = false;
    this.settling = true;
    this.firstDataAt = 0;
    this.trouble = null;
    this.setPhase('connecting');
    this.source?.reload();
  }

  setVolume(volume: number): void {
    this.video.volume = Math.min(1, Math.max(0, volume));
    if (volume > 0) this.setMuted(false);
    remember('volume', String(this.video.volume));
  }

  setMuted(muted: boolean): void {
    this.video.muted = muted;
    this.silenced = false;
    remember('muted', String(muted));
    this.changed();
  }

  destroy(): void {
    clearInterval(this.ticker);
    this.listening.abort();
    this.source?.destroy();
    this.source = null;
  }

  private async open(): Promise<void> {
    const { default: Hls } = await import('hls.js');
    if (this.listening.signal.aborted) return;
    const events: SourceEvents = {
      trouble: (trouble) => this.onTrouble(trouble),
      opened: () => {
        this.trouble = null;
        if (this.phase !== 'playing') this.setPhase('buffering');
      },
      progress: () => this.onProgress(),
      levelsChanged: () => this.changed(),
    };
    if (Hls.isSupported()) this.source = new HlsSource(Hls, this.video, this.url, events);
    else this.source = new NativeSource(this.video, this.url, events);
  }

  private onProgress(): void {
    if (this.firstDataAt === 0) this.firstDataAt = performance.now();
    this.trouble = null;
    this.begin();
  }

  private begin(): void {
    if (this.begun || !this.wanted || this.firstDataAt === 0) return;
    const waited = performance.now() - this.firstDataAt;
    if (!mayBegin(bufferAhead(this.video), this.source?.partTarget() ?? 0, waited)) return;
    this.begun = true;
    void this.startVideo();
  }

  private async startVideo(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError' || this.video.muted) return;
      this.video.muted = true;
      this.silenced = true;
      await this.video.play().catch(() => this.setPhase('paused'));
    }
    this.changed();
  }

  private onTrouble(trouble: Trouble): void {
    this.trouble = trouble;
    this.begun = false;
    this.settling = true;
    this.firstDataAt = 0;
    if (trouble.retryInMs === null) this.setPhase('failed');
    else this.setPhase(trouble.status === 503 ? 'starting' : 'connecting');
  }

  private listen(): void {
    const { video } = this;
    const { signal } = this.listening;
    const on = (type: string, does: () => void): void => video.addEventListener(type, does, { signal });
    on('playing', () => {
      this.settling = false;
      this.played = true;
      this.firstFrameMs ??= Math.round(performance.now() - this.openedAt);
      this.setPhase('playing');
    });
    on('pause', () => {
      this.pausedAt = performance.now();
      if (this.begun) this.setPhase('paused');
    });
    on('waiting', () => {
      if (this.settling || video.seeking || video.paused || !this.played) return;
      this.stalls += 1;
      this.setPhase('stalled');
    });
    on('volumechange', () => this.changed());
    on('progress', () => this.begin());
  }

  private tick(): void {
    const { video, source } = this;
    this.begin();
    if (this.isStuck()) return this.rescue();
    if (!source || !this.begun) return;
    if (video.paused) return this.letGo();
    if (source.kind !== 'hls.js' || this.phase !== 'playing') return;
    const latency = source.latency();
    const target = source.target();
    if (latency === null || target === null) return;
    const rate = rateFor({ latency, target, buffer: bufferAhead(video) });
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  private isStuck(): boolean {
    if (this.trouble || !this.wanted) return false;
    const waits = this.phase === 'stalled' || this.phase === 'buffering';
    return waits && performance.now() - this.phaseSince > STUCK_AFTER_MS;
  }

  private rescue(): void {
    this.rescues += 1;
    this.retry();
  }

  private letGo(): void {
    if (this.suspended || this.wanted || performance.now() - this.pausedAt < LET_GO_AFTER_MS) return;
    this.suspended = true;
    this.source?.suspend();
    this.changed();
  }

  private setPhase(phase: Phase): void {
    if (phase !== this.phase) this.phaseSince = performance.now();
    this.phase = phase;
    this.changed();
  }
}
