// The page where operators have tokens, in a real Chromium against a real gateway.
//   node test/operators.mjs --url OPERATORS --viewers VIEWERS --out FOLDER [--browser PATH]
// scripts/operators.sh starts that gateway. Screenshots go to FOLDER; exits 1 when anything failed.

import { Stage } from './page/stage.mjs';
import { check, inChromium, readOptions } from './script.mjs';

const ALICE = 'alice-0123456789abcdef01234';
const READER = 'reader-0123456789abcdef0123';
const options = readOptions({ url: null, viewers: null, out: '.' });

const question = ({ page }) => page.getByRole('dialog', { name: 'Operators only' });
const button = ({ page }) => page.locator('#operator');

await inChromium({ browser: options.browser, viewport: { width: 1280, height: 820 } }, async (context) => {
  const stage = await Stage.open(context, options);
  // Pictures are called after this script.
  stage.picture = (name, more = {}) => stage.page.screenshot({ path: `${options.out}/operators-${name}.png`, ...more });
  await asks(stage);
  await looksOnly(stage);
  await changes(stage);
  await isKept(stage);
  await staysAway(stage);
  check('nothing went wrong in the page', stage.complaints.length === 0, stage.complaints.join('\n'));
});

async function answer(stage, token) {
  await question(stage).getByLabel('Token').fill(token);
  await question(stage).getByRole('button', { name: 'Go on' }).click();
}

/** Whoever comes is asked once, told when they are wrong, and may close the question. */
async function asks(stage) {
  const { page } = stage;
  await stage.go('#/sessions');
  await question(stage).waitFor();
  check('one question is asked', await question(stage).count() === 1);
  check('and nothing is offered behind it', await page.locator('#start-ahead').isHidden());
  check('the field has the focus', await page.evaluate(() => document.activeElement?.getAttribute('name')) === 'token');
  await stage.looks('question');
  await answer(stage, 'nobodys-0123456789abcdef012');
  await stage.sees('a wrong token is said to be one', () => question(stage).getByRole('alert').isVisible());
  await page.keyboard.press('Escape');
  await stage.sees('a closed question says why there is nothing to see', () =>
    page.getByRole('heading', { name: 'For operators only' }).isVisible(), () => page.locator('main').innerText());
  check('nobody is signed in', /Not signed in/.test(await button(stage).innerText()));
  check('what would be refused is not offered', await page.locator('#start-ahead').isHidden());
}

async function looksOnly(stage) {
  const { page } = stage;
  await button(stage).click();
  await answer(stage, READER);
  await stage.sees('the page says who looks', async () => /reader · may look/.test(await button(stage).innerText()));
  await stage.go('#/');
  await stage.sees('channels are shown', () => page.getByText('Test card').first().isVisible());
  await stage.go('#/sessions');
  check('and nothing to change them', await page.locator('#start-ahead').isHidden());
  await stage.go('#/config');
  await stage.sees('the setup is shown', () => page.locator('.facts').first().isVisible());
  check('and nothing to read it again', await page.locator('#reload').isHidden());
  await stage.looks('reader');
}

async function changes(stage) {
  const { page } = stage;
  await button(stage).click();
  await question(stage).waitFor();
  await answer(stage, ALICE);
  await stage.sees('the page says who operates', async () => (await button(stage).innerText()).trim() === 'alice');
  await stage.go('#/sessions');
  await page.locator('#start-ahead').click();
  const dialog = page.getByRole('dialog', { name: 'Start a channel ahead' });
  await dialog.getByRole('button', { name: 'Start', exact: true }).click();
  await stage.sees('a channel is started', () => dialog.getByText('Accepted: it runs until').isVisible());
  await page.keyboard.press('Escape');
  await stage.sees('the event stream tells of it', () =>
    page.locator('.feed li[data-type="operator.acted"]', { hasText: 'alice: start' }).first().isVisible());
  await stage.looks('operator');
}

/** The tab remembers, the address and cookies do not. */
async function isKept(stage) {
  const { page, context } = stage;
  await page.reload();
  await stage.sees('a reload asks nobody', async () => (await button(stage).innerText()).trim() === 'alice');
  check('no question is open', await question(stage).count() === 0);
  check('no token is in the address', !page.url().includes('alice'));
  check('there are no cookies', (await context.cookies()).length === 0);
  const audit = await fetch(`${options.url}/api/v1/audit`, { headers: { Authorization: `Bearer ${READER}` } });
  const { items } = await audit.json();
  check('the change is in the audit log', items.some((item) => item.operator === 'alice' && item.action === 'start'),
    JSON.stringify(items));
  await page.goto(`${options.url}/api/`);
  await stage.sees('the page of the API reads its description with the token', () =>
    page.locator('.operation').first().isVisible());
  await page.goto(`${options.url}/#/watch/testcard`);
  await page.keyboard.press('s');
  const share = page.getByRole('dialog', { name: 'Share Test card' });
  await share.waitFor();
  const links = await share.locator('.address a').evaluateAll((all) => all.map((link) => link.href));
  check('players are sent where viewers are served', links[1] === `${options.viewers}/live/testcard/index.m3u8`, links[1]);
  await page.keyboard.press('Escape');
}

/** Viewers' address has no page, and the page forgets when it is told to. */
async function staysAway(stage) {
  const { page } = stage;
  check('viewers have no page', (await fetch(`${options.viewers}/`)).status === 404);
  await stage.go('#/sessions');
  await button(stage).click();
  await question(stage).waitFor();
  const kept = await page.evaluate(() => sessionStorage.length);
  check('a forgotten token is gone', kept === 0, `${kept}`);
}
