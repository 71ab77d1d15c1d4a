// What breaks under the page: a graphics processor that is lost in mid-run, shaders that don't compile,
// no device, no shared memory, no memory for a photo. Each ends in the right answer on the next backend,
// with the reason, or in one line that names the file; and nothing is fetched while a photo is open.
// The faults are put before the worker's own code by this test; the page knows nothing of them.
// (No adapter, and a WebGPU that computes wrongly: webgpu.test.mjs.)

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const SLOW = 240_000; // compiling the shaders for a software adapter

let server, expected;
const photo = h.samples.at(-1);
before(async () => {
  server = await h.serve();
  expected = await h.predict(h.samples);
});
after(() => server?.stop());

/** A page whose worker begins with `fault`, in which `armed` turns true when `arm()` is called. */
async function withFault({ fault, query, webgpu = false, timeout, screen = {} }, use) {
  const browser = await h.launch({ webgpu });
  try {
    const { page, context } = await h.openPage(browser, screen);
    let injected = false;
    await context.route(/assets\/worker-[0-9a-f]+\.js$/, async (route) => {
      injected = true;
      const response = await route.fetch();
      const armed = `let armed = false;
        new BroadcastChannel('fault').onmessage = ({ data, target }) => {
          armed = data === 'arm';
          if (data !== 'heard') target.postMessage('heard');
        };`;
      await route.fulfill({ response, body: `${armed}{${fault}}\n${await response.text()}` });
    });
    await h.openApp(page, server.url, query, timeout);
    assert.ok(injected, 'the fault was not injected');
    const arm = (word) =>
      page.evaluate(
        (data) =>
          new Promise((resolve) => {
            const channel = new BroadcastChannel('fault');
            channel.onmessage = resolve;
            channel.postMessage(data);
          }).then(() => {}),
        word,
      );
    await use(page, { arm: () => arm('arm'), disarm: () => arm('disarm') });
  } finally {
    await browser.close();
  }
}

const backendOf = (page) => page.locator('main#app').getAttribute('data-backend');
const reasonOf = (page) => page.locator('main#app').getAttribute('data-backend-reason');

async function answersRight(page, file = photo, timeout = SLOW) {
  const answer = await h.pickAndAnswer(page, file, timeout);
  const native = expected.get(path.basename(file));
  assert.equal(answer.outcome, native.outcome);
  assert.equal(answer.sentence, native.sentence);
  const difference = Math.abs(answer.malignancy - native.malignancy);
  assert.ok(difference <= 1e-3, `differs by ${difference}`);
  return answer;
}

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`a graphics processor that is lost in mid-run: the answer is computed again, on WebAssembly: ${name}`, async () => {
    const fault = `
    const submit = GPUQueue.prototype.submit;
    const request = GPUAdapter.prototype.requestDevice;
    let device;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      device = await request.apply(this, options);
      return device;
    };
    GPUQueue.prototype.submit = function (...buffers) {
      submit.apply(this, buffers);
      if (armed) device.destroy();
    };`;
    const query = '?backend=webgpu';
    await withFault(
      { fault, query, webgpu: true, timeout: SLOW, screen },
      async (page, { arm }) => {
        assert.equal(await backendOf(page), 'webgpu');
        await arm();
        const answer = await answersRight(page);
        assert.equal(answer.backend, 'wasm');
        assert.equal(answer.requests, '0');
        const reason = await reasonOf(page);
        console.log(reason);
        assert.match(reason, /^WebGPU failed: /);
        assert.ok((await page.locator('#mirror').textContent()).includes(reason));
        // And it goes on from there.
        const next = await answersRight(page, h.samples[0]);
        assert.equal(next.backend, 'wasm');
      },
    );
  });
}

for (const [what, fault] of [
  [
    'shaders that do not compile',
    `const create = GPUDevice.prototype.createShaderModule;
     GPUDevice.prototype.createShaderModule = function (descriptor) {
       return create.call(this, { ...descriptor, code: 'fn broken( {' });
     };`,
  ],
  [
    'a device that is refused',
    `GPUAdapter.prototype.requestDevice = async () => {
       throw new DOMException('the driver is gone', 'OperationError');
     };`,
  ],
])
  test(`${what}: WebAssembly, and the reason`, async () => {
    const query = '?backend=webgpu';
    await withFault({ fault, query, webgpu: true, timeout: SLOW }, async (page) => {
      assert.equal(await backendOf(page), 'wasm');
      const reason = await reasonOf(page);
      console.log(reason);
      assert.match(reason, /^WebGPU: ./);
      await answersRight(page);
    });
  });

test('no shared memory: one thread, and the reason', async () => {
  const fault = `
    const Memory = WebAssembly.Memory;
    let refused = 0;
    WebAssembly.Memory = new Proxy(Memory, {
      construct(target, [descriptor]) {
        if (descriptor.shared && refused++ === 0) throw new RangeError('out of memory');
        return new target(descriptor);
      },
    });
    Object.defineProperty(navigator, 'hardwareConcurrency', { value: 4 });`;
  await withFault({ fault, query: '?backend=wasm' }, async (page) => {
    const reason = await reasonOf(page);
    console.log(reason);
    assert.match(reason, /without threads: .*out of memory/);
    await answersRight(page);
  });
});

test('no memory for a photo: one line that names it, and the next photo is answered', async () => {
  const fault = `
    const grow = WebAssembly.Memory.prototype.grow;
    WebAssembly.Memory.prototype.grow = function (pages) {
      if (armed) throw new RangeError('out of memory');
      return grow.call(this, pages);
    };`;
  await withFault({ fault, query: '?backend=wasm' }, async (page, { arm, disarm }) => {
    await arm();
    // 12 megapixels of a PNG need 48 MB inside the core, which begins with 32.
    const large = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(4000, 3000);
      canvas.getContext('2d').fillRect(0, 0, 10, 10);
      const bytes = new Uint8Array(
        await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer(),
      );
      let letters = '';
      for (let at = 0; at < bytes.length; at += 8192)
        letters += String.fromCharCode(...bytes.subarray(at, at + 8192));
      return btoa(letters);
    });
    const refusal = await h.pickAndRefuse(page, {
      name: 'large.png',
      mimeType: 'image/png',
      buffer: Buffer.from(large, 'base64'),
    });
    assert.equal(refusal.state, 'failed');
    assert.match(refusal.status, /large\.png: not enough memory for this photo/);
    await disarm();
    await answersRight(page);
  });
});
