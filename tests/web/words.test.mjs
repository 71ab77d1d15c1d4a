// Two languages: the catalogues hold the same keys, none without a use, the core's sentences are the
// core's; and the page speaks the visitor's language, or English.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as h from './harness.mjs';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const LANGUAGES = ['en', 'de'];

/** Of the app, and of the static pages. */
const catalogues = {};
const pages = {};
let browser, server;
before(async () => {
  for (const [all, folder] of [
    [catalogues, 'web/i18n'],
    [pages, 'site/i18n'],
  ])
    for (const language of LANGUAGES)
      all[language] = JSON.parse(
        await readFile(path.join(root, folder, `${language}.json`), 'utf8'),
      );
  server = await h.serve();
  browser = await h.launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function sources(folder, kind) {
  const names = (await readdir(path.join(root, folder), { recursive: true })).filter((name) =>
    kind.test(name),
  );
  const texts = await Promise.all(
    names.map((name) => readFile(path.join(root, folder, name), 'utf8')),
  );
  return texts.join('\n');
}

/** What a text links to. */
const targets = (text) => [...text.matchAll(/\]\((.+?)\)/g)].map(([, page]) => page).sort();
const placeholders = (text) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();

test('both languages have the same keys, with the same placeholders, and say something', () => {
  for (const all of [catalogues, pages]) {
    const { en } = all;
    for (const language of LANGUAGES) {
      const texts = all[language];
      assert.deepEqual(Object.keys(texts).sort(), Object.keys(en).sort(), language);
      for (const [key, text] of Object.entries(texts)) {
        assert.ok(text.trim() !== '', `${language}: ${key} is empty`);
        assert.deepEqual(placeholders(text), placeholders(en[key]), `${language}: ${key}`);
        assert.deepEqual(targets(text), targets(en[key]), `${language}: ${key}`);
        // The font files hold Latin-1 and a few signs (web/app/theme.cpp).
        assert.match(
          text,
          /^[\u0020-\u00ff\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\u2212]*$/,
          `${language}: ${key} has a letter that the canvas lacks`,
        );
        assert.doesNotMatch(
          text,
          /\bsafe\b|\bsicher\b|unbedenklich|harmlos/i,
          `${language}: ${key}`,
        );
      }
    }
  }
  // The outcomes are the same sentences everywhere.
  for (const language of LANGUAGES)
    for (const [key, outcome] of [
      ['answers.doctor', 'outcome.show_doctor'],
      ['answers.nothing', 'outcome.nothing_alarming'],
      ['answers.none', 'outcome.cannot_judge'],
    ])
      assert.equal(pages[language][key], catalogues[language][outcome]);
});

test('no key is without a use, and no key is missing', async () => {
  const code = (await sources('web/ts', /\.ts$/)) + (await sources('site/app', /\.html$/));
  const used = new Set([...code.matchAll(/['"]([a-z]+(?:\.[a-z_]+)*)['"]/g)].map(([, key]) => key));
  const keys = Object.keys(catalogues.en);
  assert.deepEqual(
    keys.filter((key) => !key.startsWith('core.') && !used.has(key)),
    [],
    'never used',
  );
  const asked = [...code.matchAll(/data-(?:text|label)="([^"]+)"/g)].map(([, key]) => key);
  assert.ok(asked.length > 5);
  assert.deepEqual(
    asked.filter((key) => !keys.includes(key)),
    [],
    'asked for by the page and not there',
  );
});

test('no text of the static pages is without a use', async () => {
  const html = await sources('site', /\.html$/);
  const used = new Set([...html.matchAll(/@text\/([\w.]+)@/g)].map(([, key]) => key));
  assert.deepEqual(Object.keys(pages.en).sort(), [...used].sort());
});

test('the pages lead to each other in their language, and the app goes on in it', async () => {
  const { context, page } = await h.openPage(browser, { locale: 'en-US' });
  try {
    await page.goto(server.url);
    await page.locator('nav a[hreflang=de]').click();
    assert.equal(page.url(), `${server.url}de/index.html`);
    assert.equal(await page.locator('html').getAttribute('lang'), 'de');
    assert.equal(await page.locator('h1').innerText(), pages.de['index.heading']);
    const alternates = await page
      .locator('link[rel=alternate]')
      .evaluateAll((all) => all.map(({ hreflang, href }) => [hreflang, href]));
    assert.deepEqual(alternates, [
      ['en', `${server.url}index.html`],
      ['de', `${server.url}de/index.html`],
    ]);
    const nav = (words) => page.locator('nav').getByText(words, { exact: true });
    await nav(pages.de['nav.privacy']).click();
    assert.equal(page.url(), `${server.url}de/privacy.html`);
    assert.equal(await nav(pages.de['nav.privacy']).getAttribute('aria-current'), 'page');
    await nav(pages.de['nav.model']).click();
    assert.equal(page.url(), `${server.url}de/model.html`);
    await page.goBack();
    await nav('English').click();
    assert.equal(page.url(), `${server.url}privacy.html`);
    await page.goBack();
    await nav(pages.de['nav.app']).click();
    await h.waitForState(page, 'ready');
    assert.equal(await page.locator('html').getAttribute('lang'), 'de');
    // Remembered, and the way back is German too.
    await h.openApp(page, server.url);
    assert.equal(await page.locator('html').getAttribute('lang'), 'de');
    await page.locator('#home').click();
    assert.equal(page.url(), `${server.url}de/index.html`);
  } finally {
    await context.close();
  }
});

test('the model card says in German what the app says', async () => {
  const { context, page } = await h.openPage(browser);
  try {
    const { intended_use, known_limits, classes } = JSON.parse(
      await readFile(path.join(h.siteFolder, 'model.json'), 'utf8'),
    );
    const german = (sentence) => {
      const key = Object.keys(catalogues.en).find((one) => catalogues.en[one] === sentence);
      return key ? catalogues.de[key] : undefined;
    };
    await page.goto(`${server.url}de/model.html`);
    const card = await page.locator('main').innerText();
    for (const sentence of [intended_use, ...known_limits, ...classes.map(({ name }) => name)]) {
      const said = german(sentence);
      if (said) assert.ok(card.includes(said), `not in German: ${sentence}`);
    }
    // Names of tests are the package's own words; what stands around them is ours.
    const ours = await page.locator('table thead, table small, dt').allInnerTexts();
    assert.doesNotMatch(ours.join('\n'), /interval|Sensitivity|Command|photos|the two/);
    assert.match(card, /0,\d{3}/);
  } finally {
    await context.close();
  }
});

test("the core's sentences stand in the sources, word for word", async () => {
  const code = [
    await sources('shared/nevus', /\.(cpp|h)$/),
    await sources('web/ts', /\.ts$/),
    await sources('web/core', /\.cpp$/),
    await sources('native/train', /\.cpp$/),
    await readFile(path.join(root, 'assets/model/model.json'), 'utf8'),
  ]
    .join('\n')
    // Literals that are broken over lines.
    .replace(/"\s*\n?\s*"/g, '');
  for (const [key, text] of Object.entries(catalogues.en)) {
    if (!key.startsWith('core.') && !key.startsWith('outcome.')) continue;
    for (const part of text.split(/\{\w+\}/))
      if (part.trim() !== '') assert.ok(code.includes(part), `${key}: "${part}" is said by nobody`);
  }
});

async function wordsOf(page) {
  return page.locator('body').innerText();
}

test('a German browser gets German, with the right outcome; the switch goes back and is kept', async () => {
  const expected = await h.predict(h.samples);
  const { context, page } = await h.openPage(browser, { locale: 'de-AT' });
  try {
    await h.openApp(page, server.url);
    assert.equal(await page.locator('html').getAttribute('lang'), 'de');
    assert.equal(await page.title(), catalogues.de['page.title']);
    for (const file of h.samples) {
      const answer = await h.pickAndAnswer(page, file);
      const native = expected.get(path.basename(file));
      assert.equal(answer.outcome, native.outcome);
      assert.equal(answer.sentence, catalogues.de[`outcome.${native.outcome}`]);
    }
    await page.locator('#expert-toggle').click();
    await page.locator('#text-toggle').click();
    // Not one English text is left that has a German one.
    const words = await wordsOf(page);
    for (const [key, text] of Object.entries(catalogues.en)) {
      if (/\{/.test(text) || text.length < 9 || catalogues.de[key] === text) continue;
      assert.ok(!words.includes(text), `${key} is still English: ${text}`);
    }
    assert.match(words, /\d,\d\s%/, 'no decimal comma');

    const refusal = await h.pickAndRefuse(page, {
      name: 'leer.jpg',
      mimeType: 'image/jpeg',
      buffer: Buffer.alloc(0),
    });
    assert.match(refusal.status, /leer\.jpg: die Datei ist leer/);

    await page.locator('#language').selectOption('en');
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    assert.match(await page.locator('#status').textContent(), /leer\.jpg: the file is empty/);
    await page.reload();
    await h.waitForState(page, 'ready');
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    const answer = await h.pickAndAnswer(page, h.samples[0]);
    assert.equal(answer.sentence, expected.get(path.basename(h.samples[0])).sentence);
  } finally {
    await context.close();
  }
});

test('a language that is not there gets English; the address may ask for one', async () => {
  const { context, page } = await h.openPage(browser, { locale: 'fr-FR' });
  try {
    await h.openApp(page, server.url);
    assert.equal(await page.locator('#choose').innerText(), catalogues.en['toolbar.choose']);
    await h.openApp(page, server.url, '?backend=wasm&lang=de');
    assert.equal(await page.locator('#choose').innerText(), catalogues.de['toolbar.choose']);
  } finally {
    await context.close();
  }
});
