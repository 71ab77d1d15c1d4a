// Photos over time: kept on this device only, encrypted if one likes, compared, exported, imported, and
// deleted without a rest. In the real browser; nothing is asked of the network.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';
import { lesion, png } from './pictures.mjs';

const PHONE = {
  viewport: { width: 320, height: 640 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
const NAME = 'left arm, outside';
const PASSPHRASE = 'correct horse battery';

let browser, server;
const pictures = path.join(path.dirname(h.siteFolder), 'screenshots');

before(async () => {
  await mkdir(pictures, { recursive: true });
  server = await h.serve();
  browser = await h.launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** What the second photo's camera does to the first one: turned, nearer, shifted. */
const TURN = { degrees: 15, scale: 1.15, x: 12, y: -8 };

/** The same spot twice: the second time warped by TURN, under other light. */
function photo(which) {
  const turn = (TURN.degrees * Math.PI) / 180;
  const mottle = (x, y) => 9 * Math.sin(x / 7 + y / 19) * Math.cos(y / 9 - x / 23);
  const sample = (x, y, c) => {
    const light = which === 2 ? 0.92 : 1;
    return Math.min(255, Math.max(0, Math.round(light * (lesion(x, y, c) + mottle(x, y)))));
  };
  const buffer = png(400, 380, 'rgb', 8, (x, y, c) => {
    if (which !== 2) return sample(x, y, c);
    // From the second photo's pixel to the first one's.
    const [dx, dy] = [x - 200 - TURN.x, y - 190 - TURN.y];
    return sample(
      200 + (dx * Math.cos(turn) - dy * Math.sin(turn)) / TURN.scale,
      190 + (dx * Math.sin(turn) + dy * Math.cos(turn)) / TURN.scale,
      c,
    );
  });
  return { name: `arm-${which}.png`, mimeType: 'image/png', buffer };
}

const dialog = (page) => page.locator('#journal');
const view = (page, name) =>
  page.waitForFunction(
    (wanted) => document.querySelector('#journal[open]')?.dataset.view === wanted,
    name,
  );
const status = (page, pattern) =>
  page.waitForFunction(
    ([source, flags]) =>
      new RegExp(source, flags).test(document.querySelector('#journal-status')?.textContent ?? ''),
    [pattern.source, pattern.flags],
  );
const entries = (page) => page.locator('#journal .entry');
const databases = (page) =>
  page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));

async function open(page) {
  await h.press(page.locator('#journal-open'));
  await page.waitForSelector('#journal[open]');
}
const close = (page) => h.press(page.locator('#journal-close'));

/** Two photos of one spot are kept, from the first question on. @return their outcomes */
async function keepTwo(page, passphrase = '', [early, late] = [photo(1), photo(2)]) {
  const before = await h.pickAndAnswer(page, early);
  await h.press(page.locator('#journal-keep'));
  await view(page, 'start');
  await page.locator('#journal-name').fill(NAME);
  await page.locator('#journal-date').fill('2026-01-05');
  await page.locator('#journal-passphrase').fill(passphrase);
  await page.locator('#journal-passphrase-again').fill(passphrase);
  await h.press(page.locator('#journal-begin'));
  await view(page, 'list');
  await status(page, /browser/);
  await close(page);
  const after = await h.pickAndAnswer(page, late);
  await h.press(page.locator('#journal-keep'));
  await view(page, 'keep');
  await page.locator('#journal-date').fill('2026-03-07');
  await h.press(page.locator('#journal-save'));
  await view(page, 'list');
  assert.equal(await entries(page).count(), 2);
  return [before.outcome, after.outcome];
}

/** Every byte that the database holds, keys and values, as one latin1 text. */
const everythingStored = (page) =>
  page.evaluate(async () => {
    const database = await new Promise((resolve, reject) => {
      const request = indexedDB.open('nevus-journal');
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const parts = [];
    const collect = (value) => {
      if (value instanceof Uint8Array) {
        let text = '';
        for (const byte of value) text += String.fromCharCode(byte);
        parts.push(text);
      } else if (typeof value === 'object' && value !== null) {
        for (const [key, inner] of Object.entries(value)) {
          parts.push(key);
          collect(inner);
        }
      } else {
        parts.push(String(value));
      }
    };
    for (const name of database.objectStoreNames) {
      const store = database.transaction(name).objectStore(name);
      for (const method of ['getAllKeys', 'getAll'])
        collect(
          await new Promise((resolve) => {
            const request = store[method]();
            request.onsuccess = () => resolve(request.result);
          }),
        );
    }
    database.close();
    return parts.join('\n');
  });

async function exported(page) {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    h.press(page.locator('#journal-export')),
  ]);
  assert.equal(download.suggestedFilename(), 'nevus-photos.nevus-journal');
  return readFile(await download.path());
}

const importing = (page, buffer, name = 'nevus-photos.nevus-journal') =>
  page
    .locator('#journal-file')
    .setInputFiles({ name, mimeType: 'application/octet-stream', buffer });

/** The header of an exported file, and what follows it. */
function parts(file) {
  const length = file.readUInt32LE(8);
  return {
    header: JSON.parse(file.subarray(12, 12 + length).toString()),
    rest: file.subarray(12 + length),
  };
}
function whole(header, rest) {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.from('NEVUSJNL\0\0\0\0', 'latin1');
  prefix.writeUInt32LE(json.length, 8);
  return Buffer.concat([prefix, json, rest]);
}

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`off until asked for; kept over a reload; compared, aligned as it was turned; no request: ${name}`, async () => {
    const { context, page, requests, complaints } = await h.openPage(browser, screen);
    try {
      await h.openApp(page, server.url);
      await h.pickAndAnswer(page, photo(1));
      const asked = requests.length;
      await open(page);
      await view(page, 'start');
      assert.deepEqual(await databases(page), [], 'looking makes a database');
      await close(page);
      const outcomes = await keepTwo(page);
      assert.deepEqual(requests.slice(asked), []);
      assert.equal(await page.locator('#requests').textContent(), '0');

      await page.reload();
      await h.waitForState(page, 'ready');
      const later = requests.length;
      await open(page);
      await view(page, 'list');
      assert.equal(await page.locator('#journal .spot').getAttribute('data-spot'), NAME);
      assert.deepEqual(
        await entries(page).evaluateAll((all) => all.map(({ dataset }) => dataset.date)),
        ['2026-01-05', '2026-03-07'],
      );
      // By the keyboard.
      await page.locator('#journal .compare').focus();
      await page.keyboard.press('Enter');
      await view(page, 'compare');
      const alignment = JSON.parse(
        await page.locator('#journal-alignment').getAttribute('data-alignment'),
      );
      console.log(JSON.stringify(alignment));
      assert.equal(alignment.aligned, true);
      const { transform } = alignment;
      assert.ok(Math.abs(transform.scale * TURN.scale - 1) < 0.01, `scale ${transform.scale}`);
      assert.ok(Math.abs(transform.degrees - TURN.degrees) < 0.5, `turn ${transform.degrees}`);
      // The middle of the spot, from the second photo to the first.
      const [x, y] = [200.5 + TURN.x, 190.5 + TURN.y];
      const back = [
        transform.a * x - transform.b * y + transform.tx,
        transform.b * x + transform.a * y + transform.ty,
      ];
      assert.ok(Math.hypot(back[0] - 200.5, back[1] - 190.5) < 1, `shift ${back}`);
      assert.ok(alignment.after > alignment.before + 0.05);

      // What is drawn: aligned, the two pictures are alike; not aligned, they are less so.
      const likeness = () =>
        page.evaluate(() => {
          const [a, b] = [...document.querySelectorAll('#journal .pair canvas')].map((canvas) =>
            canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height),
          );
          const [x, y] = [[], []];
          for (let at = 0; at < a.data.length; at += 4 * 7)
            if (a.data[at + 3] > 0 && b.data[at + 3] > 0) {
              x.push(a.data[at + 1]);
              y.push(b.data[at + 1]);
            }
          const mean = (all) => all.reduce((sum, value) => sum + value, 0) / all.length;
          const [mx, my] = [mean(x), mean(y)];
          let [xy, xx, yy] = [0, 0, 0];
          x.forEach((value, i) => {
            xy += (value - mx) * (y[i] - my);
            xx += (value - mx) ** 2;
            yy += (y[i] - my) ** 2;
          });
          return xy / Math.sqrt(xx * yy);
        });
      await page.locator('#journal-outlines').uncheck();
      const together = await likeness();
      await page.locator('#journal-align').uncheck();
      const apart = await likeness();
      console.log(`likeness on screen: ${apart.toFixed(3)}, aligned ${together.toFixed(3)}`);
      assert.ok(together > 0.95 && together > apart + 0.01);
      await page.locator('#journal-align').check();
      await page.locator('#journal-outlines').check();

      // The wipe, by the keyboard: all the way to the left only the later photo is there.
      await page.locator('#journal-wipe').check();
      const over = page.locator('#journal .over canvas');
      const half = await over.screenshot();
      await page.locator('#journal-line').focus();
      await page.keyboard.press('Home');
      assert.equal(await page.locator('#journal-line').inputValue(), '0');
      assert.notDeepEqual(await over.screenshot(), half);

      const words = await dialog(page).innerText();
      assert.match(words, /measurements, not a verdict/);
      assert.match(words, /for a doctor to judge/);
      assert.doesNotMatch(words, /\bsafe|harmless|unchanged\b/i);
      for (const label of ['Asymmetry', 'Border', 'Colours'])
        assert.ok(words.includes(label), label);
      // These drawings differ from any photo: where one can't be judged, no estimate is compared.
      assert.equal(words.includes('Estimate'), !outcomes.includes('cannot_judge'));
      assert.deepEqual(requests.slice(later), []);

      // Removing one asks once; the spot goes with its last photo.
      await h.press(page.locator('#journal-back'));
      await view(page, 'list');
      await h.press(entries(page).first());
      await h.press(page.locator('#journal .remove'));
      await h.press(page.locator('#journal .danger'));
      await status(page, /Removed/);
      assert.equal(await entries(page).count(), 1);
      await page.keyboard.press('Escape');
      assert.equal(await dialog(page).isVisible(), false);
      assert.deepEqual(
        // The second one is about how this test reads the pictures.
        complaints.filter((line) => !/GPU stall due to ReadPixels|willReadFrequently/.test(line)),
        [],
      );
    } finally {
      await context.close();
    }
  });
}

test('two photos that were judged: their estimates are compared, as figures and not as a verdict', async () => {
  const { context, page } = await h.openPage(browser);
  try {
    await h.openApp(page, server.url);
    const outcomes = await keepTwo(page, '', h.samples.slice(0, 2));
    assert.ok(!outcomes.includes('cannot_judge'), 'the samples are to be judged');
    await h.press(page.locator('#journal .compare'));
    await view(page, 'compare');
    assert.match(await dialog(page).innerText(), /Estimate[\s\S]*\d\s%/);
  } finally {
    await context.close();
  }
});

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`a passphrase: no plain byte is stored, the wrong one is refused, the right one opens: ${name}`, async () => {
    const { context, page } = await h.openPage(browser, screen);
    try {
      await h.openApp(page, server.url);
      await keepTwo(page);
      const JPEG = '\xff\xd8\xff';
      let stored = await everythingStored(page);
      assert.ok(stored.includes(NAME) && stored.includes(JPEG), 'the search finds nothing');

      // Two that differ, and one that is too short.
      await h.press(page.locator('#journal-passphrase-open'));
      await view(page, 'passphrase');
      const set = async (first, second = first) => {
        await page.locator('#journal-passphrase').fill(first);
        await page.locator('#journal-passphrase-again').fill(second);
        await h.press(page.locator('#journal-passphrase-save'));
      };
      await set(PASSPHRASE, 'correct horse batteries');
      await status(page, /differ/);
      await set('short');
      await status(page, /fewer than 8/);
      await set(PASSPHRASE);
      await status(page, /everything is encrypted/);
      const encrypted = (text, when) => {
        for (const [what, plain] of Object.entries({
          'the name': NAME,
          'a JPEG': JPEG,
          'a date': '2026-01-05',
          'an outcome': 'nothing_alarming',
          'another outcome': 'show_doctor',
          'the passphrase': PASSPHRASE,
        }))
          assert.ok(!text.includes(plain), `${when}: ${what} is stored as it is`);
      };
      encrypted(await everythingStored(page), 'set');

      // Still there and readable; locked, and after a reload, only with the passphrase.
      await h.press(page.locator('#journal .compare'));
      await view(page, 'compare');
      await h.press(page.locator('#journal-back'));
      await h.press(page.locator('#journal-lock'));
      await view(page, 'locked');
      assert.equal(await entries(page).count(), 0);
      await page.reload();
      await h.waitForState(page, 'ready');
      await open(page);
      await view(page, 'locked');
      assert.ok(!(await dialog(page).innerText()).includes(NAME));
      await page.locator('#journal-passphrase').fill('correct horse battery!');
      await page.keyboard.press('Enter');
      await status(page, /not the passphrase/);
      await page.locator('#journal-passphrase').fill(PASSPHRASE);
      await page.keyboard.press('Enter');
      await view(page, 'list');
      assert.equal(await entries(page).count(), 2);
      await page.waitForFunction(() =>
        [...document.querySelectorAll('#journal .thumb img')].every((one) => one.naturalWidth > 0),
      );

      // An encrypted file, into a browser that never saw the photos: its passphrase is asked for.
      const file = await exported(page);
      encrypted(file.toString('latin1'), 'exported');
      const other = await h.openPage(browser, screen);
      try {
        await h.openApp(other.page, server.url);
        await open(other.page);
        await importing(other.page, file);
        await view(other.page, 'file');
        await other.page.locator('#journal-file-passphrase').fill('something else');
        await h.press(other.page.locator('#journal-file-open'));
        await status(other.page, /not the passphrase/);
        assert.deepEqual(await databases(other.page), []);
        await other.page.locator('#journal-file-passphrase').fill(PASSPHRASE);
        await h.press(other.page.locator('#journal-file-open'));
        await view(other.page, 'list');
        assert.equal(await entries(other.page).count(), 2);
        encrypted(await everythingStored(other.page), 'imported');
      } finally {
        await other.context.close();
      }

      // Removed again: as it was.
      await h.press(page.locator('#journal-passphrase-open'));
      await h.press(page.locator('#journal-passphrase-remove'));
      await status(page, /nothing is encrypted/);
      stored = await everythingStored(page);
      assert.ok(stored.includes(NAME) && stored.includes(JPEG));
      assert.equal(await entries(page).count(), 2);
    } finally {
      await context.close();
    }
  });
}

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`export, delete everything, import: all back; what is known is not doubled; bad files change nothing: ${name}`, async () => {
    const { context, page } = await h.openPage(browser, screen);
    try {
      await h.openApp(page, server.url);
      await keepTwo(page);
      const file = await exported(page);
      const { header, rest } = parts(file);
      assert.equal(header.lock, null);
      assert.equal(header.records.length, 1 + 3 * 2);

      await importing(page, file);
      await status(page, /Added: 0\. Here already: 2\./);
      assert.equal(await entries(page).count(), 2);

      await h.press(page.locator('#journal-erase'));
      await view(page, 'erase');
      await h.press(page.locator('#journal-erase-no'));
      await view(page, 'list');
      await h.press(page.locator('#journal-erase'));
      await h.press(page.locator('#journal-erase-yes'));
      await view(page, 'start');
      assert.deepEqual(await databases(page), []);
      assert.equal(await page.evaluate(() => localStorage.getItem('nevus.journal')), null);
      await close(page);
      await open(page);
      await view(page, 'start');
      assert.equal(await page.locator('#journal-lost').count(), 0, 'deleting is called a loss');

      await importing(page, file);
      await view(page, 'list');
      await status(page, /Added: 2\./);
      assert.equal(await page.locator('#journal .spot').getAttribute('data-spot'), NAME);
      const before = await everythingStored(page);

      const changed = (change) => {
        const copy = structuredClone(header);
        change(copy);
        return whole(copy, rest);
      };
      const flipped = Buffer.from(file);
      flipped[flipped.length - 100] ^= 1;
      const { createHash } = await import('node:crypto');
      /** The entry's JSON changed, and its hash and length made to fit. */
      const entry = (change) => {
        const copy = structuredClone(header);
        const index = copy.records.findIndex(({ kind }) => kind === 'entry');
        const at = copy.records.slice(0, index).reduce((sum, { length }) => sum + length, 0);
        const row = copy.records[index];
        const value = JSON.parse(rest.subarray(at, at + row.length).toString());
        change(value);
        const json = Buffer.from(JSON.stringify(value));
        const after = rest.subarray(at + row.length);
        row.length = json.length;
        row.sha256 = createHash('sha256').update(json).digest('hex');
        return whole(copy, Buffer.concat([rest.subarray(0, at), json, after]));
      };
      const bad = {
        'no such file': [Buffer.from('Dear Sir or Madam'), /not a file that this page/],
        empty: [Buffer.alloc(0), /not a file that this page/],
        'cut in the header': [file.subarray(0, 40), /cut off/],
        'cut in a photo': [file.subarray(0, file.length - 5000), /cut off/],
        'a byte changed': [flipped, /sha256/],
        'bytes behind': [Buffer.concat([file, Buffer.alloc(3)]), /\(length\)/],
        'no JSON': [whole('{"format":', rest), /\(header\)/],
        'another format': [changed((one) => (one.format = 'zip')), /\(format\)/],
        'a newer version': [changed((one) => (one.format_version = 2)), /newer version/],
        'too many records': [
          changed((one) => (one.records = Array(9000).fill(one.records[0]))),
          /\(records\)/,
        ],
        'the same record twice': [
          changed((one) => (one.records[1].id = one.records[0].id)),
          /records\[\d\]/,
        ],
        'a huge record': [changed((one) => (one.records[0].length = 1e12)), /records\[0\]\.length/],
        'a negative length': [
          changed((one) => (one.records[0].length = -1)),
          /records\[0\]\.length/,
        ],
        'an id that is a path': [changed((one) => (one.records[0].id = '../vault')), /\.id/],
        'years of key making': [
          changed(
            (one) =>
              (one.lock = {
                kdf: 'PBKDF2-HMAC-SHA-256',
                iterations: 1e12,
                salt: '',
                iv: '',
                check: '',
              }),
          ),
          /lock\.iterations/,
        ],
        'a weak key': [
          changed(
            (one) =>
              (one.lock = {
                kdf: 'PBKDF2-HMAC-SHA-256',
                iterations: 1,
                salt: '',
                iv: '',
                check: '',
              }),
          ),
          /lock\.iterations/,
        ],
        'a date that is none': [entry((one) => (one.date = '<b>')), /\.date/],
        'a foreign outcome': [entry((one) => (one.answer.outcome = 'safe')), /answer\.outcome/],
        'a point outside': [
          entry((one) => (one.answer.figures.outline[0] = [1e9, 0])),
          /figures\.outline/,
        ],
        'a wrong size': [entry((one) => (one.photo.width = 1599)), /\.photo/],
        'an unknown spot': [
          entry((one) => (one.spot = '00000000-0000-0000-0000-000000000000')),
          /\.spot/,
        ],
      };
      for (const [what, [buffer, reason]] of Object.entries(bad)) {
        await importing(page, buffer, `${what}.nevus-journal`);
        await status(page, reason).catch(async () => {
          throw new Error(`${what}: ${await page.locator('#journal-status').textContent()}`);
        });
        assert.match(
          await page.locator('#journal-status').textContent(),
          /Nothing was changed/,
          what,
        );
      }
      assert.equal(await everythingStored(page), before);
      assert.equal(await entries(page).count(), 2);
    } finally {
      await context.close();
    }
  });
}

test('no room, no storage, photos thrown away, another tab: each is said, and nothing is half done', async () => {
  const { context, page } = await h.openPage(browser);
  try {
    await h.openApp(page, server.url);
    await keepTwo(page);
    const before = await everythingStored(page);
    // The third put of a transaction finds the disk full.
    const full = (from) =>
      page.evaluate((first) => {
        const { put } = IDBObjectStore.prototype;
        globalThis.realPut ??= put;
        let count = 0;
        IDBObjectStore.prototype.put = function (...all) {
          count += 1;
          if (count >= first) throw new DOMException('full', 'QuotaExceededError');
          return globalThis.realPut.apply(this, all);
        };
      }, from);
    const room = () =>
      page.evaluate(() => {
        IDBObjectStore.prototype.put = globalThis.realPut;
      });
    await close(page);
    await h.pickAndAnswer(page, h.samples[0]);
    await full(3);
    await h.press(page.locator('#journal-keep'));
    await view(page, 'keep');
    await page.locator('#journal-spot').selectOption('new');
    await page.locator('#journal-name').fill('back');
    await h.press(page.locator('#journal-save'));
    await status(page, /no room left/);
    assert.equal(await everythingStored(page), before);
    // A change of passphrase that stops halfway leaves everything as it was.
    await full(3);
    await h.press(page.locator('#journal-back'));
    await h.press(page.locator('#journal-passphrase-open'));
    await page.locator('#journal-passphrase').fill(PASSPHRASE);
    await page.locator('#journal-passphrase-again').fill(PASSPHRASE);
    await h.press(page.locator('#journal-passphrase-save'));
    await status(page, /no room left/);
    assert.equal(await everythingStored(page), before);
    await room();
    await close(page);

    // Another tab of the page deletes everything: this one lets go and says so.
    await open(page);
    await view(page, 'list');
    const second = await context.newPage();
    await h.openApp(second, server.url);
    await open(second);
    await view(second, 'list');
    await second.locator('#journal-erase').click();
    await second.locator('#journal-erase-yes').click();
    await view(second, 'start');
    assert.deepEqual(await databases(second), []);
    await view(page, 'start');
    await status(page, /another tab/);
    await second.close();
    await close(page);

    // The browser throws the photos away: said once.
    await keepTwo(page);
    await close(page);
    await page.reload();
    await h.waitForState(page, 'ready');
    await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const request = indexedDB.deleteDatabase('nevus-journal');
          request.onsuccess = resolve;
          request.onerror = reject;
        }),
    );
    await open(page);
    await view(page, 'start');
    assert.match(await page.locator('#journal-lost').textContent(), /they are gone/);
    await close(page);
    await open(page);
    await view(page, 'start');
    assert.equal(await page.locator('#journal-lost').count(), 0);
    await close(page);

    // No storage at all.
    await page.evaluate(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('no', 'SecurityError');
      };
    });
    await open(page);
    await view(page, 'broken');
    assert.match(await dialog(page).innerText(), /gives the page no storage/);
  } finally {
    await context.close();
  }
});

for (const [name, options] of Object.entries({
  laptop: {},
  phone: PHONE,
  dark: { colorScheme: 'dark', locale: 'de-DE' },
  'phone-german': { ...PHONE, locale: 'de-DE' },
})) {
  test(`accessible, and fits: ${name}`, async () => {
    const axe = await readFile(h.require.resolve('axe-core/axe.min.js'), 'utf8');
    const { context, page } = await h.openPage(browser, {
      ...options,
      bypassCSP: true,
      reducedMotion: 'reduce',
    });
    const look = async (what) => {
      await page.screenshot({ path: path.join(pictures, `journal-${what}-${name}.png`) });
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
      assert.ok(passes.length > 10, `axe looked at nothing: ${what}`);
      assert.deepEqual(
        violations.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map((n) => n.html).join(' ')}`),
        [],
      );
      const overflow = await page.evaluate(() => {
        const box = document.querySelector('#journal[open]');
        return Math.max(
          document.documentElement.scrollWidth - innerWidth,
          box ? box.scrollWidth - box.clientWidth : 0,
        );
      });
      assert.ok(overflow <= 0, `${what} is ${overflow} px too wide`);
    };
    try {
      await h.openApp(page, server.url);
      await h.pickAndAnswer(page, photo(1));
      await look('answer');
      await h.press(page.locator('#journal-keep'));
      await view(page, 'start');
      await look('start');
      await page.locator('#journal-name').fill(NAME);
      await page.locator('#journal-date').fill('2026-01-05');
      await h.press(page.locator('#journal-begin'));
      await view(page, 'list');
      await close(page);
      await h.pickAndAnswer(page, photo(2));
      await h.press(page.locator('#journal-keep'));
      await view(page, 'keep');
      await look('keep');
      await page.locator('#journal-date').fill('2026-03-07');
      await h.press(page.locator('#journal-save'));
      await view(page, 'list');
      await page.waitForFunction(
        () => document.querySelectorAll('#journal .thumb img').length === 2,
      );
      await look('list');
      await h.press(page.locator('#journal .compare'));
      await view(page, 'compare');
      await look('compare');
      await page.locator('#journal-wipe').check();
      await look('wipe');
      await h.press(page.locator('#journal-back'));
      await view(page, 'list');
      await h.press(page.locator('#journal-passphrase-open'));
      await view(page, 'passphrase');
      await look('passphrase');
      await page.locator('#journal-passphrase').fill(PASSPHRASE);
      await page.locator('#journal-passphrase-again').fill(PASSPHRASE);
      await h.press(page.locator('#journal-passphrase-save'));
      await view(page, 'list');
      await h.press(page.locator('#journal-lock'));
      await view(page, 'locked');
      await look('locked');
      await h.press(page.locator('#journal-erase'));
      await view(page, 'erase');
      await look('erase');
    } finally {
      await context.close();
    }
  });
}
