// WebGPU (a software adapter here): the same answers; and what happens where it isn't there, is
// slow, or computes wrongly.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const SLOW = 180_000; // compiling the shaders for a software adapter

let server;
before(async () => {
  server = await h.serve();
});
after(() => server?.stop());

async function withPage(options, use) {
  const browser = await h.launch(options);
  try {
    await use(await h.openPage(browser));
  } finally {
    await browser.close();
  }
}

const backendOf = (page) => page.locator('main#app').getAttribute('data-backend');
const reasonOf = (page) => page.locator('main#app').getAttribute('data-backend-reason');

test('photos on WebGPU equal nevus predict', async () => {
  // A software adapter may need many seconds a photo: three at least, and all that fit into a minute
  // and a half (NEVUS_WEBGPU_ALL=1: all).
  const files = [h.anyPhotos[0], h.anyPhotos.at(-1), h.samples[0], ...h.anyPhotos.slice(1, -1)];
  const started = Date.now();
  let done = 0;
  const expected = await h.predict(files);
  await withPage({ webgpu: true }, async ({ page }) => {
    await h.openApp(page, server.url, '?backend=webgpu', SLOW);
    for (const file of files) {
      const enough = done >= 3 && Date.now() - started > 90_000;
      if (enough && !process.env.NEVUS_WEBGPU_ALL) break;
      done += 1;
      const answer = await h.pickAndAnswer(page, file, SLOW);
      const native = expected.get(path.basename(file));
      assert.equal(answer.backend, 'webgpu');
      assert.equal(answer.outcome, native.outcome);
      const difference = Math.abs(answer.malignancy - native.malignancy);
      console.log(
        `${answer.file}: differs by ${difference.toExponential(1)}, ${answer.ms.inference.toFixed(0)} ms in the network`,
      );
      assert.ok(difference <= 1e-3, `${answer.file} differs by ${difference}`);
      assert.equal(answer.requests, '0');
    }
    console.log(`${done} of ${files.length} photos compared`);
  });
});

test('left to itself, the page passes over a software adapter and says so', async () => {
  await withPage({ webgpu: true }, async ({ page }) => {
    await h.openApp(page, server.url, '');
    assert.equal(await backendOf(page), 'wasm');
    assert.match(await reasonOf(page), /software|WebGPU|graphics/i);
  });
});

test('without WebGPU, WebAssembly answers and the reason is shown', async () => {
  await withPage({}, async ({ page }) => {
    await h.openApp(page, server.url, '?backend=webgpu');
    assert.equal(await backendOf(page), 'wasm');
    const reason = await reasonOf(page);
    assert.notEqual(reason, '');
    assert.ok((await page.locator('#mirror').textContent()).includes(reason));
    const answer = await h.pickAndAnswer(page, h.anyPhotos[0]);
    assert.equal(answer.backend, 'wasm');
  });
});

test('a WebGPU that computes wrongly fails the self-test and is not used', async () => {
  await withPage({ webgpu: true }, async ({ page, context }) => {
    let injected = false;
    await context.route(/assets\/worker-[0-9a-f]+\.js$/, async (route) => {
      injected = true;
      const response = await route.fetch();
      // Every buffer that comes back from the GPU has a wrong sign somewhere.
      const fault = `{
        const original = GPUBuffer.prototype.getMappedRange;
        GPUBuffer.prototype.getMappedRange = function (...range) {
          const memory = original.apply(this, range);
          if (this.usage & GPUBufferUsage.MAP_READ) {
            const bytes = new Uint8Array(memory);
            for (let at = 3; at < bytes.length; at += 4) bytes[at] ^= 0x80;
          }
          return memory;
        };
      }\n`;
      await route.fulfill({ response, body: fault + (await response.text()) });
    });
    await h.openApp(page, server.url, '?backend=webgpu', SLOW);
    assert.ok(injected, 'the fault was not injected');
    assert.equal(await backendOf(page), 'wasm');
    assert.match(await reasonOf(page), /self-test failed/);
  });
});
