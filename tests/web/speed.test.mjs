// How long an answer takes, whether the page stays responsive meanwhile, and how many bytes a
// visitor downloads for a first answer.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const LIMIT_MS = 800;
const LIMIT_BLOCK_MS = 50;
const LIMIT_BYTES = 12e6;
const RUNS = 7;
/** Other programs on the machine delay this one: a round that fails is measured again, twice. */
const ROUNDS = 3;

let browser;
before(async () => {
  browser = await h.launch();
});
after(() => browser?.close());

const big = h.photos.filter((name) => /4288x2848/.test(name));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

test('a 12-megapixel photo: time to the answer, and the longest block', { skip: h.noPhotos }, async () => {
  assert.ok(big.length > 0);
  const server = await h.serve();
  try {
    const { page } = await h.openPage(browser);
    await h.openApp(page, server.url);
    // Measured in the page itself, from the choice to the answer in the DOM.
    await page.evaluate(() => {
      const times = { longest: 0, gap: 0, answer: undefined };
      globalThis.measured = times;
      new PerformanceObserver((list) => {
        for (const task of list.getEntries()) times.longest = Math.max(times.longest, task.duration);
      }).observe({ type: 'longtask' });
      let last;
      const frame = (now) => {
        if (last !== undefined) times.gap = Math.max(times.gap, now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
      let chosen;
      addEventListener('change', () => {
        Object.assign(times, { longest: 0, gap: 0, answer: undefined });
        chosen = performance.now();
      }, { capture: true });
      const app = document.querySelector('main#app');
      new MutationObserver(() => {
        if (app.dataset.state === 'answered' && chosen !== undefined) {
          times.answer = performance.now() - chosen;
          chosen = undefined;
        }
      }).observe(app, { attributes: true, attributeFilter: ['data-state'] });
    });
    const threads = await page.evaluate(() => navigator.hardwareConcurrency);
    await h.pickAndAnswer(page, big[0]); // warm from here on
    let time, block;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const answers = [];
      const blocks = [];
      for (let run = 0; run < RUNS; run += 1) {
        const { ms } = await h.pickAndAnswer(page, big[run % big.length]);
        // Long tasks are reported with the next frame.
        await page.evaluate(
          () => new Promise((done) => requestAnimationFrame(() => setTimeout(done))),
        );
        const { answer, longest, gap } = await page.evaluate(() => globalThis.measured);
        console.log(
          `${answer.toFixed(0)} ms from choice to answer (decode ${ms.decode.toFixed(0)}, ` +
            `preprocess ${ms.preprocess.toFixed(0)}, network ${ms.inference.toFixed(0)}, ` +
            `worker in all ${ms.total.toFixed(0)}); longest task of the UI thread ` +
            `${longest ? `${longest.toFixed(0)} ms` : 'under 50 ms'}, ` +
            `longest time between frames ${gap.toFixed(0)} ms`,
        );
        answers.push(answer);
        blocks.push(longest);
      }
      // Medians: what the page itself does, it does in every run.
      time = median(answers);
      block = median(blocks);
      console.log(
        `round ${round}: median ${time.toFixed(0)} ms (limit ${LIMIT_MS}), UI thread ` +
          `${block ? `${block.toFixed(0)} ms` : 'under 50 ms'} (limit ${LIMIT_BLOCK_MS}); ${threads} cores`,
      );
      if (time < LIMIT_MS && block <= LIMIT_BLOCK_MS) break;
    }
    assert.ok(time < LIMIT_MS, `median ${time} ms`);
    assert.ok(block <= LIMIT_BLOCK_MS, `the UI thread was blocked for ${block} ms`);
  } finally {
    await server.stop();
  }
});

test('an idle page draws nothing', async () => {
  const server = await h.serve();
  try {
    const { page } = await h.openPage(browser);
    await h.openApp(page, server.url);
    await h.pickAndAnswer(page, h.anyPhotos[0]);
    const frames = () => page.locator('canvas#canvas').evaluate((canvas) => canvas.nevusFrames);
    assert.ok((await frames()) > 0, 'the canvas counts no frames');
    // The few frames after the answer, then none during 60 frames of the browser.
    const pass = (count) =>
      page.evaluate(async (n) => {
        for (let i = 0; i < n; i += 1) await new Promise((done) => requestAnimationFrame(done));
      }, count);
    await pass(30);
    const settled = await frames();
    await pass(60);
    assert.equal(await frames(), settled);
  } finally {
    await server.stop();
  }
});

test('bytes until the first answer on the WebAssembly path', async () => {
  const server = await h.serve();
  try {
    const { page } = await h.openPage(browser);
    await h.openApp(page, server.url);
    await h.pickAndAnswer(page, h.anyPhotos[0]);
    // Everything that the server was asked for so far, the service worker's share included, each
    // time that it was asked. The page itself, the fonts, the model: all of it.
    const parts = new Map();
    for (const line of server.log) {
      const [, target, status] = /^GET (\S+) (\d+)$/.exec(line) ?? [];
      if (status !== '200') continue;
      let name = target.split('?')[0].slice(1);
      if (name === '' || name.endsWith('/')) name += 'index.html';
      const file = path.join(h.siteFolder, name);
      const { size } = await stat(`${file}.br`).catch(() => stat(file));
      const known = parts.get(name) ?? { size: 0, times: 0 };
      parts.set(name, { size: known.size + size, times: known.times + 1 });
    }
    const total = [...parts.values()].reduce((sum, { size }) => sum + size, 0);
    for (const [name, { size, times }] of [...parts].sort((a, b) => b[1].size - a[1].size))
      console.log(`${String(size).padStart(9)} ${name}${times > 1 ? ` (${times} times)` : ''}`);
    console.log(`${String(total).padStart(9)} bytes in all, limit ${LIMIT_BYTES}`);
    assert.ok([...parts.keys()].some((name) => name.endsWith('.onnx')));
    assert.ok([...parts.keys()].some((name) => name.includes('ort-plain') && name.endsWith('.wasm')));
    assert.ok(![...parts.keys()].some((name) => name.includes('jspi')), 'the WebGPU runtime came too');
    assert.ok(total <= LIMIT_BYTES);
  } finally {
    await server.stop();
  }
});
