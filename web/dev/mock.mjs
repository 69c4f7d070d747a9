// A stand-in for the gateway, to look at the page: its API's JSON, its CSP, and live channels from dev/live.mjs.
//   node dev/mock.mjs [--port 8090]

import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Live } from './live.mjs';

const DIST = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const PORT = Number(process.argv[process.argv.indexOf('--port') + 1]) || 8090;
const GRACE_MS = 20_000;
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http:; media-src 'self' blob:; " +
  "connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json' };

/** `plays` channels start for real; `slow` ones refuse twice first; the others only show what a state looks like. */
const CHANNELS = [
  { id: 'testcard', name: 'Test card', number: 1, group: 'House', plays: true },
  { id: 'harbour', name: 'Harbour camera', number: 2, group: 'House', plays: true },
  { id: 'slow', name: 'Slow starter', number: 3, group: 'House', plays: true, slow: true },
  { id: 'news', name: 'News 24', number: 7, group: 'News', state: 'active', viewers: 1284 },
  { id: 'markup', name: '<img src=x onerror=alert(1)>', number: 8, group: '<b>News</b>', state: 'starting' },
  { id: 'arte', name: 'A channel with a name that is far too long for its card', number: 104, group: 'News', state: 'idle' },
  { id: 'weather', name: 'Weather', number: 12, group: 'News', state: 'failed',
    reason: 'the source does not deliver: connection refused (rtsp://***@10.0.0.7/weather)' },
  { id: 'cinema', name: 'Kino Światowid', number: 20, group: 'News', state: 'stopping' },
];
const running = new Map();
const refusals = new Map();

function session(channel) {
  const live = running.get(channel.id);
  const base = { id: randomIdOf(channel.id), channel: channel.id, renditions: [], history: [], error_count: 0, last_error: null };
  if (!live) {
    if (!channel.state || channel.state === 'idle') return null;
    const failed = channel.state === 'failed';
    return { ...base, state: channel.state, reason: channel.reason ?? 'as configured',
      started_at: new Date(Date.now() - 7.3e6).toISOString(),
      viewers: channel.viewers ?? 0, source: 'rtsp://***@10.0.0.7/weather', error_count: failed ? 4 : 0,
      last_error: failed ? 'ffmpeg exited with status 1: Connection refused' : null };
  }
  const tracks = [...live.tracks.values()];
  return { ...base, id: live.uuid, state: live.firstPartMs === null ? 'starting' : 'active',
    reason: live.firstPartMs === null ? 'waiting for the first Partial Segment' : `${live.watching()} watch`,
    started_at: new Date(live.startedAt).toISOString(), last_access: new Date(live.lastAccess).toISOString(),
    idle_for: (Date.now() - live.lastAccess) / 1000, viewers: live.watching(), source: 'testcard:',
    encoder: {
      pid: live.child.pid, cage: 'enforced', speed: 1.0, fps: 30, restarts: 0, cpu: 0.41, memory: 93 * 2 ** 20, last_lines: [],
    },
    renditions: tracks.map(({ rung, measured }, index) => ({ name: rung.name, kind: rung.size ? 'video' : 'audio',
      resolution: rung.size ?? null, frame_rate: rung.size ? 30 : null, codecs: rung.size ? 'avc1.42c01f' : 'mp4a.40.2',
      target_bitrate: rung.bitrate, measured_bitrate: measured.call(tracks[index]) })),
    first_part_ms: live.firstPartMs, memory_bytes: 14 * 2 ** 20, bytes_sent: live.sent, blocked_requests: 2,
    history: [{ at: new Date(live.startedAt).toISOString(), what: 'first viewer: starting ffmpeg' },
      { at: new Date(live.startedAt + (live.firstPartMs ?? 0)).toISOString(), what: 'first Partial Segment: active' }] };
}

const randomIdOf = (id) => `00000000-0000-4000-8000-${Buffer.from(id.padEnd(6)).toString('hex').slice(0, 12)}`;

function channelJson({ id, name, number, group, state, viewers }) {
  const now = session(CHANNELS.find((channel) => channel.id === id));
  return { id, name, logo: null, number, group, state: now?.state ?? state ?? 'idle', viewers: now?.viewers ?? viewers ?? 0,
    now: id === 'news' ? programme('World today', 0) : null, next: id === 'news' ? programme('Markets', 1) : null,
    session: now };
}

function programme(title, hours) {
  const start = Math.floor(Date.now() / 3.6e6 + hours) * 3.6e6;
  return { title, start: new Date(start).toISOString(), stop: new Date(start + 3.6e6).toISOString() };
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => refuse(response, 500, String(error)));
});

async function answer(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  if (parts[0] === 'live') return live(request, response, parts, url.searchParams);
  if (parts[0] === 'api') return api(request, response, parts.slice(2));
  const path = url.pathname === '/' ? '/index.html' : normalize(url.pathname);
  const body = await readFile(join(DIST, path)).catch(() => null);
  if (!body) return refuse(response, 404, 'there is nothing here');
  response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP });
  return response.end(body);
}

function api(request, response, [kind, id, action]) {
  if (kind === 'channels') {
    if (!id) return json(response, { items: CHANNELS.map(channelJson), total: CHANNELS.length, next: null });
    const channel = CHANNELS.find((one) => one.id === id);
    return channel ? json(response, channelJson(channel)) : refuse(response, 404, `there is no channel "${id}"`);
  }
  if (kind === 'config') return json(response, { file: 'mock.toml', channels: [], last_error: null });
  const sessions = CHANNELS.map(session).filter(Boolean);
  if (kind !== 'sessions') return refuse(response, 404, 'there is nothing here');
  if (!id) return json(response, { items: sessions, total: sessions.length, next: null });
  const found = sessions.find((one) => one.id === id);
  if (!found) return refuse(response, 404, 'there is no such session');
  running.get(found.channel)?.stop();
  running.delete(found.channel);
  if (action === 'restart') start(found.channel);
  return json(response, {});
}

async function live(request, response, [, id, ...rest], query) {
  const channel = CHANNELS.find((one) => one.id === id);
  if (!channel) return refuse(response, 404, `there is no channel "${id}"`);
  if (channel.state === 'failed') return refuse(response, 503, channel.reason, { 'Retry-After': '5' });
  if (!channel.plays) return refuse(response, 503, 'this channel is only painted', { 'Retry-After': '5' });
  const refused = refusals.get(id) ?? 0;
  if (channel.slow && refused < 2 && !running.has(id)) {
    refusals.set(id, refused + 1);
    return refuse(response, 503, 'the source has not delivered yet', { 'Retry-After': '2' });
  }
  const session = running.get(id) ?? start(id);
  session.touch(request.headers['user-agent']);
  if (rest.join('/') === 'index.m3u8') {
    await session.ready();
    return send(response, session, session.master(), 'application/vnd.apple.mpegurl');
  }
  const track = session.tracks.get(rest[0]);
  if (!track) return refuse(response, 404, 'there is no such rendition');
  if (rest[1] !== 'index.m3u8') {
    const bytes = track.file(rest[1]);
    return bytes ? send(response, session, bytes, 'video/mp4') : refuse(response, 404, 'not available');
  }
  const msn = query.has('_HLS_msn') ? Number(query.get('_HLS_msn')) : null;
  const part = query.has('_HLS_part') ? Number(query.get('_HLS_part')) : null;
  if (msn !== null) await track.until(() => track.has(msn, part));
  else await track.until(() => track.segments.length > 0);
  return send(response, session, track.playlist(), 'application/vnd.apple.mpegurl');
}

function start(id) {
  const session = Object.assign(new Live(id), { uuid: randomUUID() });
  running.set(id, session);
  return session;
}

function send(response, session, body, type) {
  session.sent += body.length;
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-cache' });
  response.end(body);
}

function json(response, value) {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
}

function refuse(response, status, message, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { code: 'mock', message, details: {} } }));
}

setInterval(() => {
  for (const [id, session] of running) {
    if (Date.now() - session.lastAccess < GRACE_MS) continue;
    session.stop();
    running.delete(id);
    refusals.delete(id);
  }
}, 2000).unref();

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const session of running.values()) session.stop();
    process.exit(0);
  });
}
server.listen(PORT, '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}/`));
