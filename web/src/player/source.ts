// What a Player needs from whatever feeds its <video>: hls.js or the browser itself.

import type { Level, Track } from './stats';

/** Something failed and is being dealt with, or is not. */
export interface Trouble {
  /** For people, from the gateway where it said something. */
  message: string;
  /** The HTTP status; 0 when there was none. */
  status: number;
  attempt: number;
  /** Milliseconds to the next attempt; null when there will be none. */
  retryInMs: number | null;
}

export interface SourceEvents {
  trouble(trouble: Trouble): void;
  /** The Multivariant Playlist arrived. */
  opened(): void;
  /** Media arrived in the buffer. */
  progress(): void;
  /** Of levels, sounds or subtitles. */
  levelsChanged(): void;
}

export interface Source {
  readonly kind: 'hls.js' | 'native';
  readonly recoveries: number;
  levels(): Level[];
  current(): Level | null;
  isAuto(): boolean;
  /** -1 leaves the choice to the engine. */
  setLevel(index: number): void;
  audioTracks(): Track[];
  /** The index of the sound that is heard; -1 while unknown. */
  audioTrack(): number;
  setAudioTrack(index: number): void;
  subtitles(): Track[];
  /** -1 is none. */
  subtitle(): number;
  setSubtitle(index: number): void;
  latency(): number | null;
  /** The hold-back that the playlist asks for, seconds. */
  target(): number | null;
  partTarget(): number;
  livePosition(): number | null;
  bandwidth(): number | null;
  /** Stops fetching; only `reload` continues. */
  suspend(): void;
  reload(): void;
  destroy(): void;
}
