// What can be seen: the canvas really draws, every page is accessible and fits its screen.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

let browser, server;
/** Kept for people to look at. */
const pictures = path.join(path.dirname(h.siteFolder), 'screenshots');

before(async () => {
  await mkdir(pictures, { recursive: true });
  server = await h.serve();
  browser = await h.launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const PAGES = [
  'index.html',
  'privacy.html',
  'model.html',
  'de/model.html',
  'de/index.html',
  'de/privacy.html',
  'app/?backend=wasm',
];
const SCREENS = [
  { name: 'wide', viewport: { width: 1280, height: 800 } },
  {
    name: 'phone',
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 3,
    hasTouch: true,
    isMobile: true,
  },
  { name: 'dark', viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
];

/** Mean and standard deviation of brightness, and how many colours, of a PNG or a part of it. */
function statistics(page, buffer) {
  return page.evaluate(async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    let sum = 0;
    let squares = 0;
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) {
      const value = (data[at] + data[at + 1] + data[at + 2]) / 3;
      sum += value;
      squares += value * value;
      colours.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    }
    const n = data.length / 4;
    const mean = sum / n;
    return { mean, deviation: Math.sqrt(squares / n - mean * mean), colours: colours.size };
  }, buffer.toString('base64'));
}

for (const { name, ...options } of SCREENS) {
  test(`the canvas shows the photo and the answer: ${name}`, async () => {
    const { context, page } = await h.openPage(browser, options);
    try {
      await h.openApp(page, server.url);
      await h.pickAndAnswer(page, h.samples[0]);
      const canvas = page.locator('canvas#canvas');
      const shot = () => canvas.screenshot();
      const answered = await shot();
      await page.screenshot({ path: path.join(pictures, `answer-${name}.png`) });
      const seen = await statistics(page, answered);
      console.log(`${name}: deviation ${seen.deviation.toFixed(1)}, ${seen.colours} colours`);
      assert.ok(seen.deviation > 5, 'the canvas is blank');
      assert.ok(seen.colours > 500, `only ${seen.colours} colours: no photo on the canvas`);
      // The heat-map is on the canvas: without it, it looks different.
      await page.locator('#heatmap-toggle').click();
      await page.waitForFunction(
        () => document.querySelector('#heatmap-toggle').getAttribute('aria-pressed') === 'false',
      );
      await page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
      assert.notDeepEqual(await shot(), answered, 'switching the heat-map off changes nothing');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    } finally {
      await context.close();
    }
  });

  test(`every page is accessible and fits: ${name}`, async () => {
    const axe = await readFile(h.require.resolve('axe-core/axe.min.js'), 'utf8');
    // The policy forbids foreign scripts in the page, this test's own included.
    const { context, page } = await h.openPage(browser, { ...options, bypassCSP: true });
    try {
      for (const where of PAGES) {
        if (where.startsWith('app/')) {
          await h.openApp(page, server.url);
          await h.pickAndAnswer(page, h.samples[0]);
        } else {
          await page.goto(server.url + where);
          await page.screenshot({
            path: path.join(
              pictures,
              `${where.replace('.html', '').replace('/', '-')}-${name}.png`,
            ),
            fullPage: true,
          });
        }
        await page.evaluate(axe);
        const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
        assert.ok(passes.length > 10, `axe looked at nothing on ${where}`);
        const serious = violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(
            ({ id, help, nodes }) =>
              `${where}: ${id} (${help}): ${nodes.map((n) => n.html).join(' ')}`,
          );
        assert.deepEqual(serious, []);
        for (const { id, impact } of violations) console.log(`${where}: ${impact}: ${id}`);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - innerWidth,
        );
        assert.ok(overflow <= 0, `${where} is ${overflow} px too wide`);
      }
    } finally {
      await context.close();
    }
  });
}

test('the words: no false comfort, the limits stated, no green', async () => {
  const { context, page } = await h.openPage(browser);
  try {
    const all = { en: '', de: '' };
    for (const where of PAGES.filter((one) => one.endsWith('.html'))) {
      await page.goto(server.url + where);
      const language = await page.locator('html').getAttribute('lang');
      all[language] += await page.locator('body').innerText();
      const green = await page.evaluate(() => {
        const found = [];
        for (const element of document.querySelectorAll('*')) {
          const style = getComputedStyle(element);
          for (const key of ['color', 'backgroundColor', 'borderLeftColor', 'borderTopColor']) {
            const [r, g, b, a = 1] = style[key].match(/[\d.]+/g).map(Number);
            if (a > 0 && g > r + 25 && g > b + 25)
              found.push(`${element.tagName} ${key} ${style[key]}`);
          }
        }
        return found;
      });
      assert.deepEqual(green, []);
    }
    assert.doesNotMatch(all.en, /\bsafe(ly|ty)?\b/i);
    assert.match(all.en, /not a diagnosis/i);
    assert.match(all.en, /darker skin/i);
    assert.match(all.en, /phone photos|ordinary photos/i);
    assert.match(all.en, /Nothing alarming found, which does not rule out cancer/);
    assert.doesNotMatch(all.de, /\bsicher(heit)?\b|unbedenklich|harmlos/i);
    assert.match(all.de, /keine Diagnose/i);
    assert.match(all.de, /dunklere Haut/i);
    assert.match(all.de, /Handyfotos/i);
    assert.match(all.de, /Nichts Alarmierendes gefunden, was Krebs nicht ausschließt/);
  } finally {
    await context.close();
  }
});
