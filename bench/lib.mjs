// What every measurement needs: a gateway of its own, bounded waiting, medians, a table, a file with the numbers.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', 'release');
export const GATEWAY = process.env.HEADGATE ?? join(TARGET, 'headgate');
export const FFMPEG = process.env.FFMPEG ?? 'ffmpeg';
export const example = (name) => join(TARGET, 'examples', name);

/** Cores: the server has the first, the load the second; with one core both share it, and the numbers say so. */
export const SERVER_CORE = 0;
export const LOAD_CORE = (availableParallelism?.() ?? cpus().length) > 1 ? 1 : 0;

const children = new Set();
const folders = new Set();

// === Processes and folders that go away with this one ===

/** A folder in memory where there is one. */
export function scratch(name) {
  let parent = tmpdir();
  try {
    parent = mkdtempSync('/dev/shm/headgate-bench-');
  } catch {
    parent = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
  }
  folders.add(parent);
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  execFileSync('chmod', ['755', parent, folder]);
  return folder;
}

/** Starts a program on one core; it is stopped when the measurement ends, however it ends. */
export function start(core, program, args, options = {}) {
  const command = core === null ? [program, ...args] : ['taskset', '-c', String(core), program, ...args];
  const child = spawn(command[0], command.slice(1), { stdio: 'ignore', ...options });
  child.on('error', (error) => {
    console.error(`${program}: ${error.message}`);
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** TERM, ten seconds, KILL; answers when the process is gone. */
export async function stop(child) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(late);
}

export async function stopAll() {
  await Promise.all([...children].map(stop));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** A gateway with its own configuration (a text without `listen`), on the server's core unless told otherwise. */
export async function gateway(name, config, { core = SERVER_CORE } = {}) {
  const folder = scratch(name);
  const file = join(folder, 'channels.toml');
  writeFileSync(file, config);
  const log = join(ROOT, 'bench/out', `${name}.log`);
  mkdirSync(dirname(log), { recursive: true });
  const port = await freePort();
  const child = start(core, GATEWAY, ['serve', '--config', file, '--listen', `127.0.0.1:${port}`],
    { stdio: ['ignore', 'ignore', openSync(log, 'w')] });
  const url = `http://127.0.0.1:${port}`;
  await until(`the gateway answers (its log: ${log})`, 10_000, async () => {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}; its log: ${log}`);
    return (await code(`${url}/healthz`)) === 200;
  });
  return { child, file, folder, log, pid: child.pid, port, url };
}

// === Asking ===

async function code(url) {
  return fetch(url, { signal: AbortSignal.timeout(2000) }).then((answer) => answer.status, () => 0);
}

export async function get(url, wait = 20_000) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(wait), headers: { 'accept-encoding': 'identity' } });
  const body = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${body.toString().slice(0, 200)}`);
  return body;
}

export const text = async (url, wait) => (await get(url, wait)).toString();

/** Waits until `probe` answers something true; looks again every 20 ms, and gives up after `wait` ms. */
export async function until(what, wait, probe) {
  const end = Date.now() + wait;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${wait / 1000} s`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** The sessions that exist. */
export async function sessions(url) {
  return JSON.parse(await text(`${url}/api/v1/sessions?limit=100`)).items;
}

/** Stops every session and waits until none is left that runs. */
export async function stopSessions(url) {
  for (const session of await sessions(url)) {
    await fetch(`${url}/api/v1/sessions/${session.id}`, { method: 'DELETE', signal: AbortSignal.timeout(10_000) });
  }
  await until('sessions stop', 15_000, async () =>
    (await sessions(url)).every((session) => session.state === 'idle' || session.state === 'failed'));
}

// === Playlists, as far as a measurement reads them ===

/** Absolute URLs of the renditions in a Multivariant Playlist, best first. */
export function variants(playlist, url) {
  const lines = playlist.split('\n');
  return lines.flatMap((line, at) =>
    line.startsWith('#EXT-X-STREAM-INF') ? [new URL(lines[at + 1].trim(), url).href] : []);
}

/** What a Media Playlist offers: segments and parts, oldest first, as absolute URLs. */
export function media(playlist, url) {
  const absolute = (uri) => new URL(uri, url).href;
  const lines = playlist.split('\n').map((line) => line.trim());
  const parts = lines.filter((line) => line.startsWith('#EXT-X-PART:')).map((line) => ({
    url: absolute(/URI="([^"]+)"/.exec(line)[1]),
    duration: Number(/DURATION=([0-9.]+)/.exec(line)[1]),
  }));
  const segments = lines.filter((line) => line && !line.startsWith('#')).map(absolute);
  return { parts, segments };
}

// === Numbers ===

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Resident memory of a process, MiB. */
export function residentMib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

/** Prints rows under a head, the first column to the left. */
export function table(title, head, rows) {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) => '  ' + row.map((cell, column) =>
    column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join('  ');
  console.log(`\n${title}\n${line(all[0])}\n  ${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  for (const row of all.slice(1)) console.log(line(row));
}

/** A wanted value: `['<=', 100]` or `['>=', 0.9]`. */
export function verdict(value, [sign, wanted]) {
  const good = sign === '<=' ? value <= wanted : value >= wanted;
  return `${good ? 'ok' : 'MISSED'} (${sign} ${wanted})`;
}

export function save(name, numbers) {
  const file = join(ROOT, 'bench/out', `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  const about = { at: new Date().toISOString(), cores: cpus().length, cpu: cpus()[0]?.model };
  writeFileSync(file, `${JSON.stringify({ ...about, ...numbers }, null, 2)}\n`);
}
