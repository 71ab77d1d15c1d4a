// What a visitor may give the page: dropped, pasted, turned by the camera, unusual, broken.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';
import { avif, badFiles, heic, lesion, png, withOrientation } from './pictures.mjs';

let browser, server, page, complaints, folder;
const smallest = h.anyPhotos.find((name) => /600x450/.test(name)) ?? h.samples[0];

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nevus-input-'));
  server = await h.serve();
  browser = await h.launch();
  ({ page, complaints } = await h.openPage(browser));
  await h.openApp(page, server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Native answers to files made here. */
async function predictMade(files) {
  const paths = [];
  for (const { name, buffer } of files) {
    paths.push(path.join(folder, name));
    await writeFile(paths.at(-1), buffer);
  }
  return h.predict(paths);
}

const give = (kind, file) => h.give(page, kind, file);

for (const kind of ['drop', 'paste']) {
  test(`a photo by ${kind}`, async () => {
    const file = await h.asUpload(smallest, `by-${kind}.jpg`);
    await give(kind, file);
    const answer = await h.answerTo(page, file.name);
    const picked = await h.pickAndAnswer(page, smallest);
    assert.equal(answer.malignancy, picked.malignancy);
    assert.equal(answer.requests, '0');
  });
}

test('text pasted is no photo, and says so', async () => {
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/plain', 'a mole');
    document.body.dispatchEvent(
      new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: data }),
    );
  });
  await h.waitForState(page, 'failed');
  assert.match(await page.locator('#status').textContent(), /clipboard/);
});

test('broken files are refused in the words of nevus predict, and no old answer stays', async () => {
  const files = await badFiles(smallest);
  const expected = await predictMade(files);
  for (const file of files) {
    await h.pickAndAnswer(page, smallest);
    const refusal = await h.pickAndRefuse(page, file);
    const { error } = expected.get(file.name);
    console.log(`${file.name}: ${refusal.status}`);
    assert.ok(error, `nevus predict took ${file.name}`);
    assert.equal(refusal.state, 'failed', file.name);
    assert.ok(
      refusal.status.includes(`${file.name}: ${error}`),
      `${refusal.status} lacks: ${error}`,
    );
    assert.equal(refusal.resultShown, false, file.name);
    assert.equal(refusal.outcome, '', file.name);
    assert.deepEqual(refusal.attributes, {}, file.name);
  }
});

test('greyscale, 16-bit and transparent pictures are answered as natively', async () => {
  const clamp = (value) => Math.min(255, Math.max(0, value));
  const at = (x, y, c) => clamp(lesion(x, y, c));
  const files = [
    { name: 'rgb.png', buffer: png(420, 380, 'rgb', 8, at) },
    { name: 'grey.png', buffer: png(420, 380, 'grey', 8, (x, y) => at(x, y, 1)) },
    { name: 'deep.png', buffer: png(420, 380, 'rgb', 16, (x, y, c) => at(x, y, c) * 257) },
    {
      name: 'alpha.png',
      buffer: png(420, 380, 'rgba', 8, (x, y, c) =>
        c < 3 ? at(x, y, c) : clamp(600 - Math.hypot(x - 210, y - 190) * 2.2),
      ),
    },
  ].map((file) => ({ ...file, mimeType: 'image/png' }));
  const expected = await predictMade(files);
  for (const file of files) {
    const native = expected.get(file.name);
    assert.equal(native.error, undefined, file.name);
    const answer = await h.pickAndAnswer(page, file);
    assert.equal(answer.outcome, native.outcome, file.name);
    const difference = Math.abs(answer.malignancy - native.malignancy);
    console.log(`${file.name}: ${answer.outcome}, differs by ${difference.toExponential(1)}`);
    assert.ok(difference <= 1e-3, `${file.name} differs by ${difference}`);
  }
});

test('WebP and AVIF are answered as the same picture in PNG', async () => {
  const [width, height] = [416, 384];
  const at = (x, y, c) => Math.min(255, Math.max(0, lesion(x, y, c)));
  const source = png(width, height, 'rgb', 8, at);
  const expected = await h.pickAndAnswer(page, {
    name: 'as.png',
    mimeType: 'image/png',
    buffer: source,
  });
  // The browser encodes both: WebP by its canvas, AV1 by WebCodecs.
  const coded = await page.evaluate(async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]));
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    const webp = await canvas.convertToBlob({ type: 'image/webp', quality: 0.98 });
    const chunks = [];
    let failure;
    const encoder = new VideoEncoder({
      output: (chunk) => {
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        chunks.push(data);
      },
      error: (error) => (failure = error),
    });
    encoder.configure({ codec: 'av01.0.08M.08', width, height, bitrate: 20_000_000 });
    const frame = new VideoFrame(bitmap, { timestamp: 0 });
    encoder.encode(frame, { keyFrame: true });
    frame.close();
    await encoder.flush();
    if (failure) throw failure;
    const base64 = (data) => btoa(data.reduce((all, byte) => all + String.fromCharCode(byte), ''));
    return {
      webp: base64(new Uint8Array(await webp.arrayBuffer())),
      av1: chunks.map(base64),
    };
  }, source.toString('base64'));
  assert.equal(coded.av1.length, 1);
  const files = [
    { name: 'as.webp', mimeType: 'image/webp', buffer: Buffer.from(coded.webp, 'base64') },
    {
      name: 'as.avif',
      mimeType: 'image/avif',
      buffer: avif(width, height, Buffer.from(coded.av1[0], 'base64')),
    },
  ];
  for (const file of files) {
    const answer = await h.pickAndAnswer(page, file);
    const difference = Math.abs(answer.malignancy - expected.malignancy);
    console.log(`${file.name}: ${file.buffer.length} bytes, differs by ${difference.toFixed(4)}`);
    assert.equal(answer.outcome, expected.outcome, file.name);
    assert.ok(difference <= 0.05, `${file.name} differs by ${difference}`);
  }

  // A broken one is broken, not unreadable: this browser reads AVIF.
  const broken = { ...files[1], name: 'broken.avif', buffer: Buffer.from(files[1].buffer) };
  broken.buffer.fill(0xff, broken.buffer.indexOf('mdat') + 4);
  assert.match((await h.pickAndRefuse(page, broken)).status, /damaged AVIF\?/);
});

test('a HEIC says what to do, in both languages', async () => {
  const file = { name: 'IMG_0001.HEIC', mimeType: 'image/heic', buffer: heic() };
  const { status, state } = await h.pickAndRefuse(page, file);
  assert.equal(state, 'failed');
  assert.match(status, /IMG_0001\.HEIC: this browser can't read HEIC pictures; save it as a JPEG/);
  assert.match(status, /iPhone .* Settings > Camera > Formats > Most Compatible/);
  await page.locator('#language').selectOption('de');
  const german = await page.locator('#status').textContent();
  await page.locator('#language').selectOption('en');
  assert.match(german, /dieser Browser kann HEIC-Bilder nicht lesen; speichern Sie es als JPEG/);
  assert.match(german, /iPhone .* Einstellungen > Kamera > Formate > Maximale Kompatibilität/);

  const tiff = Buffer.from('II*\0\x08\0\0\0\0\0\0\0\0\0', 'latin1');
  const other = await h.pickAndRefuse(page, {
    name: 'scan.tif',
    mimeType: 'image/tiff',
    buffer: tiff,
  });
  assert.match(other.status, /can't read TIFF pictures; save it as a JPEG/);
});

test('all eight EXIF orientations give the same answer', async () => {
  // The stored pixels are the upright picture turned by the inverse, so that all eight show the same.
  // The picture is the photo as a mosaic of 16-pixel squares: each is whole blocks of one colour, so
  // compressing it anew in another direction changes no pixel.
  const source = (await readFile(smallest)).toString('base64');
  const turned = await page.evaluate(async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const [columns, rows, side] = [36, 28, 16];
    const [w, h] = [columns * side, rows * side];
    const small = await createImageBitmap(new Blob([bytes]), {
      resizeWidth: columns,
      resizeHeight: rows,
      resizeQuality: 'high',
    });
    // Canvas transforms that show a picture of orientation n upright (Exif 2.32, tag 0x0112).
    const show = {
      1: [1, 0, 0, 1, 0, 0],
      2: [-1, 0, 0, 1, w, 0],
      3: [-1, 0, 0, -1, w, h],
      4: [1, 0, 0, -1, 0, h],
      5: [0, 1, 1, 0, 0, 0],
      6: [0, 1, -1, 0, h, 0],
      7: [0, -1, -1, 0, h, w],
      8: [0, -1, 1, 0, 0, w],
    };
    const inverse = { 6: 8, 8: 6 };
    const all = [];
    for (let n = 1; n <= 8; n += 1) {
      const canvas = new OffscreenCanvas(n > 4 ? h : w, n > 4 ? w : h);
      const context = canvas.getContext('2d');
      context.imageSmoothingEnabled = false;
      context.setTransform(...show[inverse[n] ?? n]);
      context.drawImage(small, 0, 0, w, h);
      const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 1 });
      const out = new Uint8Array(await blob.arrayBuffer());
      let characters = '';
      for (const byte of out) characters += String.fromCharCode(byte);
      all.push(btoa(characters));
    }
    return all;
  }, source);
  const stored = turned.map((text) => Buffer.from(text, 'base64'));
  const files = stored.map((jpeg, index) => ({
    name: `turned-${index + 1}.jpg`,
    mimeType: 'image/jpeg',
    buffer: withOrientation(jpeg, index + 1),
  }));
  const expected = await predictMade(files);
  const answers = [];
  for (const file of files) {
    const answer = await h.pickAndAnswer(page, file);
    const native = expected.get(file.name);
    const difference = Math.abs(answer.malignancy - native.malignancy);
    assert.ok(difference <= 1e-3, `${file.name} differs by ${difference}`);
    assert.equal(answer.outcome, native.outcome, file.name);
    answers.push(answer.malignancy);
  }
  console.log(answers.map((value) => value.toFixed(6)).join(' '));
  for (const value of answers) assert.ok(Math.abs(value - answers[0]) <= 1e-5, String(value));

  // That says something only if the direction matters to the model: without the tag, it does.
  const lying = await h.pickAndAnswer(page, {
    name: 'untold.jpg',
    mimeType: 'image/jpeg',
    buffer: stored[5],
  });
  console.log(`without its tag, the sixth gives ${lying.malignancy.toFixed(6)}`);
  assert.ok(Math.abs(lying.malignancy - answers[0]) > 1e-4, 'the direction does not matter');
});

test('a broken model package is refused, and the one in use goes on', async () => {
  const before = await h.pickAndAnswer(page, smallest);
  const whole = await readFile(h.model);
  const flipped = Buffer.from(whole);
  flipped[flipped.length >> 1] ^= 1;
  for (const [name, buffer, reason] of [
    ['flipped.onnx', flipped, /hash|sha256|damaged/i],
    ['cut.onnx', whole.subarray(0, whole.length >> 1), /truncated|damaged|cut off/i],
    ['letter.onnx', Buffer.from('Dear Sir or Madam'), /truncated|damaged|not a Nevus model/i],
    ['empty.onnx', Buffer.alloc(0), /empty|truncated|damaged|not a Nevus model/i],
  ]) {
    await give('drop', { name, mimeType: '', buffer });
    await page.waitForFunction(
      (file) =>
        document.querySelector('main#app').dataset.state === 'failed' &&
        document.querySelector('#status').textContent.includes(file),
      name,
    );
    const status = await page.locator('#status').textContent();
    console.log(`${name}: ${status}`);
    assert.match(status, reason);
    assert.equal(await page.locator('#result').isVisible(), false);
    const again = await h.pickAndAnswer(page, smallest);
    assert.equal(again.malignancy, before.malignancy, name);
  }
});

test('a model package dropped on the page is used', async () => {
  const before = await h.pickAndAnswer(page, smallest);
  await give('drop', { name: 'mine.onnx', mimeType: '', buffer: await readFile(h.model) });
  await h.waitForState(page, 'ready');
  assert.match(await page.locator('#status').textContent(), /mine\.onnx/);
  const after = await h.pickAndAnswer(page, smallest);
  assert.equal(after.malignancy, before.malignancy);
});

test('nothing went wrong on the way', () => {
  const bad = complaints.filter((line) => !/GPU stall due to ReadPixels/.test(line));
  assert.deepEqual(bad, []);
});
