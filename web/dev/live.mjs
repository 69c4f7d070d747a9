// A small low-latency origin for looking at the page without a gateway: one ffmpeg, three pipes of fragmented MP4, parts
// of half a second, blocking reload. Enough for hls.js; not a reference for anything.

import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';

const SEGMENT_S = 2;
/**
 * hls.js refuses a playlist without a complete segment, and loads no parts before a few segments exist. So the first
 * segments of a session (RAMP of them) are one part each; then they have their full length.
 */
const RAMP = { segments: Number(process.env.RAMP ?? 4), each: 0.5 };
const RAMP_S = RAMP.segments * RAMP.each;
const startOf = (index) => (index < RAMP.segments ? index * RAMP.each : RAMP_S + (index - RAMP.segments) * SEGMENT_S);
const KEYFRAMES = `expr:gte(t,if(lt(n_forced,${RAMP.segments}),n_forced*${RAMP.each},` +
  `${RAMP_S}+(n_forced-${RAMP.segments})*${SEGMENT_S}))`;

const WINDOW = 15;
const PARTS_SHOWN = 3;

const RUNGS = [
  { name: '720p', size: '1280x720', bitrate: 2_000_000 },
  { name: '360p', size: '640x360', bitrate: 600_000 },
];
const AUDIO = { name: 'audio', bitrate: 128_000 };

export class Live {
  constructor(id) {
    this.id = id;
    this.startedAt = Date.now();
    this.lastAccess = Date.now();
    this.firstPartMs = null;
    this.sent = 0;
    this.viewers = new Map();
    this.tracks = new Map([...RUNGS, AUDIO].map((rung) => [rung.name, new Track(rung, this)]));
    this.child = spawn('ffmpeg', command(), { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
    [...this.tracks.values()].forEach((track, index) => this.child.stdio[index + 3].on('data', (data) => track.take(data)));
  }

  stop() {
    this.child.kill('SIGKILL');
    for (const track of this.tracks.values()) track.changed.emit('change');
  }

  touch(viewer) {
    this.lastAccess = Date.now();
    this.viewers.set(viewer, Date.now());
  }

  watching() {
    const since = Date.now() - 8000;
    return [...this.viewers.values()].filter((seen) => seen > since).length;
  }

  master() {
    const lines = ['#EXTM3U', '#EXT-X-VERSION:9', '#EXT-X-INDEPENDENT-SEGMENTS',
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"'];
    for (const { name, size, bitrate } of RUNGS) {
      const codecs = size === '1280x720' ? 'avc1.42c01f' : 'avc1.42c01e';
      lines.push(`#EXT-X-STREAM-INF:BANDWIDTH=${bitrate * 1.2 + AUDIO.bitrate},AVERAGE-BANDWIDTH=${bitrate + AUDIO.bitrate},` +
        `CODECS="${codecs},mp4a.40.2",RESOLUTION=${size},FRAME-RATE=30,AUDIO="aac"`, `${name}/index.m3u8`);
    }
    return `${lines.join('\n')}\n`;
  }

  async ready() {
    await Promise.all([...this.tracks.values()].map((track) => track.until(() => track.segments[0]?.parts.length > 0)));
  }
}

class Track {
  constructor(rung, live) {
    this.rung = rung;
    this.live = live;
    this.pending = Buffer.alloc(0);
    this.init = Buffer.alloc(0);
    this.moof = null;
    this.segments = [];
    this.first = 100;
    this.changed = new EventEmitter().setMaxListeners(0);
  }

  take(data) {
    this.pending = Buffer.concat([this.pending, data]);
    while (this.pending.length >= 8) {
      const size = this.pending.readUInt32BE(0);
      if (this.pending.length < size) return;
      this.box(this.pending.toString('latin1', 4, 8), Buffer.from(this.pending.subarray(0, size)));
      this.pending = this.pending.subarray(size);
    }
  }

  box(type, bytes) {
    if (type === 'ftyp' || type === 'moov') this.init = Buffer.concat([this.init, bytes]);
    else if (type === 'moof') this.moof = bytes;
    else if (type === 'mdat' && this.moof) this.part(Buffer.concat([this.moof, bytes]), samples(this.moof));
  }

  part(bytes, count) {
    const duration = this.rung === AUDIO ? (count * 1024) / 48000 : count / 30;
    let last = this.segments.at(-1);
    if (!last || last.done) {
      const start = last ? last.start + last.duration : 0;
      const wall = last ? last.wall + last.duration * 1000 : Date.now() - duration * 1000;
      last = { msn: last ? last.msn + 1 : this.first, start, wall, duration: 0, parts: [], done: false };
      this.segments.push(last);
    }
    last.parts.push({ bytes, duration });
    last.duration += duration;
    last.done = last.start + last.duration >= startOf(last.msn - this.first + 1) - 0.26;
    this.live.firstPartMs ??= Date.now() - this.live.startedAt;
    while (this.segments.length > WINDOW + 6) this.segments.shift();
    this.changed.emit('change');
  }

  has(msn, part) {
    const last = this.segments.at(-1);
    if (!last) return false;
    if (last.msn !== msn) return last.msn > msn;
    return last.done || (part !== null && last.parts.length > part);
  }

  until(test, timeoutMs = 8000) {
    return new Promise((resolve) => {
      const done = (result) => {
        clearTimeout(timer);
        this.changed.off('change', look);
        resolve(result);
      };
      const look = () => test() && done(true);
      const timer = setTimeout(() => done(false), timeoutMs);
      this.changed.on('change', look);
      look();
    });
  }

  playlist() {
    const shown = this.segments.slice(-WINDOW);
    const lines = ['#EXTM3U', '#EXT-X-VERSION:9', `#EXT-X-TARGETDURATION:${SEGMENT_S}`,
      '#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.6', '#EXT-X-PART-INF:PART-TARGET=0.52',
      `#EXT-X-MEDIA-SEQUENCE:${shown[0].msn}`, '#EXT-X-MAP:URI="init.mp4"'];
    shown.forEach((segment, index) => {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.wall).toISOString()}`);
      if (index >= shown.length - PARTS_SHOWN) {
        segment.parts.forEach((part, at) => lines.push(`#EXT-X-PART:DURATION=${part.duration.toFixed(5)},` +
          `URI="${segment.msn}.${at}.m4s"${at === 0 || this.rung === AUDIO ? ',INDEPENDENT=YES' : ''}`));
      }
      if (segment.done) lines.push(`#EXTINF:${segment.duration.toFixed(5)},`, `${segment.msn}.m4s`);
    });
    const last = shown.at(-1);
    const next = last.done ? `${last.msn + 1}.0` : `${last.msn}.${last.parts.length}`;
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${next}.m4s"`);
    return `${lines.join('\n')}\n`;
  }

  file(name) {
    if (name === 'init.mp4') return this.init;
    const [, msn, part] = /^(\d+)(?:\.(\d+))?\.m4s$/.exec(name) ?? [];
    const segment = this.segments.find((one) => one.msn === Number(msn));
    if (!segment) return null;
    if (part !== undefined) return segment.parts[Number(part)]?.bytes ?? null;
    return segment.done ? Buffer.concat(segment.parts.map((one) => one.bytes)) : null;
  }

  measured() {
    const done = this.segments.filter((segment) => segment.done).slice(-5);
    const seconds = done.reduce((sum, one) => sum + one.duration, 0);
    const bytes = done.reduce((sum, one) => sum + one.parts.reduce((all, part) => all + part.bytes.length, 0), 0);
    return seconds > 0 ? Math.round((bytes * 8) / seconds) : null;
  }
}

/** The sample count of the first track run in a moof. */
function samples(moof) {
  return moof.readUInt32BE(moof.indexOf('trun') + 8);
}

function command() {
  const mp4 = ['-f', 'mp4', '-movflags', 'empty_moov+default_base_moof+frag_keyframe', '-frag_duration', '500000'];
  const video = (size, bitrate, pipe) => ['-map', '0:v', '-s', size, '-c:v', 'libx264', '-preset', 'ultrafast', '-tune',
    'zerolatency', '-profile:v', 'baseline', '-pix_fmt', 'yuv420p', '-g', '300', '-sc_threshold', '0',
    '-force_key_frames', KEYFRAMES,
    '-b:v', String(bitrate), '-maxrate', String(bitrate), '-bufsize', String(bitrate), ...mp4, `pipe:${pipe}`];
  return ['-hide_banner', '-loglevel', 'error', '-nostdin',
    '-re', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30',
    '-re', '-f', 'lavfi', '-i', 'sine=frequency=330:sample_rate=48000',
    ...RUNGS.flatMap((rung, index) => video(rung.size, rung.bitrate, index + 3)),
    '-map', '1:a', '-c:a', 'aac', '-b:a', String(AUDIO.bitrate), ...mp4, 'pipe:5'];
}
