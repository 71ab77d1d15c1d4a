// The frame that says which square is judged, zoom and pan, press and hold, the before/after slider, the
// scale: by mouse, keyboard and fingers, on the real canvas.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const LIMIT_MS = 300;
const RUNS = 7;

let browser, server, folder;
before(async () => {
  server = await h.serve();
  browser = await h.launch();
  folder = await mkdtemp(path.join(os.tmpdir(), 'nevus-frame-'));
});
after(async () => {
  await browser?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true });
});

const crop = (page) => page.locator('#result').evaluate(({ dataset }) => JSON.parse(dataset.crop));

/** The answer that follows `act`, which has another square judged. */
async function reframed(page, act) {
  const before = await crop(page);
  await act();
  await page.waitForFunction((old) => {
    const { dataset } = document.querySelector('#result');
    const { state } = document.querySelector('main#app').dataset;
    return state === 'answered' && dataset.crop && dataset.crop !== old;
  }, JSON.stringify(before));
  return h.readResult(page);
}

async function dragCorner(page, corner, dx, dy) {
  const box = await page.locator(`#frame [data-corner=${corner}]`).boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + dx, y + dy, { steps: 4 });
  await page.mouse.up();
}

/** The canvas under the photo, without the frame that lies over it. */
async function picture(page) {
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
  const clip = await page.locator('#picture').boundingBox();
  return (await page.screenshot({ clip })).toString('base64');
}

async function opened(file, options) {
  const { page, context } = await h.openPage(browser, options);
  await h.openApp(page, server.url);
  await h.pickAndAnswer(page, file);
  // The turned views change figures some moments after the answer.
  await page.waitForSelector('#result[data-stability]', { state: 'attached' });
  return { page, context };
}

/** A part of a picture as a PNG, cut by the browser. */
async function cut(page, file, box) {
  const bytes = (await readFile(file)).toString('base64');
  const text = await page.evaluate(
    async ({ bytes, box }) => {
      const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([data]));
      const [x, y, width, height] = box ?? [0, 0, bitmap.width, bitmap.height];
      const canvas = new OffscreenCanvas(width, height);
      canvas.getContext('2d').drawImage(bitmap, -x, -y);
      const blob = await canvas.convertToBlob({ type: 'image/png' });
      const png = new Uint8Array(await blob.arrayBuffer());
      return btoa(Array.from(png, (byte) => String.fromCharCode(byte)).join(''));
    },
    { bytes, box },
  );
  return Buffer.from(text, 'base64');
}

test('a dragged frame is judged as that part of the photo alone would be', async () => {
  const { page, context } = await opened(h.samples[0]);
  const whole = path.join(folder, 'whole.png');
  await writeFile(whole, await cut(page, h.samples[0]));
  await h.pickAndAnswer(page, whole);
  await page.locator('#frame-toggle').click();
  assert.ok(await page.locator('#frame').isVisible());
  const first = await h.readResult(page);
  const answer = await reframed(page, () => dragCorner(page, 'se', -90, -90));
  const frame = await crop(page);
  assert.ok(frame.width < 0.95 && frame.width > 0.2, JSON.stringify(frame));
  assert.notEqual(answer.malignancy, first.malignancy);

  const size = await page.evaluate(
    async (bytes) => {
      const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
      const { width, height } = await createImageBitmap(new Blob([data]));
      return { width, height };
    },
    (await readFile(whole)).toString('base64'),
  );
  const pixels = [
    frame.x * size.width,
    frame.y * size.height,
    frame.width * size.width,
    frame.height * size.height,
  ];
  for (const value of pixels) assert.ok(Math.abs(value - Math.round(value)) < 1e-6, `${pixels}`);
  const part = path.join(folder, 'part.png');
  await writeFile(part, await cut(page, whole, pixels.map(Math.round)));
  const native = (await h.predict([part])).get('part.png');
  const difference = Math.abs(native.malignancy - answer.malignancy);
  console.log(`frame ${pixels.map(Math.round)}: differs from the cut photo by ${difference}`);
  assert.ok(difference <= 1e-3, `${answer.malignancy}, natively ${native.malignancy}`);
  assert.equal(answer.outcome, native.outcome);
  assert.equal(answer.requests, '0');

  // Back in the middle the first answer is back, too; of two frames at once the last one counts.
  const again = await reframed(page, () =>
    page.evaluate(() => {
      document.querySelector('#frame-around').click();
      document.querySelector('#frame-middle').click();
    }),
  );
  assert.equal(again.malignancy, first.malignancy);
  assert.ok((await crop(page)).height > 0.999);
  await context.close();
});

test('a frame of a large photo is judged by all of its pixels, and the whole again as before', async () => {
  // 2,700 x 2,025: the whole is decoded at a half, a frame below 1,280 pixels whole.
  const large = path.join(folder, 'large.jpg');
  const { page, context } = await opened(h.samples[0]);
  const jpeg = await page.evaluate(
    async (bytes) => {
      const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
      const canvas = new OffscreenCanvas(2700, 2025);
      canvas
        .getContext('2d')
        .drawImage(await createImageBitmap(new Blob([data])), 0, 0, 2700, 2025);
      const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 });
      const file = new Uint8Array(await blob.arrayBuffer());
      return btoa(Array.from(file, (byte) => String.fromCharCode(byte)).join(''));
    },
    (await readFile(h.samples[0])).toString('base64'),
  );
  await writeFile(large, Buffer.from(jpeg, 'base64'));
  await h.pickAndAnswer(page, large);
  const first = await h.readResult(page);
  await page.locator('#frame-toggle').click();
  const answer = await reframed(page, () => dragCorner(page, 'se', -190, -190));
  const { x, y, width } = await crop(page);
  const [left, top, side] = [x * 2700, y * 2025, width * 2700].map(Math.round);
  assert.ok(side < 1280, `${side} pixels`);
  const part = path.join(folder, 'large-part.png');
  await writeFile(part, await cut(page, large, [left, top, side, side]));
  const native = (await h.predict([part])).get('large-part.png');
  const difference = Math.abs(native.malignancy - answer.malignancy);
  console.log(`${side} of 2025 pixels: differs from the cut photo by ${difference}`);
  assert.ok(difference <= 1e-3, `${answer.malignancy}, natively ${native.malignancy}`);
  assert.notEqual(answer.malignancy, first.malignancy);

  const again = await reframed(page, () => page.locator('#frame-middle').click());
  assert.equal(again.malignancy, first.malignancy);
  await context.close();
});

test('the frame by keyboard: moves, sizes, stays inside, Escape goes back to its button', async () => {
  const { page, context } = await opened(h.samples[1]);
  await page.locator('#frame-toggle').focus();
  await page.keyboard.press('Enter');
  const focused = () => page.evaluate(() => document.activeElement.id);
  assert.equal(await focused(), 'frame');
  const at = await crop(page);
  await reframed(page, () => page.keyboard.press('-'));
  const smaller = await crop(page);
  assert.ok(smaller.width < at.width);
  await reframed(page, async () => {
    for (let i = 0; i < 3; i += 1) await page.keyboard.press('Shift+ArrowRight');
  });
  const moved = await crop(page);
  assert.ok(moved.x > smaller.x && moved.width === smaller.width);
  assert.ok(moved.x + moved.width <= 1 + 1e-9);
  assert.match(await page.locator('#frame').getAttribute('aria-label'), /% from the left/);
  await page.keyboard.press('Escape');
  assert.equal(await focused(), 'frame-toggle');
  assert.ok(await page.locator('#frame').isHidden());
  await context.close();
});

test('around the spot, and the frame as a ruler', async () => {
  const { page, context } = await opened(h.samples[0]);
  await page.locator('#frame-toggle').click();
  const answer = await reframed(page, () => page.locator('#frame-around').click());
  const frame = await crop(page);
  const { crop: wanted, measures } = answer.lesion;
  const whole = frame.width && wanted.width / frame.width;
  assert.ok(Math.abs(frame.x * whole - wanted.x) < 2, `${JSON.stringify([frame, wanted])}`);
  await page.locator('#frame-width').fill('20');
  await page.keyboard.press('Tab');
  const scaled = await h.readResult(page);
  const expected = (measures.diameter_px * 20) / wanted.width;
  assert.ok(Math.abs(scaled.lesion.measures.diameter_mm - expected) < 0.1);
  assert.match(await page.locator('#details').textContent(), /\d mm/);
  // No scale, no millimetres.
  await page.locator('#frame-width').fill('');
  await page.keyboard.press('Tab');
  assert.equal((await h.readResult(page)).lesion.measures.diameter_mm, undefined);
  await context.close();
});

test('zoom by buttons, wheel and double click; pan; hold; wipe', async () => {
  const { page, context } = await opened(h.samples[0]);
  const whole = await picture(page);
  await page.locator('#zoom-in').click();
  const near = await picture(page);
  assert.notEqual(near, whole);
  const box = await page.locator('#picture').boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 60, y + 40, { steps: 3 });
  await page.mouse.up();
  assert.notEqual(await picture(page), near, 'dragging does not pan');
  await page.locator('#zoom-fit').click();
  assert.equal(await picture(page), whole, 'back to the whole photo');

  await page.mouse.dblclick(x, y);
  assert.notEqual(await picture(page), whole, 'a double click does not enlarge');
  await page.mouse.dblclick(x, y);
  assert.equal(await picture(page), whole);
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -200);
  await page.keyboard.up('Control');
  await page.waitForFunction(() => !document.querySelector('#zoom-fit').disabled);
  assert.notEqual(await picture(page), whole);
  await page.locator('#zoom-fit').click();

  // Held: neither heat-map nor outline, as if both were off.
  await page.mouse.move(x, y);
  await page.mouse.down();
  const held = await picture(page);
  await page.mouse.up();
  assert.equal(await picture(page), whole);
  await page.locator('#wipe').fill('100');
  assert.equal(await picture(page), held, 'all wiped away is not the photo without marks');
  await page.locator('#wipe').fill('50');
  const half = await picture(page);
  assert.ok(half !== held && half !== whole);
  await context.close();
});

test('fingers: two enlarge, one pans then, and the page scrolls before', async () => {
  const { page, context } = await opened(h.samples[0], {
    viewport: { width: 390, height: 780 },
    hasTouch: true,
    isMobile: true,
    deviceScaleFactor: 2,
  });
  await page.locator('#picture').scrollIntoViewIfNeeded();
  const session = await context.newCDPSession(page);
  const box = await page.locator('#picture').boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const touch = (type, points) =>
    session.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: points.map(([px, py], id) => ({ x: px, y: py, id })),
    });
  const style = () => page.locator('#picture').evaluate(({ style }) => style.touchAction);
  assert.equal(await style(), 'pan-y');
  const whole = await picture(page);
  await touch('touchStart', [
    [x - 30, y],
    [x + 30, y],
  ]);
  for (const reach of [40, 60, 80])
    await touch('touchMove', [
      [x - reach, y],
      [x + reach, y],
    ]);
  await touch('touchEnd', []);
  await page.waitForFunction(() => !document.querySelector('#zoom-fit').disabled);
  const near = await picture(page);
  assert.notEqual(near, whole);
  assert.equal(await style(), 'none');
  await touch('touchStart', [[x, y]]);
  for (const push of [15, 30, 50]) await touch('touchMove', [[x - push, y]]);
  await touch('touchEnd', []);
  assert.notEqual(await picture(page), near, 'one finger does not pan an enlarged photo');
  await context.close();
});

test('another frame is answered within 300 ms', async () => {
  const { page, context } = await opened(h.anyPhotos.at(-1));
  await page.locator('#frame-toggle').click();
  await page.evaluate(() => {
    let let_go;
    addEventListener('pointerup', () => (let_go = performance.now()), { capture: true });
    const app = document.querySelector('main#app');
    new MutationObserver(() => {
      if (app.dataset.state === 'answered' && let_go !== undefined)
        globalThis.measured = performance.now() - let_go;
    }).observe(app, { attributes: true, attributeFilter: ['data-state'] });
  });
  const busy = await h.busyShare(1000);
  const times = [];
  for (let run = 0; run < RUNS; run += 1) {
    await reframed(page, () => dragCorner(page, 'se', run % 2 ? 70 : -70, run % 2 ? 70 : -70));
    times.push(await page.evaluate(() => globalThis.measured));
  }
  const median = h.median(times);
  console.log(
    `${median.toFixed(0)} ms from letting go to the answer (${times.map((ms) => ms.toFixed(0))}); ` +
      `${(100 * busy).toFixed(0)} % of the machine busy with other things`,
  );
  // A machine that others use measures them.
  assert.ok(busy > 0.25 || median <= LIMIT_MS, `${median} ms`);
  await context.close();
});
