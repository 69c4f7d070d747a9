// Uses every view of the page in a real Chromium, as viewers and operators do, against a real gateway.
//   node test/page.mjs --url http://127.0.0.1:8080 --config FILE --out FOLDER [--browser PATH]
// FILE is the configuration of that gateway (scripts/page.sh writes it); it is spoilt for a moment and mended again.
// Screenshots go to FOLDER. Prints what it saw and `N passed, N failed`; exits 1 when anything failed.

import { Stage } from './page/stage.mjs';
import { finds, loads, pictures, survivesOffline } from './page/channels.mjs';
import { fits } from './page/looks.mjs';
import { configures, failsOver, kicksAndStops, restarts, startsAhead } from './page/operator.mjs';
import { plays, shares, showsFigures, switchesQuality, tellsWhatItWaitsFor } from './page/player.mjs';
import { check, inChromium, readOptions } from './script.mjs';

const options = readOptions({ url: 'http://127.0.0.1:8080', config: null, out: '.' });
const chromium = {
  browser: options.browser,
  viewport: { width: 1280, height: 820 },
  args: ['--autoplay-policy=no-user-gesture-required'],
};

await inChromium(chromium, async (context) => {
  const stage = await Stage.open(context, options);
  await loads(stage);
  await finds(stage);
  await plays(stage);
  await switchesQuality(stage);
  await showsFigures(stage);
  await shares(stage);
  await pictures(stage);
  await tellsWhatItWaitsFor(stage);
  await startsAhead(stage);
  await failsOver(stage);
  await restarts(stage);
  await fits(stage);
  await kicksAndStops(stage);
  await configures(stage);
  await survivesOffline(stage);
  check('nothing went wrong in the page', stage.complaints.length === 0, stage.complaints.join('\n'));
});
