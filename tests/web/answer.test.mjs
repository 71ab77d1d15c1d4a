// Around an answer: what it says in words, the report on paper, the files for many photos, the expert
// view, the proof of privacy and the diagnostics.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as h from './harness.mjs';

const alarming = h.samples.find((name) => /malignant_00006/.test(name));
const OTHER_PICTURES = ['app.png', 'report.png'].map((name) =>
  fileURLToPath(new URL(`../../docs/images/${name}`, import.meta.url)),
);
const empty = { name: 'empty.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(0) };
const pictures = path.join(path.dirname(h.siteFolder), 'screenshots');

let browser, server, card;
before(async () => {
  await mkdir(pictures, { recursive: true });
  card = JSON.parse(await readFile(path.join(h.siteFolder, 'model.json'), 'utf8'));
  server = await h.serve();
  browser = await h.launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function withPage(options, use) {
  const { context, page } = await h.openPage(browser, options);
  try {
    await h.openApp(page, server.url);
    await use(page, context);
  } finally {
    await context.close();
  }
}

const details = (page) => page.locator('#details').textContent();
const stability = async (page) => {
  await page.waitForFunction(() => document.querySelector('#result').dataset.stability);
  return JSON.parse(await page.locator('#result').getAttribute('data-stability'));
};
/** Text read as a number: "86 %" → 0.86. */
const share = (text) => Number(text.replace(/[^\d.]/g, '')) / 100;
/** The value beside a label in the mirror. */
const valueOf = (page, label) =>
  page
    .locator('#details dt', { hasText: label })
    .first()
    .locator('xpath=following::dd[1]')
    .innerText();

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`the answer in plain words, and what turning the photo does: ${name}`, async () => {
    await withPage(screen, async (page) => {
      const answer = await h.pickAndAnswer(page, alarming);
      const count = Math.round(answer.malignancy * 100);
      const words = await details(page);
      assert.ok(
        words.includes(
          `Of 100 validation photos that the model scores like this one, about ${count} were malignant.`,
        ),
        words,
      );
      assert.match(words, /Among ordinary moles far fewer/);
      const told = Number(/From ([\d.]+)\s%/.exec(words)?.[1]) / 100;
      assert.ok(Math.abs(told - card.operating_point.threshold) <= 0.005, `threshold ${told}`);
      const turned = await stability(page);
      assert.equal(turned.views, 8);
      assert.ok(turned.low < turned.high, 'eight views gave one figure');
      assert.ok(turned.low <= answer.malignancy && answer.malignancy <= turned.high);
      assert.match(await details(page), /flips and quarter turns of the photo/);
      assert.equal(await page.locator('#requests').textContent(), '0');
    });
  });
}

test('the eight views are those that the turned files would give', async () => {
  await withPage({}, async (page) => {
    await h.pickAndAnswer(page, alarming);
    const told = await stability(page);
    // The same eight, made as files by the browser's canvas: PNGs of the turned square, so that the
    // square crop and the resize meet the same pixels.
    const source = (await readFile(alarming)).toString('base64');
    const files = await page.evaluate(async (text) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const photo = await createImageBitmap(new Blob([bytes]));
      const side = Math.min(photo.width, photo.height);
      const [left, top] = [(photo.width - side) >> 1, (photo.height - side) >> 1];
      const out = [];
      for (let view = 0; view < 8; view += 1) {
        const canvas = new OffscreenCanvas(side, side);
        const context = canvas.getContext('2d');
        context.translate(side / 2, side / 2);
        context.rotate(((view & 3) * Math.PI) / 2);
        if (view & 4) context.scale(-1, 1);
        context.drawImage(photo, left, top, side, side, -side / 2, -side / 2, side, side);
        const png = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
        let letters = '';
        for (const byte of png) letters += String.fromCharCode(byte);
        out.push(btoa(letters));
      }
      return out;
    }, source);
    const estimates = [];
    for (const [view, text] of files.entries()) {
      const file = {
        name: `view-${view}.png`,
        mimeType: 'image/png',
        buffer: Buffer.from(text, 'base64'),
      };
      estimates.push((await h.pickAndAnswer(page, file)).malignancy);
    }
    console.log(`told ${told.low} to ${told.high}; files ${estimates.join(' ')}`);
    // Resizing is symmetric but for rounding to whole values.
    assert.ok(Math.abs(Math.min(...estimates) - told.low) < 0.01);
    assert.ok(Math.abs(Math.max(...estimates) - told.high) < 0.01);
  });
});

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`the expert view: all figures, and predictive values by Bayes: ${name}`, async () => {
    await withPage(screen, async (page) => {
      await h.pickAndAnswer(page, alarming);
      assert.doesNotMatch(await details(page), /Predictive values/);
      assert.equal(await page.locator('#prevalence').isVisible(), false);
      const toggle = page.locator('#expert-toggle');
      await (screen.hasTouch ? toggle.tap() : toggle.click());
      assert.equal(await toggle.getAttribute('aria-pressed'), 'true');
      const words = await details(page);
      for (const wanted of [card.sha256, card.license, card.intended_use, 'Sharpness', 'Decoding'])
        assert.ok(words.includes(wanted), `${wanted} is missing`);
      await page.waitForFunction(() => document.querySelector('#expert-controls').offsetWidth > 0);
      const slider = page.locator('#prevalence');
      await slider.scrollIntoViewIfNeeded();
      await slider.focus();
      const { sensitivity, specificity, n } = card.operating_point;
      assert.ok(words.includes(`measured on ${n} validation photos`));
      for (const [key, prevalence] of [
        ['Home', 0.001],
        ['End', 0.5],
      ]) {
        await page.keyboard.press(key);
        assert.ok(
          Math.abs(share(await page.locator('#prevalence-value').innerText()) - prevalence) < 1e-9,
        );
        const [hit, alarm] = [sensitivity * prevalence, (1 - specificity) * (1 - prevalence)];
        const shown = share(await valueOf(page, 'Malignant, if'));
        assert.ok(Math.abs(shown - hit / (hit + alarm)) <= 0.005, `${shown} at ${prevalence}`);
      }
      await page.screenshot({ path: path.join(pictures, `expert-${name}.png`) });
      const overflow = await page.evaluate(
        (width) => document.documentElement.scrollWidth - width,
        screen.viewport.width,
      );
      assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    });
  });
}

test("what is unlike the training photos can't be judged, and that is the reason", async () => {
  // Our samples are like the training photos; pictures of a page and of a sheet of paper are not.
  const files = [...h.samples, ...OTHER_PICTURES];
  const expected = await h.predict(files);
  const reason = 'It does not look like the photos that this model learnt from.';
  await withPage({}, async (page) => {
    for (const file of files) {
      const typical = !OTHER_PICTURES.includes(file);
      const native = expected.get(path.basename(file));
      assert.equal(native.error, undefined);
      assert.equal(native.typicality.typical, typical, file);
      const answer = await h.pickAndAnswer(page, file);
      assert.equal(answer.outcome, native.outcome, file);
      const words = await details(page);
      assert.equal(words.includes(reason), !typical, file);
      assert.equal(/Of 100 validation photos/.test(words), typical, file);
      assert.equal(/Distance to the training photos/.test(words), !typical, file);
    }
  });
});

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`the report: photo, heat-map, the outcome word for word, figures, model, date, disclaimer: ${name}`, async () => {
    await withPage(screen, async (page) => {
      // Without an answer, paper gets the page's text.
      await page.emulateMedia({ media: 'print' });
      assert.equal(await page.locator('#status').isVisible(), true);
      assert.ok((await page.locator('#status').boundingBox()).width > 300);
      await page.emulateMedia({ media: null });
      const answer = await h.pickAndAnswer(page, alarming);
      await stability(page);
      // The button asks for the browser's own print dialogue, which a headless browser has not.
      await page.evaluate(() => {
        globalThis.print = () => {
          globalThis.printed = true;
          dispatchEvent(new Event('beforeprint'));
        };
      });
      await page.locator('#print').click();
      assert.equal(await page.evaluate(() => globalThis.printed), true);
      await page.emulateMedia({ media: 'print' });
      assert.equal(await page.locator('main').isVisible(), false);
      const report = page.locator('#report');
      const text = await report.innerText();
      for (const wanted of [
        answer.sentence,
        path.basename(alarming),
        card.name,
        card.sha256,
        'Nevus 0.',
        'not a diagnosis',
        String(new Date().getFullYear()),
        'Sensitivity',
        ...card.known_limits,
      ])
        assert.ok(text.includes(wanted), `the report lacks: ${wanted}`);
      // Two pictures with something on them, and the second is not the first.
      const looks = await report.locator('canvas').evaluateAll((all) =>
        all.map((canvas) => {
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return {
            colours: new Set(new Uint32Array(data.buffer)).size,
            sum: data.reduce((a, b) => a + b, 0),
          };
        }),
      );
      assert.equal(looks.length, 2);
      for (const { colours } of looks) assert.ok(colours > 500);
      assert.notEqual(looks[0].sum, looks[1].sum);
      await page.screenshot({ path: path.join(pictures, `report-${name}.png`), fullPage: true });
      // Afterwards no pixels stay behind.
      await page.evaluate(() => dispatchEvent(new Event('afterprint')));
      assert.equal(await report.locator('canvas').count(), 0);
      // The browser's own command prints the same; as PDF it is a page or two.
      const pdf = (await page.pdf({ format: 'A4' })).toString('latin1');
      const pages = pdf.match(/\/Type\s*\/Page\b/g).length;
      assert.ok(pages >= 1 && pages <= 2, `${pages} pages`);
    });
  });
}

/** Clicks, and reads the file that the page hands over. */
async function download(page, button) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator(button).click()]);
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
}

test('CSV and JSON of all photos, as nevus predict writes them, without a request', async () => {
  await withPage({ acceptDownloads: true }, async (page, context) => {
    await h.pick(page, [...(await Promise.all(h.samples.map((file) => h.asUpload(file)))), empty]);
    await page.waitForFunction((count) => {
      const { answered, failed } = document.querySelector('#queue').dataset;
      return Number(answered) === count && Number(failed) === 1;
    }, h.samples.length);
    const asked = [];
    context.on('request', (request) => {
      if (/^https?:/.test(request.url())) asked.push(request.url());
    });
    const csv = await download(page, '#save-csv');
    assert.match(csv.name, /^nevus-\d{4}-\d\d-\d\d\.csv$/);
    const json = await download(page, '#save-json');
    assert.deepEqual(asked, []);
    assert.equal(await page.locator('#requests').textContent(), '0');

    const expected = await h.predict(h.samples);
    const table = csv.text.trimEnd().split('\n');
    assert.equal(
      table[0],
      `file,outcome,sentence,malignancy,${card.classes.map(({ id }) => `p_${id}`).join(',')},remark`,
    );
    assert.equal(table.length, h.samples.length + 2);
    const value = JSON.parse(json.text);
    assert.equal(value.model.sha256, card.sha256);
    assert.equal(value.photos.length, h.samples.length + 1);
    assert.deepEqual(value.photos.at(-1), { file: 'empty.jpg', error: 'the file is empty' });
    assert.equal(
      table.at(-1),
      `empty.jpg,,,,${card.classes.map(() => '').join(',')},the file is empty`,
    );
    for (const [index, file] of h.samples.entries()) {
      const native = expected.get(path.basename(file));
      const photo = value.photos[index];
      assert.equal(photo.file, path.basename(file));
      // Every key that the native program writes, the page writes too.
      for (const key of Object.keys(native)) assert.ok(key in photo, key);
      assert.deepEqual(Object.keys(photo.probabilities), Object.keys(native.probabilities));
      assert.deepEqual(photo.quality, native.quality);
      assert.ok(Math.abs(photo.malignancy - native.malignancy) <= 1e-3);
      const cells = table[index + 1]
        .match(/("([^"]|"")*"|[^,]*)(,|$)/g)
        .map((cell) => cell.replace(/,$/, ''));
      assert.equal(cells[1], native.outcome);
      assert.equal(cells[2].replaceAll('"', ''), native.sentence);
      assert.equal(cells[3], photo.malignancy.toFixed(6));
    }
  });
});

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`the proof of privacy: counts, hashes that are right, no request for it: ${name}`, async () => {
    await withPage(screen, async (page, context) => {
      await h.pickAndAnswer(page, alarming);
      const asked = [];
      context.on('request', (request) => {
        if (/^https?:/.test(request.url())) asked.push(request.url());
      });
      await page.locator('#privacy-open').click();
      assert.equal(await page.locator('#requests-photo').innerText(), '0');
      assert.ok(Number(await page.locator('#requests-load').innerText()) > 5);
      await page.locator('#files-check').click();
      await page.locator('#files tbody tr').first().waitFor();
      const files = await page
        .locator('#files tbody tr')
        .evaluateAll((rows) => rows.map(({ cells }) => [...cells].map((cell) => cell.textContent)));
      assert.ok(files.some(([file]) => file.endsWith('.onnx')));
      assert.ok(files.some(([file]) => file === 'app/index.html'));
      for (const [file, hash] of files)
        assert.equal(
          hash,
          createHash('sha256')
            .update(await readFile(path.join(h.siteFolder, file)))
            .digest('hex'),
          file,
        );
      const summary = await page.locator('#files-summary').innerText();
      assert.match(
        summary,
        new RegExp(`^${files.length} files, .* ${files.length} of them are what`),
      );
      await page.screenshot({ path: path.join(pictures, `privacy-${name}.png`) });
      assert.deepEqual(asked, []);
      assert.equal(await page.locator('#requests-photo').innerText(), '0');
      await page.keyboard.press('Escape');
      assert.equal(await page.locator('#privacy').isVisible(), false);
    });
  });
}

test('a file that was changed on the device is told', async () => {
  await withPage({}, async (page) => {
    await page.evaluate(async () => {
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys())
          if (new URL(request.url).pathname === '/privacy.html')
            await cache.put(request, new Response('altered'));
      }
    });
    await page.locator('#privacy-open').click();
    await page.locator('#files-check').click();
    await page.locator('#files .wrong').waitFor();
    assert.match(await page.locator('#files .wrong').innerText(), /privacy\.html/);
  });
});

test('diagnostics: what a bug report needs, and nothing of the photo', async () => {
  await withPage({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
    const upload = await h.asUpload(alarming, 'my-secret-spot.jpg');
    const answer = await h.pickAndAnswer(page, upload);
    await page.locator('#privacy-open').click();
    await page.locator('#diagnostics-copy').click();
    await page.waitForFunction(
      () => document.querySelector('#diagnostics-status').textContent !== '',
    );
    const text = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(text, await page.locator('#diagnostics-text').inputValue());
    for (const wanted of [
      /^Nevus: \d+\.\d+/m,
      /^Browser: .*Chrom/m,
      /^Backend: wasm/m,
      /^WebGPU adapter: /m,
      /^WebGL: .+/m,
      /^JavaScript heap: \d+ MB/m,
      /^Timings, ms: decode [\d.]+, copy [\d.]+, preprocess [\d.]+, inference [\d.]+/m,
      /^Service worker: active/m,
    ])
      assert.match(text, wanted);
    assert.ok(text.includes(card.sha256));
    assert.ok(!text.includes('secret'), 'a file name');
    assert.ok(
      !text.includes(answer.outcome) && !text.includes(answer.malignancy.toFixed(2)),
      'an answer',
    );
  });
  // By the address alone, too.
  await withPage({}, async (page) => {
    await h.openApp(page, server.url, '?backend=wasm&diagnostics');
    assert.equal(await page.locator('#diagnostics-copy').isVisible(), true);
  });
});

test('on a phone and at 320 pixels, in both languages, everything fits', async () => {
  for (const language of ['en', 'de'])
    for (const width of [320, 390]) {
      await withPage({ viewport: { width, height: 700 }, locale: language }, async (page) => {
        await h.pick(page, await Promise.all(h.samples.map((file) => h.asUpload(file))));
        await h.waitForState(page, 'answered');
        await page.locator('#expert-toggle').click();
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${language}: ${wide} px on a screen of ${width}`);
        await page.screenshot({ path: path.join(pictures, `fits-${language}-${width}.png`) });
      });
    }
});
