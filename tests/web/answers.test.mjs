// Photos picked on the WebAssembly path: every answer equals that of `nevus predict`.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

/** Greatest difference of a probability between the page and the native program. */
const TOLERANCE = 1e-3;

let browser, server, view;
before(async () => {
  server = await h.serve();
  browser = await h.launch();
  view = await h.openPage(browser);
  await h.openApp(view.page, server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Twice the area of a closed polygon, clockwise positive. */
function twiceArea(points) {
  return points.reduce((sum, [x, y], i) => {
    const [nx, ny] = points[(i + 1) % points.length];
    return sum + x * ny - nx * y;
  }, 0);
}

/** The browser decodes a JPEG a little differently, so equal within a few grid cells, not to the bit. */
function compareLesions({ lesion }, { lesion: native, quality }, name) {
  assert.equal(lesion.found, native.found, name);
  if (!lesion.found) return;
  const { width, height } = quality;
  for (const [x, y] of lesion.outline)
    assert.ok(x >= 0 && x <= width && y >= 0 && y <= height, `${name}: ${x}, ${y} is outside`);
  const area = twiceArea(lesion.outline) / 2 / (width * height);
  assert.ok(Math.abs(area - lesion.area) < 1e-3, `${name}: area ${area}, not ${lesion.area}`);
  const cell = Math.max(width, height) / 128;
  for (const side of ['x', 'y', 'width', 'height'])
    assert.ok(Math.abs(lesion.box[side] - native.box[side]) <= 3 * cell, `${name}: box ${side}`);
  assert.ok(Math.abs(lesion.area - native.area) <= 0.05 * native.area, `${name}: area`);
  const ours = lesion.measures;
  const theirs = native.measures;
  assert.ok(Math.abs(ours.asymmetry - theirs.asymmetry) <= 0.03, `${name}: asymmetry`);
  assert.ok(Math.abs(ours.compactness - theirs.compactness) <= 0.15, `${name}: border`);
  assert.ok(Math.abs(ours.diameter_px - theirs.diameter_px) <= 4 * cell, `${name}: diameter`);
  for (const [colour, share] of Object.entries(theirs.colours))
    assert.ok(Math.abs(ours.colours[colour] - share) <= 0.05, `${name}: ${colour}`);
}

async function compare(files) {
  const expected = await h.predict(files);
  for (const file of files) {
    const name = path.basename(file);
    const answer = await h.pickAndAnswer(view.page, file);
    const native = expected.get(name);
    assert.equal(answer.backend, 'wasm');
    assert.equal(answer.outcome, native.outcome, name);
    assert.equal(answer.sentence, native.sentence, name);
    const difference = Math.abs(answer.malignancy - native.malignancy);
    console.log(
      `${name}: ${answer.malignancy.toFixed(6)}, native ${native.malignancy.toFixed(6)}, ` +
        `differs by ${difference.toExponential(1)}, ${answer.ms.total.toFixed(0)} ms`,
    );
    assert.ok(difference <= TOLERANCE, `${name} differs by ${difference}`);
    assert.equal(answer.requests, '0', name);
    compareLesions(answer, native, name);
  }
}

test('all ten photos on WebAssembly', { skip: h.noPhotos }, async () => {
  assert.equal(h.photos.length, 10);
  await compare(h.photos);
});

test('our samples on WebAssembly', async () => {
  assert.ok(h.samples.length > 0, 'no samples in assets/samples');
  await compare(h.samples);
});

test('the outline is on the canvas until it is switched off, and the mirror explains it', async () => {
  const { page } = view;
  const answer = await h.pickAndAnswer(page, h.samples[0]);
  assert.ok(answer.lesion.found, 'a sample without an outline');
  const details = await page.locator('#details').textContent();
  for (const text of Object.values(answer.lesion.sentences))
    assert.ok(details.includes(text), text);
  // The turned views change the figures some moments after the answer.
  await page.waitForSelector('#result[data-stability]', { state: 'attached' });
  const toggle = page.locator('#outline-toggle');
  // Without the heat-map, so that only the outline can make a difference.
  await page.locator('#heatmap-toggle').click();
  const frame = () =>
    page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
  // Without the buttons over it, which look different when pressed.
  const controls = (visibility) =>
    page.locator('#heatmap-controls').evaluate((element, value) => {
      element.style.visibility = value;
    }, visibility);
  const shot = async () => {
    await controls('hidden');
    await frame();
    const picture = await page.locator('canvas#canvas').screenshot();
    await controls('visible');
    return picture;
  };
  const shown = await shot();
  await toggle.click();
  assert.equal(await toggle.getAttribute('aria-pressed'), 'false');
  const hidden = await shot();
  assert.notDeepEqual(hidden, shown, 'switching the outline off changes nothing');
  await toggle.click();
  assert.equal(await toggle.getAttribute('aria-pressed'), 'true');
  assert.deepEqual(await shot(), shown, 'switching it on again does not bring it back');
  await page.locator('#heatmap-toggle').click();
});

test('nothing went wrong on the way', () => {
  const bad = view.complaints.filter((line) => !/GPU stall due to ReadPixels/.test(line));
  assert.deepEqual(bad, []);
});
