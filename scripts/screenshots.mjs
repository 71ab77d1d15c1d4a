// The pictures in docs/images, made anew: the page with our own synthetic samples, in a real Chromium.
//
//   node scripts/screenshots.mjs SITE     a folder that `nevus site` made; needs the web preset's set-up
//
// Chromium: NEVUS_CHROMIUM, else /usr/bin/chromium. `nevus`: NEVUS, else build/native/nevus.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [site] = process.argv.slice(2);
if (!site) {
  console.error('usage: node scripts/screenshots.mjs SITE');
  process.exit(2);
}
const require = createRequire(path.join(root, 'web/node_modules/any.js'));
const { chromium } = require('playwright-core');

const samples = readdirSync(path.join(root, 'assets/samples'))
  .filter((name) => name.endsWith('.jpg'))
  .map((name) => path.join(root, 'assets/samples', name));
const out = (name) => path.join(root, 'docs/images', name);
const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 1,
  hasTouch: true,
  isMobile: true,
};

const server = spawn(process.env.NEVUS ?? path.join(root, 'build/native/nevus'), [
  'serve',
  site,
  '--port',
  '0',
]);
process.on('exit', () => server.kill());
const url = await new Promise((resolve) => {
  createInterface({ input: server.stdout }).on('line', (line) => {
    const address = /is at (http:\S+)/.exec(line);
    if (address) resolve(address[1]);
  });
});
const browser = await chromium.launch({
  executablePath: process.env.NEVUS_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--hide-scrollbars'],
});

async function open(options) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    ...options,
  });
  const page = await context.newPage();
  await page.goto(`${url}app/`);
  await page.locator('#app[data-state=ready][data-offline]').waitFor({ timeout: 120_000 });
  return page;
}

/** The page with some samples judged, and everything about the last one there. */
async function shoot(name, options, files, use = async () => {}) {
  const page = await open(options);
  await page.locator('#file-input').setInputFiles(files);
  if (files.length > 1)
    await page
      .locator(`#queue[data-answered="${files.length}"]`)
      .waitFor({ timeout: 120_000, state: 'attached' });
  await use(page);
  await page.waitForFunction(() => document.querySelector('#result').dataset.stability);
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
  await page.screenshot({ path: out(name) });
  await page.context().close();
}

/** A sample as another day's photo would show it: turned, nearer, darker. */
async function anotherDay(page, file) {
  const text = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d');
    context.filter = 'brightness(0.94)';
    context.translate(canvas.width / 2, canvas.height / 2);
    context.rotate(0.2);
    // Nearer, so that the turned corners lie outside.
    context.scale(1.35, 1.35);
    context.drawImage(bitmap, -canvas.width / 2, -canvas.height / 2);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
    return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
  }, readFileSync(file).toString('base64'));
  return { name: 'forearm.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(text, 'base64') };
}

/** Two days' photos of a spot, kept and laid over each other. */
async function shootJournal(name, options, file) {
  const page = await open(options);
  const view = (wanted) => page.locator(`#journal[open][data-view=${wanted}]`).waitFor();
  const judged = async (photo) => {
    await page.locator('#file-input').setInputFiles(photo);
    await page.waitForFunction(() => document.querySelector('#result').dataset.stability);
    await page.locator('#journal-keep').click();
  };
  const later = await anotherDay(page, file);
  await judged(file);
  await view('start');
  await page.locator('#journal-name').fill('Left forearm');
  await page.locator('#journal-date').fill('2026-01-05');
  await page.locator('#journal-begin').click();
  await view('list');
  await page.locator('#journal-close').click();
  await judged(later);
  await view('keep');
  await page.locator('#journal-date').fill('2026-04-07');
  await page.locator('#journal-save').click();
  await view('list');
  await page.locator('#journal .compare').click();
  await view('compare');
  await page.locator('#journal-alignment[data-alignment]').waitFor();
  await page.screenshot({ path: out(name) });
  await page.context().close();
}

/** The riskiest on top, and in full. */
async function riskiest(page) {
  await page.locator('#queue-order').click();
  await page.locator('#queue-list').focus();
  await page.keyboard.press('Home');
  await page.locator('#app[data-state=answered]').waitFor();
  await page.evaluate(() => document.activeElement.blur());
}

const last = samples.slice(-1);
await shoot('app.png', {}, last);
await shoot('app-list.png', {}, samples, riskiest);
await shoot('app-phone.png', PHONE, last);
await shoot('app-dark.png', { colorScheme: 'dark', locale: 'de-DE' }, samples, riskiest);
await shoot('report.png', { viewport: { width: 794, height: 1123 } }, last, async (page) => {
  await page.waitForFunction(() => document.querySelector('#result').dataset.stability);
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({ media: 'print' });
});
// The third sample: turned and enlarged, it still looks like a lesion to the model.
await shootJournal('journal.png', {}, samples[2]);
await shootJournal('journal-phone.png', PHONE, samples[2]);
await browser.close();
server.kill();
