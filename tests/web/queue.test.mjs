// Many photos: none lost, none answered twice, each failure by its name, memory that does not grow;
// by mouse, keyboard and touch.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';
import { badFiles, lesion, png } from './pictures.mjs';

/** NEVUS_MANY: fewer while something is tried out. */
const MANY = Number(process.env.NEVUS_MANY ?? 300);

let browser, server, folder;
const pictures = path.join(path.dirname(h.siteFolder), 'screenshots');

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nevus-queue-'));
  await mkdir(pictures, { recursive: true });
  server = await h.serve();
  // Collects garbage at once when it is asked how much memory there is.
  browser = await h.launch({ args: ['--enable-blink-features=ForceEagerMeasureMemory'] });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const clamp = (value) => Math.min(255, Math.max(0, value));
/** A lesion of its own for each number. */
function picture(index, side = 160) {
  return png(side, side - 20, 'rgb', 8, (x, y, c) =>
    clamp(lesion(2 * x + (index % 17) * 6 + 10, 2 * y + (index % 13) * 8, c) - (index % 7) * 9),
  );
}

const options = (page) => page.locator('#queue-list [role=option]');
const rows = (page) =>
  options(page).evaluateAll((all) =>
    all.map(({ dataset, textContent }) => ({ ...dataset, text: textContent })),
  );
const finished = (page, all, timeout = 60_000) =>
  page.waitForFunction(
    (count) => {
      const { dataset } = document.querySelector('#queue');
      return (
        Number(dataset.all) === count &&
        Number(dataset.answered) + Number(dataset.failed) === count &&
        document.querySelectorAll('#queue-list img:not([hidden])').length ===
          Number(dataset.answered)
      );
    },
    all,
    { timeout },
  );

/** JavaScript, WebAssembly and DOM of the page and its worker, bytes, after a garbage collection. */
const memory = (page) =>
  page.evaluate(async () => (await performance.measureUserAgentSpecificMemory()).bytes);

test(`${MANY} photos: each answered once, as nevus predict does, in the memory of one`, async () => {
  const files = [];
  for (let index = 0; index < MANY; index += 1) {
    files.push(path.join(folder, `photo-${String(index).padStart(3, '0')}.png`));
    await writeFile(files.at(-1), picture(index));
  }
  const { context, page } = await h.openPage(browser);
  try {
    await h.openApp(page, server.url);
    // Warm: what the first photos need is there.
    await h.pick(page, files.slice(0, 4));
    await finished(page, 4);
    await page.locator('#queue-clear').click();
    await h.waitForState(page, 'ready');
    const before = await memory(page);

    // Every change of a row's state, as it happens.
    await page.evaluate(() => {
      globalThis.answersOf = new Map();
      new MutationObserver((changes) => {
        for (const { target, attributeName } of changes) {
          if (attributeName !== 'data-outcome' || !target.dataset.outcome) continue;
          const { file } = target.dataset;
          globalThis.answersOf.set(file, (globalThis.answersOf.get(file) ?? 0) + 1);
        }
      }).observe(document.querySelector('#queue-list'), {
        subtree: true,
        attributes: true,
        attributeFilter: ['data-outcome'],
      });
    });
    const started = Date.now();
    await h.pick(page, files);
    await finished(page, MANY, 240_000);
    const seconds = (Date.now() - started) / 1000;
    await page.screenshot({ path: path.join(pictures, 'queue-300.png') });
    const times = await page.evaluate(() => [...globalThis.answersOf]);
    assert.equal(times.length, MANY);
    assert.deepEqual(
      times.filter(([, count]) => count !== 1),
      [],
      'answered twice',
    );
    const there = await rows(page);
    assert.deepEqual(
      there.map(({ file }) => file),
      files.map((file) => path.basename(file)),
      'a photo is lost, or out of order',
    );
    const expected = await h.predict(files);
    for (const row of there) {
      const native = expected.get(row.file);
      assert.equal(row.outcome, native.outcome, row.file);
      assert.ok(Math.abs(Number(row.malignancy) - native.malignancy) <= 1e-3, row.file);
      assert.ok(row.text.includes(native.sentence), `${row.file} lacks its sentence`);
    }
    assert.equal(await page.locator('#requests').textContent(), '0');

    const after = await memory(page);
    const growth = after / before - 1;
    console.log(
      `${MANY} photos in ${seconds.toFixed(1)} s; memory ${(before / 1e6).toFixed(1)} MB before, ` +
        `${(after / 1e6).toFixed(1)} MB after (${(100 * growth).toFixed(1)} %)`,
    );
    assert.ok(Math.abs(growth) <= 0.1, `memory grew by ${(100 * growth).toFixed(1)} %`);

    // Riskiest first: the doctor's by falling estimate, then the others likewise.
    await page.locator('#queue-order').click();
    const rank = { show_doctor: 0, nothing_alarming: 1, cannot_judge: 2 };
    const byRisk = there
      .map((row, index) => ({ ...row, index }))
      .sort(
        (a, b) =>
          rank[a.outcome] - rank[b.outcome] ||
          (rank[a.outcome] < 2 ? b.malignancy - a.malignancy : 0) ||
          a.index - b.index,
      )
      .map(({ file }) => file);
    await page.waitForFunction(
      (first) => document.querySelector('#queue-list li').dataset.file === first,
      byRisk[0],
    );
    assert.deepEqual(
      (await rows(page)).map(({ file }) => file),
      byRisk,
    );
  } finally {
    await context.close();
  }
});

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`failures keep their rows and their names; the others are answered: ${name}`, async () => {
    const { context, page, complaints } = await h.openPage(browser, screen);
    try {
      await h.openApp(page, server.url);
      // One photo: no list.
      const good = await h.asUpload(h.samples[0]);
      await h.pickAndAnswer(page, good);
      assert.equal(await page.locator('#queue').isVisible(), false);

      const bad = await badFiles(h.samples[1]);
      const others = await Promise.all(h.samples.slice(1).map((file) => h.asUpload(file)));
      await h.pick(page, [...bad.slice(0, 3), ...others, ...bad.slice(3)]);
      // The old answer is gone, and the first of the new ones is what is shown: a refusal.
      await h.waitForState(page, 'failed');
      assert.match(await page.locator('#status').textContent(), /empty\.jpg: the file is empty/);
      assert.equal(await page.locator('#outcome').textContent(), '');
      const all = 1 + bad.length + others.length;
      await finished(page, all);
      const there = await rows(page);
      for (const { name: file } of bad) {
        const row = there.find((one) => one.file === file);
        assert.equal(row.state, 'failed', file);
        assert.match(row.text, /No answer: \w+/, file);
      }
      for (const { name: file } of [good, ...others])
        assert.equal(there.find((one) => one.file === file).state, 'answered', file);
      assert.equal(
        await page.locator('#queue-status').textContent(),
        `All ${all} photos have been looked at; ${bad.length} gave no answer.`,
      );
      await page.screenshot({ path: path.join(pictures, `queue-failures-${name}.png`) });

      // A row that is touched is shown in full, with the answer that it had.
      const row = options(page).filter({ hasText: others[1].name });
      if (screen.hasTouch) await row.tap();
      else await row.click();
      const answer = await h.answerTo(page, others[1].name);
      assert.equal(answer.malignancy, Number(await row.getAttribute('data-malignancy')));
      await page.screenshot({ path: path.join(pictures, `queue-selected-${name}.png`) });

      // The keyboard: arrows, Home, End, Delete.
      const list = page.locator('#queue-list');
      await list.focus();
      await page.keyboard.press('Home');
      await h.answerTo(page, good.name);
      await page.keyboard.press('ArrowDown');
      await page.waitForFunction(() =>
        document.querySelector('#status').textContent.includes('empty.jpg: the file is empty'),
      );
      assert.equal(await page.locator('#outcome').textContent(), '');
      await page.keyboard.press('Delete');
      await page.waitForFunction(
        (count) => document.querySelectorAll('#queue-list li').length === count,
        all - 1,
      );
      assert.ok(!(await rows(page)).some(({ file }) => file === 'empty.jpg'));
      await page.waitForFunction(() =>
        document.querySelector('#status').textContent.includes('letter.jpg'),
      );
      const active = await list.getAttribute('aria-activedescendant');
      assert.equal(await page.locator(`#${active}`).getAttribute('data-file'), 'letter.jpg');
      assert.equal(await page.locator(`#${active}`).getAttribute('aria-selected'), 'true');

      const overflow = await page.evaluate(
        (width) => document.documentElement.scrollWidth - width,
        screen.viewport.width,
      );
      assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
      await page.locator('#queue-clear').click();
      await h.waitForState(page, 'ready');
      // The list follows in the next frame.
      await page.waitForFunction(() => !document.querySelector('#queue-list li'));
      assert.deepEqual(
        complaints.filter((line) => !/GPU stall due to ReadPixels/.test(line)),
        [],
      );
    } finally {
      await context.close();
    }
  });
}

test('stop and go on, remove while it runs, a photo chosen in the middle comes first', async () => {
  const { context, page } = await h.openPage(browser);
  try {
    await h.openApp(page, server.url);
    const files = Array.from({ length: 40 }, (_, index) => ({
      name: `row-${index}.png`,
      mimeType: 'image/png',
      buffer: picture(index),
    }));
    await h.pick(page, files);
    await h.answerTo(page, 'row-0.png');
    await page.locator('#queue-stop').click();
    // What was in work is finished, and then nothing moves.
    await page.waitForFunction(
      () =>
        !document.querySelector('#queue-list [data-state=running]') &&
        document.querySelector('#queue-list [data-state=waiting]'),
    );
    const stopped = (await rows(page)).filter(({ state }) => state === 'answered').length;
    assert.ok(stopped < files.length);
    assert.equal(await page.locator('#queue-stop').textContent(), 'Go on');
    // One that waits can be looked at nevertheless.
    await options(page).nth(39).click();
    await h.answerTo(page, 'row-39.png');
    assert.equal(
      (await rows(page)).filter(({ state }) => state === 'answered').length,
      stopped + 1,
    );
    await page.locator('#queue-stop').click();
    // Another file, while the list is in work: shown first, and the list goes on.
    await h.pickAndAnswer(page, h.samples[0]);
    await page.locator('#queue-remove').click();
    await finished(page, files.length);
    assert.ok((await rows(page)).every(({ state }) => state === 'answered'));
  } finally {
    await context.close();
  }
});

test('a folder dropped: its photos, and those of its folders, by their paths', async () => {
  const inside = path.join(folder, 'visit', 'left arm');
  await mkdir(inside, { recursive: true });
  await writeFile(path.join(folder, 'visit', 'a.png'), picture(1));
  await writeFile(path.join(inside, 'b.png'), picture(2));
  await writeFile(path.join(inside, 'broken.jpg'), 'no picture');
  await writeFile(path.join(inside, 'notes.txt'), 'no photo');
  await writeFile(path.join(inside, '.hidden.png'), picture(3));
  const { context, page } = await h.openPage(browser);
  try {
    await h.openApp(page, server.url);
    const session = await context.newCDPSession(page);
    for (const type of ['dragEnter', 'dragOver', 'drop'])
      await session.send('Input.dispatchDragEvent', {
        type,
        x: 600,
        y: 400,
        data: { items: [], files: [path.join(folder, 'visit')], dragOperationsMask: 1 },
      });
    await page.waitForFunction(() => document.querySelectorAll('#queue-list li').length > 0);
    await finished(page, 3);
    assert.deepEqual(
      (await rows(page)).map(({ file, state }) => `${file} ${state}`),
      ['visit/a.png answered', 'visit/left arm/b.png answered', 'visit/left arm/broken.jpg failed'],
    );
  } finally {
    await context.close();
  }
});

test('with a list the page is accessible', async () => {
  const { readFile } = await import('node:fs/promises');
  const axe = await readFile(h.require.resolve('axe-core/axe.min.js'), 'utf8');
  for (const screen of Object.values(h.SCREENS)) {
    const { context, page } = await h.openPage(browser, { ...screen, bypassCSP: true });
    try {
      await h.openApp(page, server.url);
      await h.pick(page, h.samples);
      await finished(page, h.samples.length);
      await h.answerTo(page, path.basename(h.samples[0]));
      // Through the accessibility tree: the list by its name, each photo with its whole answer.
      const listbox = page.getByRole('listbox', { name: 'Photos, each with its answer' });
      assert.equal(await listbox.getByRole('option').count(), h.samples.length);
      const first = path.basename(h.samples[0]);
      const said = await page.locator('#outcome').textContent();
      const option = listbox.getByRole('option', { name: first, selected: true });
      assert.match(await option.ariaSnapshot(), new RegExp(`${first}.*${said}.*%`));
      assert.ok(
        (await page.getByRole('region', { name: 'Result as text' }).innerText()).includes(said),
      );
      await page.locator('#expert-toggle').click();
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
      assert.ok(passes.length > 10);
      assert.deepEqual(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(' ')}`),
        [],
      );
    } finally {
      await context.close();
    }
  }
});
