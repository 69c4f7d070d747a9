// Addresses of a channel to hand to other players and other people.

import { h } from '../base/dom';
import { getConfig } from '../api/client';
import { linksOf, playersOrigin, playlistFile, vlcLink } from '../base/links';
import type { Link, Served } from '../base/links';
import { mediaPrefix } from '../base/token';
import { copyButton } from '../shell/clipboard';
import { openDialog } from '../shell/dialog';

export async function showShare(id: string, name: string): Promise<void> {
  const served = await whereServed();
  if (document.querySelector('dialog[open]')) return;
  const links = linksOf(playersOrigin(location, served), id, { page: location.origin, prefix: mediaPrefix() });
  const hls = links.find((link) => link.name === 'HLS')?.url ?? '';
  const dialog = h('dialog', { class: 'dialog share', 'aria-labelledby': 'share-title' },
    h('form', { method: 'dialog' },
      h('h2', { id: 'share-title' }, `Share ${name}`),
      h('div', { class: 'addresses' }, ...links.map(address)),
      h('div', { class: 'dialog-actions' },
        h('button', { class: 'button', value: 'close', autofocus: true }, 'Close'),
        h('button', { class: 'button', type: 'button', on: { click: () => download(`${id}.m3u`, playlistFile(name, hls)) } },
          'Save for VLC (.m3u)'),
        h('a', { class: 'button', href: vlcLink(hls) }, 'Open in VLC'))));
  dialog.addEventListener('close', () => dialog.remove());
  openDialog(dialog);
}

async function whereServed(): Promise<Served | null> {
  try {
    const { server, operators } = await getConfig();
    const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
    const viewers = text(server?.['listen']);
    if (viewers === null || !operators) return null;
    return { publicUrl: text(server?.['public_url']), viewers, operators: operators.listen };
  } catch {
    return null;
  }
}

function address({ name, url, hint }: Link): HTMLElement {
  return h('div', { class: 'address' },
    h('div', {}, h('b', {}, name), h('small', {}, hint)),
    h('a', { href: url, title: url }, url.replace(/^https?:\/\//, '')),
    copyButton(`Copy the address: ${name}`, () => url));
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'audio/x-mpegurl' }));
  const link = h('a', { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
