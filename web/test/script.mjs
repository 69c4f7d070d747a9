// What the browser scripts share: options, a Chromium of their own, checks that are counted and printed, and waiting.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

/** A browser that asks nobody for anything: whatever moves on the network is the page's doing. */
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

let passed = 0;
let failed = 0;

/** The options of this process: names with their defaults, `null` for none. Others are refused. */
export function readOptions(defaults) {
  const options = Object.fromEntries(Object.entries({ browser: '/usr/bin/chromium', ...defaults }).map(
    ([name, value]) => [name, value === null ? { type: 'string' } : { type: 'string', default: value }]));
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${error.message}; see the head of ${process.argv[1]}`);
    process.exit(2);
  }
}

/** Runs `body` with a fresh Chromium, then `cleanUp`; prints `N passed, N failed` and ends the process accordingly. */
export async function inChromium({ browser, viewport, args = [] }, body, cleanUp = async () => {}) {
  const profile = await mkdtemp(join(tmpdir(), 'headgate-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browser,
    headless: true,
    ...(viewport && { viewport }),
    args: [...ARGUMENTS, ...args],
  });
  try {
    await body(context);
  } catch (error) {
    check('the script reached its end', false, error.stack);
  } finally {
    await context.close();
    await cleanUp();
    await rm(profile, { recursive: true, force: true });
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

/** The page that a fresh Chromium shows. */
export async function firstPage(context) {
  return context.pages()[0] ?? (await context.newPage());
}

export function check(name, good, detail = '') {
  if (good) passed += 1;
  else failed += 1;
  console.log(`  ${good ? 'ok  ' : 'FAIL'} ${name}${detail ? `: ${detail}` : ''}`);
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `holds` answers something true, and answers it. */
export async function until(what, ms, holds) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    const answer = await holds();
    if (answer) return answer;
    await pause(50);
  }
  throw new Error(`${what}: not within ${ms} ms`);
}
