// Recent pictures of the channels that run: asked for only where they are seen, some seconds apart, and again only when
// they changed (ETag). Painted on a canvas, so that the page's policy need not allow pictures out of memory.

import { mediaPrefix } from '../base/token';

const EVERY_MS = 10_000;
const LOOK_MS = 1000;
const AT_ONCE = 3;
const PATIENCE_MS = 12_000;

interface Entry {
  canvas: HTMLCanvasElement;
  channel: string;
  runs: boolean;
  seen: boolean;
  etag: string;
  dueAt: number;
  asking: boolean;
}

export class Thumbnails {
  private readonly entries = new Map<Element, Entry>();
  private readonly observer: IntersectionObserver;
  private readonly ticker: ReturnType<typeof setInterval>;
  private readonly leaving = new AbortController();
  private asking = 0;

  constructor() {
    this.observer = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) {
        const entry = this.entries.get(target);
        if (entry) entry.seen = isIntersecting;
      }
      this.look();
    }, { rootMargin: '100px' });
    this.ticker = setInterval(() => this.look(), LOOK_MS);
    document.addEventListener('visibilitychange', () => this.look(), { signal: this.leaving.signal });
  }

  /** Shows pictures of a channel on `canvas` while it `runs`; call again when that changes. */
  show(canvas: HTMLCanvasElement, channel: string, runs: boolean): void {
    // What is not painted yet has no place on the screen; its frame has.
    const frame = canvas.parentElement ?? canvas;
    let entry = this.entries.get(frame);
    if (!entry) {
      entry = { canvas, channel, runs, seen: false, etag: '', dueAt: 0, asking: false };
      this.entries.set(frame, entry);
      this.observer.observe(frame);
    }
    if (entry.runs && !runs) this.forget(entry);
    entry.runs = runs;
  }

  stop(): void {
    clearInterval(this.ticker);
    this.leaving.abort();
    this.observer.disconnect();
  }

  private look(): void {
    if (document.hidden) return;
    const now = performance.now();
    const due = [...this.entries.values()]
      .filter((one) => one.runs && one.seen && !one.asking && one.dueAt <= now)
      .sort((a, b) => a.dueAt - b.dueAt);
    for (const entry of due.slice(0, Math.max(0, AT_ONCE - this.asking))) void this.ask(entry);
  }

  private async ask(entry: Entry): Promise<void> {
    entry.asking = true;
    this.asking += 1;
    try {
      await this.fetch(entry);
    } catch {
      // No picture is no trouble: the drawn one is there.
    }
    entry.asking = false;
    entry.dueAt = performance.now() + EVERY_MS;
    this.asking -= 1;
  }

  private async fetch(entry: Entry): Promise<void> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), PATIENCE_MS);
    const stop = (): void => deadline.abort();
    this.leaving.signal.addEventListener('abort', stop);
    try {
      const headers: Record<string, string> = entry.etag === '' ? {} : { 'If-None-Match': entry.etag };
      const url = `${mediaPrefix()}/live/${encodeURIComponent(entry.channel)}/thumbnail.jpg`;
      const response = await fetch(url, { headers, signal: deadline.signal, cache: 'no-store' });
      if (response.status === 304) return;
      if (!response.ok) return this.forget(entry);
      const picture = await createImageBitmap(await response.blob());
      if (!entry.runs) return;
      entry.etag = response.headers.get('ETag') ?? '';
      paint(entry.canvas, picture);
    } finally {
      clearTimeout(timer);
      this.leaving.signal.removeEventListener('abort', stop);
    }
  }

  private forget(entry: Entry): void {
    entry.etag = '';
    entry.canvas.hidden = true;
  }
}

function paint(canvas: HTMLCanvasElement, picture: ImageBitmap): void {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext('2d')?.drawImage(picture, 0, 0);
  picture.close();
  canvas.hidden = false;
}
