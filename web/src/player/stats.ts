// What can be said about playback at one moment.

export type Phase = 'connecting' | 'starting' | 'buffering' | 'playing' | 'paused' | 'stalled' | 'failed';

export interface Level {
  index: number;
  name: string;
  width: number;
  height: number;
  frameRate: number;
  /** Bits a second. */
  bitrate: number;
  /** RFC 6381, as the playlist says; empty while unknown. */
  codecs: string;
}

/** A sound or a set of subtitles to choose. */
export interface Track {
  index: number;
  name: string;
  /** A language tag, or empty. */
  language: string;
}

export interface PlayerStats {
  engine: 'hls.js' | 'native';
  phase: Phase;
  /** Seconds from the playhead to the live edge; null while unknown. */
  latency: number | null;
  /** Seconds behind the edge that the playlist asks for. */
  target: number | null;
  /** Seconds buffered ahead of the playhead. */
  buffer: number;
  dropped: number;
  decoded: number;
  /** How often playback ran dry after it had begun. */
  stalls: number;
  /** How often the engine repaired itself. */
  recoveries: number;
  level: Level | null;
  /** Whether the engine picks the level. */
  auto: boolean;
  levels: number;
  /** Estimated, bits a second. */
  bandwidth: number | null;
  currentTime: number;
  rate: number;
  playing: boolean;
  muted: boolean;
  /** From opening the view to the first picture, milliseconds. */
  firstFrameMs: number | null;
}

export function bufferAhead(media: HTMLMediaElement): number {
  const { buffered, currentTime } = media;
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime + 0.1 && buffered.end(index) > currentTime) {
      return buffered.end(index) - currentTime;
    }
  }
  return 0;
}

export function frames(video: HTMLVideoElement): { dropped: number; decoded: number } {
  const quality = video.getVideoPlaybackQuality?.();
  return { dropped: quality?.droppedVideoFrames ?? 0, decoded: quality?.totalVideoFrames ?? 0 };
}
