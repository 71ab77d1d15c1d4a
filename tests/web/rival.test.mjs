// A second model beside the one in use: both answers on one scale, each as that model alone gives it.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

let browser, server, folder, other;
before(async () => {
  server = await h.serve();
  browser = await h.launch();
  folder = await mkdtemp(path.join(os.tmpdir(), 'nevus-rival-'));
  // The same network with more exact weights: nearly the same answer, another file.
  other = path.join(folder, 'other.onnx');
  await h.convert('float32', other);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true });
});

/** The rows of the section with this title: [label, value] each. */
function rows(page, title) {
  return page.evaluate((wanted) => {
    const section = [...document.querySelectorAll('#details section')].find(
      (one) => one.querySelector('h2').textContent === wanted,
    );
    if (!section) return [];
    const values = [...section.querySelectorAll('dd:not(.note)')];
    return [...section.querySelectorAll('dt')].map((label, i) => [
      label.textContent,
      values[i].textContent,
    ]);
  }, title);
}

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`two models side by side, also for another frame and the next photo: ${name}`, async () => {
    const { page, context } = await h.openPage(browser, screen);
    await h.openApp(page, server.url);
    await h.pickAndAnswer(page, h.samples[0]);
    await h.press(page.locator('#expert-toggle'));
    const answered = async () => {
      await page.waitForFunction(() =>
        /Two models/.test(document.querySelector('#details').textContent),
      );
      await page.waitForFunction(
        () => !/being asked/.test(document.querySelector('#details').textContent),
      );
      return rows(page, 'Two models on this photo');
    };
    const check = async (file) => {
      const [own, its] = await answered();
      const name = path.basename(file);
      const native = (await h.predict([file], other)).get(name);
      const shown = Number.parseFloat(its[1].replace(/^(under|over) /, ''));
      assert.ok(Math.abs(shown - 100 * native.malignancy) < 1, `${its[1]}, ${native.malignancy}`);
      const { malignancy } = await h.readResult(page);
      assert.ok(
        Math.abs(Number.parseFloat(own[1].replace(/^(under|over) /, '')) - 100 * malignancy) < 1,
      );
    };
    await page.locator('#rival-input').setInputFiles(other);
    await check(h.samples[0]);
    await h.pickAndAnswer(page, h.samples[1]);
    await check(h.samples[1]);
    const { requests } = await h.readResult(page);
    assert.equal(requests, '0');

    // What is no model is refused by name, and the one that is there stays.
    await page
      .locator('#rival-input')
      .setInputFiles({ name: 'odd.onnx', mimeType: '', buffer: Buffer.from('not a model at all') });
    await page.waitForFunction(() =>
      /^odd\.onnx: /.test(document.querySelector('#rival-status').textContent),
    );
    assert.equal((await rows(page, 'Two models on this photo')).length, 2);
    await h.press(page.locator('#rival-remove'));
    await page.waitForFunction(
      () => !/Two models/.test(document.querySelector('#details').textContent),
    );
    await context.close();
  });
}
