// What every act of the page's test uses: the page, its gateway's API, pictures, and axe.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { check, firstPage, until } from '../script.mjs';

/** Far above what is wanted: a busy machine must not fail what works. */
export const PATIENCE_MS = 40_000;

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class Stage {
  /** What nobody wants to read in a console: errors of the page and violations of its policy. */
  complaints = [];

  static async open(context, options) {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: options.url });
    return new Stage(context, await firstPage(context), options);
  }

  constructor(context, page, { url, config, out }) {
    Object.assign(this, { context, page, config, out, url: url.replace(/\/$/, '') });
    this.listen(page);
  }

  listen(page) {
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      // What a server refuses is part of the plays here; the page must cope, not be silent.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) this.complaints.push(message.text());
    });
  }

  async go(hash) {
    await this.page.goto(`${this.url}/${hash}`);
  }

  /** The gateway's API. */
  async ask(path, init) {
    const response = await fetch(`${this.url}/api/v1${path}`, init);
    return response.status === 204 ? null : response.json();
  }

  async session(channel) {
    return (await this.ask(`/channels/${channel}`)).session;
  }

  /** Opens a channel and waits until its picture moves. */
  async watch(channel, page = this.page) {
    await page.goto(`${this.url}/#/watch/${channel}`);
    await this.playing(page);
  }

  async playing(page = this.page) {
    await page.waitForFunction(() => window.__headgate?.stats()?.playing, undefined, { timeout: PATIENCE_MS, polling: 50 });
  }

  stats(page = this.page) {
    return page.evaluate(() => window.__headgate.stats());
  }

  async picture(name, options = {}) {
    await this.page.screenshot({ path: join(this.out, `page-${name}.png`), ...options });
  }

  /** A picture in both colours, and what axe has to say about each. */
  async looks(name, options = {}) {
    for (const colorScheme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await this.page.waitForFunction((theme) => document.documentElement.dataset.theme === theme, colorScheme);
      await this.picture(`${name}-${colorScheme}`, options);
      const faults = await this.faults();
      check(`${name} in ${colorScheme} colours: axe finds nothing serious`, faults.length === 0, faults.join('\n'));
    }
    await this.page.emulateMedia({ colorScheme: null, reducedMotion: null });
  }

  /** What axe calls serious or critical. */
  async faults() {
    // By the debugger's door: the page's policy lets no foreign script in.
    if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').flatMap(({ id, impact, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${impact} ${id}: ${target.join(' ')} ${failureSummary.replace(/\s+/g, ' ')}`));
  }

  /** Waits until `holds` does; a check that says how it ended. */
  async sees(what, holds, detail = () => '') {
    const seen = await until(what, PATIENCE_MS, holds).then(() => true, () => false);
    check(what, seen, await detail());
    return seen;
  }
}
