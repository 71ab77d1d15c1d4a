// Everybody can use it: enlarged, on the narrowest screen, in forced colours, without motion, by keyboard.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const pictures = path.join(path.dirname(h.siteFolder), 'screenshots');
let browser, server, axe;
before(async () => {
  await mkdir(pictures, { recursive: true });
  axe = await readFile(h.require.resolve('axe-core/axe.min.js'), 'utf8');
  server = await h.serve();
  browser = await h.launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const PAGES = ['index.html', 'de/index.html', 'privacy.html', 'de/privacy.html', 'model.html'];
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

// WCAG 2.2, 1.4.10: 1280 pixels at 400 % are 320, at 200 % 640.
for (const [name, viewport, deviceScaleFactor] of [
  ['200 %', { width: 640, height: 400 }, 2],
  ['400 %', { width: 320, height: 256 }, 4],
]) {
  for (const language of ['en', 'de']) {
    test(`enlarged to ${name}, nothing is cut off: ${language}`, async () => {
      // The policy forbids foreign scripts in the page, axe included.
      const options = { viewport, deviceScaleFactor, locale: language, bypassCSP: true };
      await withPage(options, async (page) => {
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
        await h.openApp(page, server.url);
        await h.pickAndAnswer(page, h.anyPhotos[0]);
        await assertFits(page, 'the app');
        assert.deepEqual(await cutOff(page, '#toolbar button, #toolbar select'), []);
        await shot(page, `${name.replace(' %', '')}-${language}`);
        // The text, the list and the panel too.
        await h.pickAndAnswer(page, h.anyPhotos.at(-1));
        await page.locator('#expert-toggle').click();
        await page.locator('#text-toggle').click();
        await assertFits(page, 'the app as text');
        assert.deepEqual(await cutOff(page, '#queue-buttons button, .slot button'), []);
        await page.locator('#privacy-open').click();
        await page.locator('#files-check').click();
        await page.locator('#files').waitFor();
        await assertFits(page, 'the panel');
        assert.deepEqual(await cutOff(page, '#privacy button'), []);
      });
    });
  }
}

test('with letters of twice the size nothing is cut off', async () => {
  await withPage({ viewport: { width: 640, height: 800 } }, async (page, context) => {
    const session = await context.newCDPSession(page);
    await session.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
    for (const where of PAGES) {
      await page.goto(server.url + where);
      await assertFits(page, where);
    }
    await h.openApp(page, server.url);
    await h.pickAndAnswer(page, h.anyPhotos[0]);
    assert.equal(
      await page.evaluate(() => getComputedStyle(document.documentElement).fontSize),
      '32px',
    );
    await assertFits(page, 'the app');
    await shot(page, 'letters');
  });
});

for (const colorScheme of ['light', 'dark']) {
  test(`in forced colours every control and every focus is seen: ${colorScheme}`, async () => {
    await withPage({ forcedColors: 'active', colorScheme }, async (page) => {
      for (const where of ['index.html', 'app/?backend=wasm']) {
        if (where.startsWith('app/')) {
          await h.openApp(page, server.url);
          await h.pickAndAnswer(page, h.anyPhotos[0]);
        } else {
          await page.goto(server.url + where);
        }
        assert.ok(await page.evaluate(() => matchMedia('(forced-colors: active)').matches));
        const unseen = await page.evaluate(() => {
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
        assert.deepEqual(unseen, [], where);
        // Through the page by keyboard: whatever has the focus shows it.
        const seen = new Set();
        for (let steps = 0; steps < 40; steps += 1) {
          await page.keyboard.press('Tab');
          const focus = await page.evaluate(() => {
            const one = document.activeElement;
            if (!one || one === document.body) return undefined;
            const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(one);
            const page = getComputedStyle(document.body).backgroundColor;
            return {
              name: `${one.tagName} ${one.id} ${one.textContent.trim().slice(0, 20)}`,
              hidden: one.id === 'file-input',
              shown:
                outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && outlineColor !== page,
            };
          });
          if (!focus || seen.has(focus.name)) break;
          seen.add(focus.name);
          assert.ok(focus.shown || focus.hidden, `${where}: no focus is seen on ${focus.name}`);
        }
        assert.ok(seen.size >= 5, `${where}: only ${[...seen]} can be reached`);
        await shot(page, `forced-${colorScheme}-${where.startsWith('app') ? 'app' : 'start'}`);
      }
      // A toggle that is on differs from one that is off.
      const looks = () =>
        page.locator('#heatmap-toggle').evaluate((one) => {
          const { borderTopWidth, borderTopColor, backgroundColor, color } = getComputedStyle(one);
          return JSON.stringify({ borderTopWidth, borderTopColor, backgroundColor, color });
        });
      const on = await looks();
      await page.locator('#heatmap-toggle').click();
      assert.notEqual(await looks(), on, 'on and off look the same');
    });
  });
}

test('nothing moves by itself', async () => {
  await withPage({ reducedMotion: 'reduce' }, async (page) => {
    const moving = () =>
      page.evaluate(() => ({
        animations: document.getAnimations().length,
        smooth: [...document.querySelectorAll('*')].filter(
          (one) => getComputedStyle(one).scrollBehavior === 'smooth',
        ).length,
      }));
    for (const where of PAGES) {
      await page.goto(server.url + where);
      assert.deepEqual(await moving(), { animations: 0, smooth: 0 }, where);
    }
    await h.openApp(page, server.url);
    await h.pickAndAnswer(page, h.anyPhotos[0]);
    await page.waitForFunction(() => document.querySelector('#result').dataset.stability);
    await page.locator('#privacy-open').click();
    assert.deepEqual(await moving(), { animations: 0, smooth: 0 });
    await page.locator('#privacy-close').click();
    // Nor is anything drawn while nothing changes.
    const frames = () => page.locator('#canvas').evaluate((canvas) => canvas.nevusFrames);
    const settled = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const canvas = document.querySelector('#canvas');
          let last = canvas.nevusFrames;
          let same = 0;
          const look = () => {
            same = canvas.nevusFrames === last ? same + 1 : 0;
            last = canvas.nevusFrames;
            if (same > 10) resolve(last);
            else requestAnimationFrame(look);
          };
          look();
        }),
    );
    assert.ok(settled > 0);
    assert.equal(await frames(), settled);
  });
});
