// Plays a channel with real clients, each in every output that it is made for, against a running gateway.
//   node test/clients.mjs --url http://127.0.0.1:8080 --channel testcard --seconds 30 --template FILE --out FILE
//     [--only NAME] [--browser PATH]
// Writes the table of clients, versions and results into a copy of the template; prints `N passed, N failed`; exits 1
// when anything failed.

import { SCRIPTS, browserVersion, playInBrowser, servePages } from './clients/browser.mjs';
import { PROGRAMS } from './clients/programs.mjs';
import { OUTPUTS, writeTable } from './clients/table.mjs';
import { readOptions } from './script.mjs';
import { Witness } from './witness.mjs';

const ATTEMPTS = 3;

/** Browsers at a time. The programs need little and play all at once. */
const BROWSERS = 4;

/** Clients at a time that play again. */
const AGAIN = 3;

let wasStarved = false;
const options = readOptions({ url: 'http://127.0.0.1:8080', channel: 'testcard', seconds: '30', template: null, out: null,
  only: null });
const seconds = Number(options.seconds);
const pages = await servePages();
const clients = [...PROGRAMS, ...SCRIPTS]
  .filter(({ name }) => !options.only || name === options.only)
  .map((client) => ({ ...client, version: client.version(), results: {} }));
const plays = clients.flatMap((client) => client.outputs.map((output) => ({ client, output })));
await isRunning();
const programs = plays.filter(({ client }) => client.play !== undefined);
const scripts = plays.filter(({ client }) => client.play === undefined);
await inTurns(programs, programs.length);
await inTurns(scripts, BROWSERS);
const refused = await refusals();
pages.close();
pages.closeAllConnections();
report();

/** So that no client waits for the encoder: what a start is like has its own tests. */
async function isRunning() {
  const answer = await fetch(`${options.url}/live/${options.channel}/index.m3u8`);
  if (!answer.ok) throw new Error(`${options.channel} does not start: ${answer.status} ${await answer.text()}`);
  await new Promise((resolve) => setTimeout(resolve, 6000));
}

/** Lets so many play at a time. */
async function inTurns(waiting, count) {
  for (let first = 0; first < waiting.length; first += count) {
    await together(waiting.slice(first, first + count), 1);
  }
}

/** Stalls on a machine without time say nothing: then those that stalled play again. */
async function together(group, attempt) {
  const witness = new Witness(options.url, options.channel);
  await Promise.all(group.map(async ({ client, output }) => {
    client.results[output] = await play(client, output).catch((error) => [error.message]);
  }));
  const starved = await witness.verdict();
  wasStarved ||= starved !== null;
  const failed = group.filter(({ client, output }) => client.results[output].length > 0);
  if (failed.length > 0 && starved !== null && attempt < ATTEMPTS) {
    for (const { client, output } of failed) {
      console.log(`       ${client.name}, ${OUTPUTS[output].title}: ${client.results[output].slice(0, 3).join('; ')}`);
    }
    console.log(`       the machine was starved (${starved}): ${failed.length} play again`);
    for (let first = 0; first < failed.length; first += AGAIN) {
      await together(failed.slice(first, first + AGAIN), attempt + 1);
    }
  }
}

async function play(client, output) {
  const url = `${options.url}/live/${options.channel}/${OUTPUTS[output].path}`;
  if (client.version === null) return [`${client.name} is not installed`];
  if (client.play !== undefined) return client.play(url, seconds);
  return playInBrowser(client, { url, output, seconds, browser: options.browser, pages });
}

/** What clients asked for and did not get, by the gateway's own count. */
async function refusals() {
  const text = await (await fetch(`${options.url}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith('headgate_http_requests_total{') &&
    /"[45]\d\d"/.test(line) && !/ 0$/.test(line));
}

async function report() {
  let failed = 0;
  let passed = 0;
  const say = (what, faults) => {
    if (faults.length === 0) passed += 1;
    else failed += 1;
    console.log(`  ${faults.length === 0 ? 'ok  ' : 'FAIL'} ${what}${faults.length ? `: ${faults.slice(0, 5).join('; ')}` : ''}`);
  };
  for (const { client, output } of plays) {
    say(`${client.name} ${client.version}, ${OUTPUTS[output].title}`, client.results[output]);
  }
  // A gateway that stood still has old playlists, and refuses to give them out.
  if (!wasStarved) say('nobody asked for what is not there', refused);
  if (options.template && options.out) {
    const browser = await browserVersion(options.browser);
    writeTable({ template: options.template, out: options.out, clients, seconds, browser });
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
