// Players that are programs. Each plays one output of a channel as a person's would, without a window and a sound card.
//
// A player may say a few things that it says of every live stream, whoever serves it. They are listed word by word;
// everything else that it calls a warning or an error is a fault.

import { chmodSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clock } from './clock.mjs';
import { Program, follow, versionOf } from './program.mjs';

const FFMPEG = process.env.FFMPEG ?? 'ffmpeg';
const VLC = existsSync('/Applications/VLC.app') ? '/Applications/VLC.app/Contents/MacOS/VLC' : 'cvlc';

/** libavformat reads a Media Initialization Section once to see what there is and once to play it, and remarks on it. */
const LIBAVFORMAT = ['Found duplicated MOOV Atom. Skipped it'];

/** VLC without a desktop, with any fragmented MP4, and with a live stream whose first bytes it waited for. */
const VLC_SAYS = ['dbus interface error', 'main interface error: no suitable interface module',
  'main libvlc error: interface "', 'mp4 demux warning: no chunk defined', 'mp4 demux warning: STTS table of 0 entries',
  'faad decoder warning: decoded zero sample', 'pts_delay increased to'];

/** What a player is, how it is asked for its version, and how it plays. */
export const PROGRAMS = [
  {
    name: 'ffmpeg',
    outputs: ['hls', 'ts', 'stream', 'dash'],
    version: () => versionOf(FFMPEG, ['-version'], /^ffmpeg version (\S+)/),
    play: ffmpeg,
  },
  {
    name: 'mpv',
    outputs: ['hls', 'ts', 'stream'],
    version: () => versionOf('mpv', ['--version'], /^mpv v?(\S+)/),
    play: mpv,
  },
  {
    name: 'VLC',
    outputs: ['hls', 'ts', 'stream'],
    version: () => vlcVersion(),
    play: vlc,
  },
  {
    name: 'GStreamer',
    outputs: ['hls', 'ts', 'stream'],
    version: () => versionOf('gst-launch-1.0', ['--version'], /GStreamer (\S+)/),
    play: gstreamer,
  },
];

/** Reads as fast as a viewer watches, and decodes every frame. */
async function ffmpeg(url, seconds) {
  const clock = new Clock();
  const program = new Program(FFMPEG, ['-nostdin', '-hide_banner', '-nostats', '-v', 'repeat+warning', '-stats_period', '0.2',
    '-progress', 'pipe:1', '-re', '-i', url, '-f', 'null', '-'], (line, isError) => {
    const [, time] = /^out_time_us=(\d+)$/.exec(line) ?? [];
    if (time !== undefined) clock.tell(Number(time) / 1e6);
    return !isError;
  });
  const faults = await follow(program, clock, seconds);
  return ended(program, faults, (line) => !knows(LIBAVFORMAT, line));
}

/** Answers over its socket where it is, and whether it waits for media. */
async function mpv(url, seconds) {
  return inFolder(async (folder) => {
    const clock = new Clock();
    const path = join(folder, 'mpv');
    const program = new Program('mpv', ['--no-config', '--no-input-terminal', '--term-status-msg=', '--msg-level=all=warn',
      '--vo=null', '--ao=null', `--input-ipc-server=${path}`, url]);
    const socket = await connected(path, program);
    let text = '';
    socket?.on('data', (bytes) => {
      const lines = (text + bytes).split('\n');
      text = lines.pop();
      for (const { event, name, data } of lines.map((line) => JSON.parse(line))) {
        if (event !== 'property-change') continue;
        if (name === 'time-pos') clock.tell(data);
        if (name === 'paused-for-cache' && data === true) clock.waits();
      }
    });
    const observe = (id, name) => socket?.write(`${JSON.stringify({ command: ['observe_property', id, name] })}\n`);
    observe(1, 'time-pos');
    observe(2, 'paused-for-cache');
    const faults = await follow(program, clock, seconds);
    return ended(program, faults, (line) => !knows(LIBAVFORMAT, line))
      .finally(() => socket?.destroy());
  });
}

async function connected(path, program) {
  for (let left = 100; left > 0 && program.isRunning; left -= 1) {
    const socket = await new Promise((resolve) => {
      const made = createConnection(path, () => resolve(made));
      made.on('error', () => resolve(null));
    });
    if (socket !== null) return socket;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return null;
}

/** Its sound goes into a file at the pace of playback: that is its clock. Its pictures are decoded and shown nowhere. */
async function vlc(url, seconds) {
  return inFolder(async (folder) => {
    const sound = join(folder, 'sound.wav');
    const clock = new Clock();
    const [command, args, options] = unprivileged(['-v', '--vout=dummy', '--aout=afile', `--audiofile-file=${sound}`, url,
      'vlc://quit'], folder);
    const program = new Program(command, args, () => {}, options);
    const written = () => clock.tell(existsSync(sound) ? statSync(sound).size / (48_000 * 4) : NaN);
    const faults = await follow(program, clock, seconds, written);
    return ended(program, faults, (line) => / (error|warning): /.test(line) && !knows(VLC_SAYS, line));
  });
}

function vlcVersion() {
  const [command, args, options] = unprivileged(['--version']);
  return versionOf(command, args, /^VLC version (\S+)/m, options);
}

/** VLC refuses to run as root. */
function unprivileged(args, home = tmpdir()) {
  const options = { env: { ...process.env, HOME: home } };
  if (process.getuid?.() !== 0) return [VLC, args, options];
  return ['setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', '--', VLC, ...args], options];
}

/** A pipeline that builds itself, to sinks that keep time. It says where it is every second. */
async function gstreamer(url, seconds) {
  const clock = new Clock();
  const report = 'progressreport update-freq=1 do-query=false format=time';
  const program = new Program('gst-launch-1.0', ['--no-position', 'playbin3', `uri=${url}`,
    `video-sink=${report} ! fakesink sync=true`, 'audio-sink=fakesink sync=true'], (line) => {
    const [, time] = /^progressreport\d* \([\d:]+\): (\d+) /.exec(line) ?? [];
    if (time !== undefined) clock.tell(Number(time));
    if (line.startsWith('Buffering,')) clock.waits();
    return time !== undefined;
  }, { env: { ...process.env, GST_DEBUG: '1', GST_DEBUG_NO_COLOR: '1', LC_ALL: 'C' } });
  const faults = await follow(program, clock, seconds);
  return ended(program, faults, (line) => /^(ERROR|WARNING)|\b(ERROR|WARN) /.test(line), 'SIGINT');
}

/** Ends a player; what it complained of until then is added to what else is wrong. */
async function ended(program, faults, isComplaint, signal) {
  const complaints = program.lines.filter((line) => line !== '' && isComplaint(line));
  await program.stop(signal);
  return [...faults, ...complaints];
}

function knows(said, line) {
  return said.some((known) => line.includes(known));
}

async function inFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-client-'));
  chmodSync(folder, 0o777);
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
