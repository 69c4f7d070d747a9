// One tab stop for a whole grid; the arrows move inside it, by what is above and below on the screen.

export class Roving {
  private current: HTMLElement | null = null;

  constructor(
    private readonly place: HTMLElement,
    private readonly selector: string,
  ) {
    place.addEventListener('keydown', (event) => this.onKey(event));
    place.addEventListener('focusin', (event) => {
      const item = event.target instanceof Element ? event.target.closest<HTMLElement>(selector) : null;
      if (item) this.mark(item);
    });
  }

  /** After the items changed: exactly one of them can be reached with Tab. */
  refresh(): void {
    const items = this.items();
    for (const item of items) item.tabIndex = -1;
    const kept = this.current && items.includes(this.current) ? this.current : items[0];
    this.current = null;
    if (kept) this.mark(kept);
  }

  enter(): void {
    this.current?.focus();
  }

  private items(): HTMLElement[] {
    return [...this.place.querySelectorAll<HTMLElement>(this.selector)];
  }

  private mark(item: HTMLElement): void {
    if (this.current) this.current.tabIndex = -1;
    item.tabIndex = 0;
    this.current = item;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.current) return;
    const items = this.items();
    const at = items.indexOf(this.current);
    const next = this.target(event.key, items, at);
    if (event.key === ' ') this.current.click();
    else if (!next) return;
    event.preventDefault();
    next?.focus();
    next?.scrollIntoView({ block: 'nearest' });
  }

  private target(key: string, items: HTMLElement[], at: number): HTMLElement | undefined {
    switch (key) {
      case 'ArrowRight':
        return items[at + 1];
      case 'ArrowLeft':
        return items[at - 1];
      case 'Home':
        return items[0];
      case 'End':
        return items[items.length - 1];
      case 'ArrowDown':
        return nearest(items, at, 1);
      case 'ArrowUp':
        return nearest(items, at, -1);
      default:
        return undefined;
    }
  }
}

/** The item of the next row (or the one before) whose middle is closest. */
function nearest(items: HTMLElement[], at: number, direction: 1 | -1): HTMLElement | undefined {
  const here = items[at]?.getBoundingClientRect();
  if (!here) return undefined;
  let row: number | null = null;
  let best: HTMLElement | undefined;
  let distance = Infinity;
  for (let index = at + direction; items[index]; index += direction) {
    const item = items[index] as HTMLElement;
    const box = item.getBoundingClientRect();
    if ((box.top - here.top) * direction < 2) continue;
    row ??= box.top;
    if (Math.abs(box.top - row) > 2) break;
    const off = Math.abs(box.left - here.left);
    if (off < distance) [best, distance] = [item, off];
  }
  return best;
}
