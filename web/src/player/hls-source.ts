// hls.js as a Source: its settings for a low-latency live channel, and what to do about each kind of failure.
//
// Recovery is a rebuild: a new Hls on the same <video>. It costs one playlist request and leaves no half-broken state.

import type Hls from 'hls.js';
import type { ErrorData, HlsConfig, MediaPlaylist } from 'hls.js';
import type { ErrorBody } from '../api/schema';
import { recall, recallNumber, remember } from '../base/prefs';
import { afterFailure, retryAfterMs } from '../base/retry';
import type { Source, SourceEvents } from './source';
import type { Level, Track } from './stats';

type HlsClass = typeof Hls;

/** Media errors that `recoverMediaError` may handle in a row before the whole player is rebuilt. */
const SOFT_RECOVERIES = 2;
const FIRST_GUESS_BPS = 4_000_000;

const once = (first: number, whole: number): HlsConfig['manifestLoadPolicy'] => ({
  default: { maxTimeToFirstByteMs: first, maxLoadTimeMs: whole, timeoutRetry: null, errorRetry: null },
});

const patient = (first: number, whole: number, tries: number): HlsConfig['manifestLoadPolicy'] => ({
  default: {
    maxTimeToFirstByteMs: first,
    maxLoadTimeMs: whole,
    timeoutRetry: { maxNumRetry: 2, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: tries, retryDelayMs: 250, maxRetryDelayMs: 2000, backoff: 'exponential' },
  },
});

function settings(): Partial<HlsConfig> {
  return {
    // localStorage['headgate.debug'] = 'true' makes hls.js talk in the console.
    debug: recall('debug') === 'true',
    lowLatencyMode: true,
    // player/pace does this in both directions.
    maxLiveSyncPlaybackRate: 1,
    backBufferLength: 30,
    maxBufferLength: 12,
    // Fragmented MP4 is passed on as it is: a worker would cost a start-up and save nothing.
    enableWorker: false,
    // The media element is attached first anyway; fetching does not wait for it.
    startFragPrefetch: true,
    // A test fragment in the lowest quality is thrown away; the last visit's measure is the better guess.
    testBandwidth: false,
    abrEwmaDefaultEstimate: recallNumber('bandwidth', FIRST_GUESS_BPS),
    capLevelToPlayerSize: true,
    // A stall asks for more distance, but must not cost whole seconds for good.
    liveSyncOnStallIncrease: 0.25,
    // The gateway holds a first request while the channel starts; a refusal is answered by afterFailure.
    manifestLoadPolicy: once(20_000, 30_000),
    playlistLoadPolicy: patient(10_000, 20_000, 4),
    fragLoadPolicy: patient(8_000, 60_000, 6),
  };
}

export class HlsSource implements Source {
  readonly kind = 'hls.js';
  recoveries = 0;
  private hls: Hls;
  private attempt = 0;
  private softened = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly engine: HlsClass,
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly events: SourceEvents,
  ) {
    this.hls = this.build();
  }

  levels(): Level[] {
    return this.hls.levels.map((level, index) => ({
      index,
      name: level.name || (level.height ? `${level.height}p` : `${index + 1}`),
      width: level.width,
      height: level.height,
      frameRate: level.frameRate,
      bitrate: level.bitrate,
      codecs: [level.videoCodec, level.audioCodec].filter(Boolean).join(', '),
    }));
  }

  current(): Level | null {
    return this.levels()[this.hls.currentLevel] ?? null;
  }

  isAuto(): boolean {
    return this.hls.autoLevelEnabled;
  }

  setLevel(index: number): void {
    // loadLevel takes over with the next segment; nextLevel would throw away what is buffered and stall.
    this.hls.loadLevel = index;
    this.events.levelsChanged();
  }

  audioTracks(): Track[] {
    return this.hls.audioTracks.map((track, index) => trackOf(track, index));
  }

  audioTrack(): number {
    return this.hls.audioTrack;
  }

  setAudioTrack(index: number): void {
    this.hls.audioTrack = index;
    this.events.levelsChanged();
  }

  subtitles(): Track[] {
    return this.hls.subtitleTracks.map((track, index) => trackOf(track, index));
  }

  subtitle(): number {
    return this.hls.subtitleDisplay ? this.hls.subtitleTrack : -1;
  }

  setSubtitle(index: number): void {
    this.hls.subtitleDisplay = index >= 0;
    this.hls.subtitleTrack = index;
    this.events.levelsChanged();
  }

  latency(): number | null {
    return this.hls.latestLevelDetails && this.hls.latency > 0 ? this.hls.latency : null;
  }

  target(): number | null {
    return this.hls.targetLatency;
  }

  partTarget(): number {
    const details = this.hls.latestLevelDetails;
    return details?.partTarget || 0;
  }

  livePosition(): number | null {
    return this.hls.liveSyncPosition;
  }

  bandwidth(): number | null {
    const estimate = this.hls.bandwidthEstimate;
    return Number.isFinite(estimate) ? estimate : null;
  }

  suspend(): void {
    clearTimeout(this.timer);
    this.hls.stopLoad();
  }

  reload(): void {
    clearTimeout(this.timer);
    this.discard();
    this.hls = this.build();
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.discard();
  }

  private discard(): void {
    const estimate = this.bandwidth();
    if (estimate && this.hls.latestLevelDetails) remember('bandwidth', String(Math.round(estimate)));
    this.hls.destroy();
  }

  private build(): Hls {
    const { Events } = this.engine;
    const hls = new this.engine(settings());
    hls.on(Events.MANIFEST_PARSED, () => {
      this.events.opened();
      this.events.levelsChanged();
    });
    hls.on(Events.LEVEL_SWITCHED, () => this.events.levelsChanged());
    hls.on(Events.LEVELS_UPDATED, () => this.events.levelsChanged());
    hls.on(Events.AUDIO_TRACKS_UPDATED, () => this.events.levelsChanged());
    hls.on(Events.SUBTITLE_TRACKS_UPDATED, () => this.events.levelsChanged());
    hls.on(Events.FRAG_BUFFERED, () => {
      this.attempt = 0;
      this.events.progress();
    });
    hls.on(Events.ERROR, (_event, data) => {
      if (data.fatal) this.recover(data);
    });
    hls.attachMedia(this.video);
    hls.loadSource(this.url);
    return hls;
  }

  private recover(data: ErrorData): void {
    this.attempt += 1;
    const { ErrorTypes } = this.engine;
    if (data.type === ErrorTypes.MEDIA_ERROR && this.softened < SOFT_RECOVERIES) {
      this.softened += 1;
      this.recoveries += 1;
      this.hls.recoverMediaError();
      return;
    }
    const status = data.type === ErrorTypes.NETWORK_ERROR ? (data.response?.code ?? 0) : 0;
    const { message, retryAfter } = answerOf(data);
    const verdict = afterFailure({ status, retryAfter, attempt: this.attempt });
    this.hls.stopLoad();
    this.events.trouble({ message, status, attempt: this.attempt, retryInMs: verdict.retry ? verdict.inMs : null });
    if (!verdict.retry) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.recoveries += 1;
      this.softened = 0;
      this.reload();
    }, verdict.inMs);
  }
}

function trackOf({ name, lang }: MediaPlaylist, index: number): Track {
  return { index, name: name || lang || `${index + 1}`, language: lang ?? '' };
}

/** What the gateway itself said about a failed request, if it said anything. */
function answerOf(data: ErrorData): { message: string; retryAfter: number | null } {
  const request: unknown = data.networkDetails;
  if (!(request instanceof XMLHttpRequest) || request.status === 0) {
    const cause = data.type === 'networkError' ? 'the gateway could not be reached' : data.details;
    return { message: cause, retryAfter: null };
  }
  const retryAfter = retryAfterMs(request.getResponseHeader('Retry-After'), Date.now());
  try {
    const body = JSON.parse(request.responseText) as ErrorBody;
    if (body.error?.message) return { message: body.error.message, retryAfter };
  } catch {
    // Not JSON: a proxy in between, perhaps.
  }
  return { message: `the gateway answered ${request.status}`, retryAfter };
}
