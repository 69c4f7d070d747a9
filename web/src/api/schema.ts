// The gateway's JSON as this page reads it (`/api/v1`). Times are RFC 3339 in UTC, durations are seconds.
// Optional here means that the gateway may leave it out; the page must then still make sense.

export type SessionState = 'idle' | 'starting' | 'active' | 'stopping' | 'failed';

export interface Page<T> {
  items: T[];
  total?: number;
  next?: string | null;
}

export interface Channel {
  id: string;
  name?: string | null;
  logo?: string | null;
  number?: number | string | null;
  group?: string | null;
  state?: SessionState;
  viewers?: number;
  /** What is on, if a guide says so. */
  now?: Programme | null;
  /** What comes next. */
  next?: Programme | null;
  session?: Session | null;
}

export interface Programme {
  title: string;
  subtitle?: string | null;
  description?: string | null;
  start: string;
  stop: string;
}

export interface Session {
  id: string;
  channel: string;
  state: SessionState;
  reason: string;
  started_at: string;
  last_access?: string | null;
  idle_for?: number;
  /** Until when an operator keeps it running. */
  held_until?: string | null;
  viewers: number;
  source: string;
  error_count: number;
  last_error?: string | null;
  encoder?: Encoder | null;
  renditions: Rendition[];
  /** From the first request to the first Partial Segment, milliseconds. */
  first_part_ms?: number | null;
  memory_bytes?: number;
  bytes_sent?: number;
  blocked_requests?: number;
  sources?: Source[];
  /** The source does not deliver and viewers see the slate. */
  slate_shown?: boolean;
  /** What the session waits for, soonest first. */
  next?: Next[];
  history?: HistoryEntry[];
}

export interface Source {
  position: number;
  label: string;
  kind: string;
  role: 'on_air' | 'tried' | 'standby' | 'waiting';
  /** It is not in use and has answered since then. */
  answers_since?: string | null;
  last_error?: string | null;
  last_error_at?: string | null;
  /** Within the last minute. */
  recent_losses?: number;
  rests_until?: string | null;
}

export interface Next {
  at: string;
  reason: string;
  what: string;
}

export interface Encoder {
  pid: number;
  /** Media time over wall time. */
  speed?: number | null;
  fps?: number | null;
  restarts: number;
  /** Processor time over wall time; 1 is one core. */
  cpu?: number | null;
  memory?: number | null;
  last_lines?: string[];
  cage: string;
}

export interface Rendition {
  name: string;
  kind: 'video' | 'audio';
  resolution?: string | null;
  frame_rate?: number | null;
  codecs?: string | null;
  target_bitrate: number;
  measured_bitrate?: number | null;
  window?: RenditionWindow | null;
}

export interface RenditionWindow {
  media_sequence: number;
  discontinuity_sequence: number;
  last_msn: number;
  last_part?: number | null;
  duration: number;
}

export interface HistoryEntry {
  at: string;
  what: string;
  kind?: string;
  /** How often in a row. */
  times?: number;
  source?: string;
  /** What ffmpeg said last; the last line is in `what`. */
  lines?: string[];
}

export interface Viewer {
  id: string;
  address: string;
  agent: string;
  since: string;
  last_access: string;
  requests: number;
  /** What its player tells about its playback (CMCD), if it does. */
  playback?: Playback | null;
}

/** Bitrates are bits a second, times seconds. */
export interface Playback {
  rebuffers?: number;
  bitrate?: number | null;
  buffer?: number | null;
  throughput?: number | null;
  latency?: number | null;
}

export interface Hold {
  channel: string;
  until: string;
}

/** `/api/v1/config`: what is in force. Sources are labels, secrets are masked. */
/** Who asks. */
export interface Operator {
  name: string;
  role: 'read' | 'operate';
  /** Known by a token. */
  has_token: boolean;
}

export interface Config {
  file?: string | null;
  version?: string | null;
  in_force_since?: string;
  server?: Record<string, unknown>;
  operators?: { listen: string; tls: boolean; hosts: string[]; open: string[]; audit_log?: string | null;
    tokens: { name: string; role: string }[] };
  /** Keys of `[server]` that hold only from the next start on. */
  needs_restart?: string[];
  channels?: ChannelConfig[];
  webhooks?: { label: string; events: string[]; channels: string[] }[];
  /** Why what the file says now is not in force. */
  last_error?: { at: string; message: string; problems?: Problem[] } | null;
}

export interface ChannelConfig {
  id: string;
  sources: { label: string; timeout?: number | null; has_user_agent?: boolean; headers?: string[] }[];
  grace_period: number;
  start_timeout: number;
  slate_after?: number | null;
  hold_down: number;
  segment_duration: number;
  part_duration: number;
  window: number;
}

export interface Problem {
  line: number;
  column: number;
  message: string;
  help?: string | null;
}

/** What reading the file again has changed. */
export interface Reload {
  changed: boolean;
  added: string[];
  removed: string[];
  updated: { channel: string; change: string }[];
  needs_restart: string[];
}

export interface ErrorBody {
  error?: { code?: string; message?: string; details?: Record<string, unknown> };
}
