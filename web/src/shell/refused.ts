// Says on every view that the configuration's file is refused and an older one is in force.

import { getConfig } from '../api/client';
import { fill, h } from '../base/dom';
import { clock } from '../base/format';
import { poll } from '../base/poll';

const EVERY_MS = 10_000;

export function refusedBanner(): HTMLElement {
  const banner = h('div', { class: 'banner refused', role: 'alert', hidden: true });
  let shown = '';
  poll({
    every: () => EVERY_MS,
    ask: async (signal) => {
      const error = (await getConfig(signal)).last_error ?? null;
      const now = JSON.stringify(error);
      if (now === shown) return; // What is read aloud must not be read again.
      shown = now;
      banner.hidden = error === null;
      if (error === null) return;
      fill(banner, h('div', {},
        h('b', {}, 'The configuration was not taken'),
        h('p', {}, `Since ${clock(error.at)} the file has been wrong, and the one before stays in force.`),
        h('p', { class: 'refused-why' }, error.message)));
    },
    // Whether the gateway answers is said by the views.
    failed: () => undefined,
  });
  return banner;
}
