// A long list of photos scrolls smoothly.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';
import { lesion, png } from './pictures.mjs';

const PHOTOS = 60;
const SECONDS = 3;
const LIMIT = 50;

let browser, server;
before(async () => {
  server = await h.serve();
  browser = await h.launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test(`${PHOTOS} photos in the list: at least ${LIMIT} frames a second while it is scrolled`, async () => {
  const { page } = await h.openPage(browser);
  await h.openApp(page, server.url);
  await h.pick(
    page,
    Array.from({ length: PHOTOS }, (_, index) => ({
      name: `photo-${index}.png`,
      mimeType: 'image/png',
      // A lesion of its own for each.
      buffer: png(160, 140, 'rgb', 8, (x, y, c) =>
        Math.max(0, Math.min(255, lesion(2 * x + 6 * (index % 17), 2 * y + 8 * (index % 13), c))),
      ),
    })),
  );
  await page.waitForFunction(
    (count) =>
      Number(document.querySelector('#queue').dataset.answered) === count &&
      document.querySelectorAll('#queue-list img:not([hidden])').length === count,
    PHOTOS,
  );
  // The other views of the shown photo are the last to be computed.
  await page.waitForFunction(() => {
    const { outcome, stability } = document.querySelector('#result').dataset;
    return outcome === 'cannot_judge' || stability !== undefined;
  });
  const busy = await h.busyShare(1000);

  const list = page.locator('#queue-list');
  const { x, y, width, height } = await list.boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.evaluate(() => {
    const seen = { frames: 0, started: performance.now(), tops: new Set() };
    globalThis.seen = seen;
    const list = document.querySelector('#queue-list');
    const frame = () => {
      seen.frames += 1;
      seen.tops.add(Math.round(list.scrollTop));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const end = Date.now() + 1000 * SECONDS;
  let step = 120;
  while (Date.now() < end) {
    await page.mouse.wheel(0, step);
    const { top, rest } = await list.evaluate(({ scrollTop, scrollHeight, clientHeight }) => ({
      top: scrollTop,
      rest: scrollHeight - clientHeight - scrollTop,
    }));
    // Down and up again.
    if ((step > 0 ? rest : top) < 1) step = -step;
  }
  const { frames, seconds, places } = await page.evaluate(() => ({
    frames: globalThis.seen.frames,
    seconds: (performance.now() - globalThis.seen.started) / 1000,
    places: globalThis.seen.tops.size,
  }));
  const rate = frames / seconds;
  console.log(
    `${rate.toFixed(1)} frames a second for ${seconds.toFixed(1)} s, at ${places} places of the list; ` +
      `${(100 * busy).toFixed(0)} % of the machine busy with other things`,
  );
  assert.ok(places > 20, `the list was seen at ${places} places only`);
  // By the clock it counts only where nothing else takes the processor away.
  if (busy < 0.25) assert.ok(rate >= LIMIT, `${rate.toFixed(1)} frames a second`);
});
