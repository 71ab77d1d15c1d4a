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

test('nothing went wrong on the way', () => {
  const bad = view.complaints.filter((line) => !/GPU stall due to ReadPixels/.test(line));
  assert.deepEqual(bad, []);
});
