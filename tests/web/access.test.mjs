// Everybody can use it: enlarged, on the narrowest screen, in forced colours, without motion, by keyboard.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const pictures = path.join(path.dirname(h.siteFolder), 'screenshots');
let browser, server, axe;
/** The app with two photos judged, one for all: its start takes most of the time. */
let app, appContext;
before(async () => {
  await mkdir(pictures, { recursive: true });
  axe = await readFile(h.require.resolve('axe-core/axe.min.js'), 'utf8');
  server = await h.serve();
  browser = await h.launch();
  ({ page: app, context: appContext } = await h.openPage(browser, { reducedMotion: 'reduce' }));
  await h.openApp(app, server.url);
  await h.pickAndAnswer(app, h.anyPhotos.at(-1));
  await h.pickAndAnswer(app, h.samples[0]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const PAGES = [
  'index.html',
  'de/index.html',
  'privacy.html',
  'de/privacy.html',
  'model.html',
  'de/model.html',
];
const shot = (page, name) => page.screenshot({ path: path.join(pictures, `access-${name}.png`) });

async function withPage(options, work) {
  const { context, page } = await h.openPage(browser, options);
  try {
    await work(page, context);
  } finally {
    await context.close();
  }
}

async function assertFits(page, what) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${what} is ${overflow} px too wide`);
}

/** Controls that the visitor can't reach: cut off at a side, or of no size. */
function cutOff(page, within) {
  return page.evaluate((selector) => {
    const all = [...document.querySelectorAll(selector)];
    if (all.length === 0) return [`nothing is ${selector}`];
    return all
      .filter((one) => one.checkVisibility())
      .filter((one) => {
        const { left, right, width, height } = one.getBoundingClientRect();
        return left < 0 || right > innerWidth + 0.5 || width < 24 || height < 24;
      })
      .map((one) => `${one.id || one.textContent} ${JSON.stringify(one.getBoundingClientRect())}`);
  }, within);
}

/** All of the app, as picture and as text, with the panel. */
async function assertAppFits(what) {
  await assertFits(app, `${what}: the app`);
  assert.deepEqual(await cutOff(app, '#toolbar button, #toolbar select'), [], what);
  assert.deepEqual(await cutOff(app, '#queue-buttons button, .slot button'), [], what);
  await shot(app, what);
  await app.locator('#text-toggle').click();
  await assertFits(app, `${what}: the app as text`);
  assert.deepEqual(await cutOff(app, '#queue-buttons button, .slot button'), [], what);
  await app.locator('#text-toggle').click();
  await app.locator('#privacy-open').click();
  await app.locator('#files-check').click();
  await app.locator('#files').waitFor();
  await assertFits(app, `${what}: the panel`);
  assert.deepEqual(await cutOff(app, '#privacy button'), [], what);
  await app.locator('#privacy-close').click();
}

// WCAG 2.2, 1.4.10: 1280 pixels at 400 % are 320, at 200 % 640.
for (const [name, viewport] of [
  ['200', { width: 640, height: 400 }],
  ['400', { width: 320, height: 256 }],
]) {
  test(`enlarged to ${name} %, nothing is cut off on the static pages`, async () => {
    // The policy forbids foreign scripts in the page, axe included.
    await withPage({ viewport, bypassCSP: true }, async (page) => {
      for (const where of PAGES) {
        await page.goto(server.url + where);
        await assertFits(page, where);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document));
        assert.deepEqual(
          violations.map(({ id }) => id),
          [],
          where,
        );
      }
    });
  });

  for (const language of ['en', 'de']) {
    test(`enlarged to ${name} %, nothing of the app is cut off: ${language}`, async () => {
      await app.setViewportSize(viewport);
      await app.locator('#language').selectOption(language);
      await assertAppFits(`${name}-${language}`);
    });
  }
}

test('with letters of twice the size nothing is cut off', async () => {
  const twice = async (context, page, size) => {
    const session = await context.newCDPSession(page);
    await session.send('Page.setFontSizes', { fontSizes: { standard: size, fixed: size } });
  };
  await withPage({ viewport: { width: 640, height: 800 } }, async (page, context) => {
    await twice(context, page, 32);
    for (const where of PAGES) {
      await page.goto(server.url + where);
      await assertFits(page, where);
    }
  });
  await app.setViewportSize({ width: 640, height: 800 });
  await twice(appContext, app, 32);
  assert.equal(await app.evaluate(() => getComputedStyle(document.body).fontSize), '32px');
  await assertAppFits('letters');
  await twice(appContext, app, 16);
});

/** Controls whose words or border can't be told from what is behind them. */
function unseen(page) {
  return page.evaluate(() => {
    const found = [];
    for (const one of document.querySelectorAll('button, select, .button')) {
      if (!one.checkVisibility()) continue;
      const style = getComputedStyle(one);
      if (style.color === style.backgroundColor) found.push(`${one.id}: its words`);
      if (style.borderTopStyle === 'none' || parseFloat(style.borderTopWidth) < 1)
        found.push(`${one.id}: its border`);
    }
    return found;
  });
}

/** Through the page by keyboard: whatever has the focus shows it. */
async function assertFocusSeen(page, what) {
  const seen = new Set();
  await page.evaluate(() => document.activeElement.blur());
  for (let steps = 0; steps < 40; steps += 1) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(() => {
      const one = document.activeElement;
      if (!one || one === document.body) return undefined;
      const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(one);
      const behind = getComputedStyle(document.body).backgroundColor;
      return {
        name: `${one.tagName} ${one.id} ${one.textContent.trim().slice(0, 20)}`,
        hidden: one.id === 'file-input',
        shown: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && outlineColor !== behind,
      };
    });
    if (!focus || seen.has(focus.name)) break;
    seen.add(focus.name);
    assert.ok(focus.shown || focus.hidden, `${what}: no focus is seen on ${focus.name}`);
  }
  assert.ok(seen.size >= 5, `${what}: only ${[...seen]} can be reached`);
}

for (const colorScheme of ['light', 'dark']) {
  test(`in forced colours every control and every focus is seen: ${colorScheme}`, async () => {
    const colours = { forcedColors: 'active', colorScheme };
    await withPage(colours, async (page) => {
      await page.goto(server.url);
      assert.ok(await page.evaluate(() => matchMedia('(forced-colors: active)').matches));
      assert.deepEqual(await unseen(page), []);
      await assertFocusSeen(page, 'the start page');
      await shot(page, `forced-${colorScheme}-start`);
    });
    await app.setViewportSize({ width: 1280, height: 800 });
    await app.emulateMedia(colours);
    assert.ok(await app.evaluate(() => matchMedia('(forced-colors: active)').matches));
    assert.deepEqual(await unseen(app), []);
    await assertFocusSeen(app, 'the app');
    await shot(app, `forced-${colorScheme}-app`);
    // A toggle that is on differs from one that is off.
    const looks = () =>
      app.locator('#heatmap-toggle').evaluate((one) => {
        const { borderTopWidth, borderTopColor, backgroundColor, color } = getComputedStyle(one);
        return JSON.stringify({ borderTopWidth, borderTopColor, backgroundColor, color });
      });
    const on = await looks();
    await app.locator('#heatmap-toggle').click();
    assert.notEqual(await looks(), on, 'on and off look the same');
    await app.locator('#heatmap-toggle').click();
    await app.emulateMedia({ forcedColors: null, colorScheme: null });
  });
}

test('nothing moves by itself', async () => {
  const moving = (page) =>
    page.evaluate(() => ({
      animations: document.getAnimations().length,
      smooth: [...document.querySelectorAll('*')].filter(
        (one) => getComputedStyle(one).scrollBehavior === 'smooth',
      ).length,
    }));
  await withPage({ reducedMotion: 'reduce' }, async (page) => {
    for (const where of PAGES) {
      await page.goto(server.url + where);
      assert.deepEqual(await moving(page), { animations: 0, smooth: 0 }, where);
    }
  });
  assert.deepEqual(await moving(app), { animations: 0, smooth: 0 });
  await app.locator('#privacy-open').click();
  assert.deepEqual(await moving(app), { animations: 0, smooth: 0 });
});
