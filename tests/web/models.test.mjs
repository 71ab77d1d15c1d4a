// Models in other forms, dropped on the page: they answer as `nevus predict` does with the same file,
// on both backends. Weights as int8 (they cost the runs nothing: the session folds them), and a
// model that judges a photo in four of its turns.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const SLOW = 180_000; // compiling the shaders for a software adapter

let server, folder, int8, float32, turns;
before(async () => {
  server = await h.serve();
  folder = await mkdtemp(path.join(tmpdir(), 'nevus-models-'));
  int8 = path.join(folder, 'int8.onnx');
  float32 = path.join(folder, 'float32.onnx');
  await h.convert('int8', int8);
  await h.convert('float32', float32);
  turns = path.join(await h.trainBriefly(path.join(folder, 'turns'), '--turns', '4'), 'model.onnx');
});
after(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true });
});

async function compare(model, query, launch, files) {
  const name = path.basename(model);
  const browser = await h.launch(launch);
  try {
    const { page } = await h.openPage(browser);
    await h.openApp(page, server.url, query, SLOW);
    await h.give(page, 'drop', {
      name,
      mimeType: '',
      buffer: await readFile(model),
    });
    await page.waitForFunction(
      (wanted) => document.querySelector('#status').textContent.includes(wanted),
      name,
      { timeout: SLOW },
    );
    await h.waitForState(page, 'ready', SLOW);
    const expected = await h.predict(files, model);
    const backends = [];
    for (const file of files) {
      const answer = await h.pickAndAnswer(page, file, SLOW);
      const native = expected.get(path.basename(file));
      const difference = Math.abs(answer.malignancy - native.malignancy);
      console.log(`${answer.file}: differs by ${difference.toExponential(1)}`);
      assert.equal(answer.outcome, native.outcome);
      assert.ok(difference <= 1e-3, `${answer.file} differs by ${difference}`);
      backends.push(answer.backend);
    }
    return backends;
  } finally {
    await browser.close();
  }
}

for (const [name, model] of [
  ['weights as int8', () => int8],
  ['four turns', () => turns],
]) {
  test(`${name}: dropped on the page, on WebAssembly`, async () => {
    const backends = await compare(model(), '?backend=wasm', {}, h.anyPhotos);
    assert.ok(backends.every((backend) => backend === 'wasm'));
  });

  test(`${name}: dropped on the page, on WebGPU`, async () => {
    const backends = await compare(model(), '?backend=webgpu', { webgpu: true }, [h.anyPhotos[0]]);
    assert.deepEqual(backends, ['webgpu']);
  });
}

test('the session has nothing left to do with the integers', async () => {
  const assets = await readdir(path.join(h.siteFolder, 'assets'));
  const asset = (pattern) => `${server.url}assets/${assets.find((name) => pattern.test(name))}`;
  const browser = await h.launch();
  try {
    const { page } = await h.openPage(browser);
    await page.goto(server.url);
    // Nodes that are left when ONNX Runtime Web, asked as the page asks it, has made a session.
    const nodes = async (file) => {
      const left = page.waitForEvent('console', {
        predicate: (message) => /Number of nodes: \d+/.test(message.text()),
      });
      await page.evaluate(
        async ({ runtime, wasm, text }) => {
          const ort = await import(runtime);
          ort.env.wasm.wasmPaths = { wasm };
          ort.env.wasm.numThreads = 1;
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const session = await ort.InferenceSession.create(bytes, {
            executionProviders: ['wasm'],
            graphOptimizationLevel: 'all',
            logSeverityLevel: 0,
            logVerbosityLevel: 0,
          });
          await session.release();
        },
        {
          runtime: asset(/^ort-plain-.*\.mjs$/),
          wasm: asset(/^ort-plain-.*\.wasm$/),
          text: (await readFile(file)).toString('base64'),
        },
      );
      return Number(/Number of nodes: (\d+)/.exec((await left).text())[1]);
    };
    const [folded, plain] = [await nodes(int8), await nodes(float32)];
    console.log(`${folded} nodes with int8, ${plain} with float32`);
    assert.ok(plain > 40);
    assert.equal(folded, plain);
  } finally {
    await browser.close();
  }
});
