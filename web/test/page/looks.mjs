// Every view on a phone: nothing is wider than the screen, and what can be touched is large enough.

import { check } from '../script.mjs';

const PHONE = { width: 390, height: 844 };
/** The narrowest that anybody has (WCAG 2.2, 1.4.10). */
const NARROW = { width: 320, height: 640 };
const DESK = { width: 1280, height: 820 };
/** Of a target, in CSS pixels (WCAG 2.2, 2.5.8). */
const LEAST = 24;

export async function fits(stage) {
  const { page } = stage;
  await page.setViewportSize(PHONE);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const views = [['channels', '#/', 'a.card'], ['player', '#/watch/testcard', '.gauges'], ['sessions', '#/sessions', '.session'],
    ['setup', '#/config', '.facts'], ['failed', '#/watch/broken', '.veil-card']];
  for (const [name, hash, ready] of views) {
    await stage.go(hash);
    await page.locator(ready).first().waitFor();
    if (name === 'player') await stage.playing();
    if (name === 'sessions') await page.locator('.session summary').first().click();
    await page.waitForTimeout(600);
    check(`${name} fits a phone`, await tooWide(page) <= 0, `${await tooWide(page)} px too wide`);
    const small = await page.evaluate((least) => [...document.querySelectorAll('button, select, .masthead a')]
      .filter((one) => one.checkVisibility() && Math.min(one.offsetWidth, one.offsetHeight) < least)
      .map((one) => one.getAttribute('aria-label') ?? one.textContent), LEAST);
    check(`${name}: a finger hits every button`, small.length === 0, small.join());
    await stage.picture(`${name}-phone`);
    await page.setViewportSize(NARROW);
    check(`${name} fits ${NARROW.width} px`, await tooWide(page) <= 0, `${await tooWide(page)} px too wide`);
    await page.setViewportSize(PHONE);
  }
  await page.keyboard.press('?');
  await stage.picture('keyboard-phone');
  await page.keyboard.press('Escape');
  await page.emulateMedia({ reducedMotion: null });
  await page.setViewportSize(DESK);
}

const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
