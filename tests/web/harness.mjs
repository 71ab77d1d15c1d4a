// What the page's tests share: the real `nevus serve` on a free port, a real Chromium with a fresh
// profile, and the steps of a visitor. Configured by environment variables (CMakeLists.txt sets them):
//   NEVUS          the program          NEVUS_MODEL       the model package in the site
//   NEVUS_SITE     the assembled site   NEVUS_DATA_DIR    real photos, may be absent
//   NEVUS_SAMPLES  our own samples      NEVUS_CHROMIUM, NEVUS_NODE_MODULES

import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

function setting(name) {
  const value = process.env[name];
  if (!value)
    throw new Error(`environment variable ${name} is missing: run these tests through ctest`);
  return value;
}

export const nevus = setting('NEVUS');
export const model = setting('NEVUS_MODEL');
export const siteFolder = setting('NEVUS_SITE');
export const require = createRequire(path.join(setting('NEVUS_NODE_MODULES'), 'any.js'));
const { chromium } = require('playwright-core');

function images(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.(jpe?g|png)$/i.test(name))
    .sort()
    .map((name) => path.join(folder, name));
}

/** The ten real photos; empty where they are not there. */
export const photos = images(path.join(process.env.NEVUS_DATA_DIR ?? '/nowhere', 'photos'));
const samplesFolder = setting('NEVUS_SAMPLES');
export const samples = images(samplesFolder);
/** Something to choose wherever the tests run. */
export const anyPhotos = photos.length > 0 ? photos : samples;
export const noPhotos = photos.length === 0 ? 'the real photos are not there, skipped' : false;

/** Ends with the test's process, whatever becomes of that. */
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** What a host that knows nothing else says of files. */
export const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

/** `nevus serve` on a free port. `log` grows by one line for each request that arrives. */
export async function serve(folder = siteFolder) {
  const child = spawn(nevus, ['serve', folder, '--port', '0', '--log'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const log = [];
  // 'close' comes after the last line of output.
  const exited = new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  );
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /is at (http:\S+)/.exec(line);
      if (address) resolve(address[1]);
      else log.push(line);
    });
    exited.then(({ code }) => reject(new Error(`nevus serve ended with ${code}`)));
  });
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal);
    const end = await exited;
    children.delete(child);
    return end;
  };
  return { url, log, stop };
}

/** Chromium's switches against traffic of its own. */
const QUIET = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Chromium without the traffic of its own. `webgpu`: with a WebGPU adapter in software; without,
 * requestAdapter() gives null.
 */
export function launch({ webgpu = false, args = [] } = {}) {
  return chromium.launch({
    executablePath: setting('NEVUS_CHROMIUM'),
    args: [...QUIET, ...(webgpu ? ['--enable-unsafe-webgpu'] : []), ...args],
  });
}

/** The same with a profile that stays, as a visitor's: a context. */
export function launchProfile(folder) {
  return chromium.launchPersistentContext(folder, {
    executablePath: setting('NEVUS_CHROMIUM'),
    args: QUIET,
    viewport: { width: 1280, height: 800 },
  });
}

/** What people look at the page with. */
export const SCREENS = {
  laptop: { viewport: { width: 1280, height: 800 } },
  phone: {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
  },
};

/** Contexts with a touch screen: Playwright does not tell afterwards. */
const touched = new WeakSet();

/** By a finger where the page's screen is touched, else by the mouse. */
export function press(locator) {
  return touched.has(locator.page().context()) ? locator.tap() : locator.click();
}

/** A page that records what it asks for, what it says, and what the CSP refuses. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(60_000);
  const requests = [];
  // Of the page, its workers and its service worker.
  context.on('request', (request) => {
    // A blob: or data: URL is read from memory.
    if (/^https?:/.test(request.url())) requests.push(request.url());
  });
  const page = await context.newPage();
  if (options.hasTouch) touched.add(context);
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  return { context, page, requests, complaints };
}

const state = (page) => page.locator('main#app').getAttribute('data-state');

/**
 * Waits until data-state is one of `states`, 'ready' with everything stored; the failure says what the
 * page said.
 */
export async function waitForState(page, states, timeout = 60_000) {
  const wanted = [states].flat();
  try {
    await page.waitForFunction(
      (all) => {
        const { state, offline } = document.querySelector('main#app')?.dataset ?? {};
        return all.includes(state) && (state !== 'ready' || offline !== undefined);
      },
      wanted,
      { timeout },
    );
  } catch {
    const status = await page.locator('#status').textContent();
    throw new Error(
      `data-state is '${await state(page)}', not ${wanted.join(' or ')} after ${timeout} ms: ${status}`,
    );
  }
  return state(page);
}

/** Opens the app and waits until it takes photos. */
export async function openApp(page, url, query = '?backend=wasm', timeout = 60_000) {
  await page.goto(`${url}app/${query}`);
  await waitForState(page, ['ready', 'failed'], timeout);
  if ((await state(page)) !== 'ready')
    throw new Error(`the app did not start: ${await page.locator('#status').textContent()}`);
}

/** What stands in #result. */
export async function readResult(page) {
  const data = await page.locator('#result').evaluate((element) => ({ ...element.dataset }));
  return {
    file: data.file,
    outcome: data.outcome,
    malignancy: Number(data.malignancy),
    ms: JSON.parse(data.ms),
    lesion: data.lesion === undefined ? undefined : JSON.parse(data.lesion),
    sentence: await page.locator('#outcome').textContent(),
    backend: await page.locator('main#app').getAttribute('data-backend'),
    requests: await page.locator('#requests').textContent(),
  };
}

/** The answer to a photo that was just given; waits for exactly that file's. */
export async function answerTo(page, name, timeout = 60_000) {
  try {
    await page.waitForFunction(
      (file) => {
        const app = document.querySelector('main#app');
        const result = document.querySelector('#result');
        if (app.dataset.state === 'failed') return true;
        // The outline is the last part of an answer.
        return (
          app.dataset.state === 'answered' &&
          result.dataset.file === file &&
          result.dataset.lesion !== undefined
        );
      },
      name,
      { timeout },
    );
  } catch {
    throw new Error(
      `no answer to ${name} after ${timeout} ms; data-state is '${await state(page)}': ` +
        (await page.locator('#status').textContent()),
    );
  }
  if ((await state(page)) === 'failed')
    throw new Error(`${name} was refused: ${await page.locator('#status').textContent()}`);
  return readResult(page);
}

/** Picks a file the way a visitor does: through the file input. A path, or {name, mimeType, buffer}. */
export async function pick(page, file) {
  await page.locator('#file-input').setInputFiles(file);
}

export async function pickAndAnswer(page, file, timeout) {
  await pick(page, file);
  return answerTo(page, typeof file === 'string' ? path.basename(file) : file.name, timeout);
}

/** Picks a file that must be refused; returns what #status says and whether an answer is left. */
export async function pickAndRefuse(page, file) {
  await pick(page, file);
  // The old answer is gone at once, so 'failed' with this name is this file's.
  await page.waitForFunction(
    (name) =>
      document.querySelector('main#app').dataset.state !== 'analysing' &&
      document.querySelector('#status').textContent.includes(name),
    file.name,
  );
  return {
    state: await state(page),
    status: await page.locator('#status').textContent(),
    resultShown: await page.locator('#result').isVisible(),
    outcome: await page.locator('#outcome').textContent(),
    attributes: await page.locator('#result').evaluate((element) => ({ ...element.dataset })),
  };
}

/** Hands the page a file by an event ('drop' or 'paste'), as the browser would. */
export async function give(page, kind, { name, mimeType, buffer }) {
  await page.evaluate(
    ({ kind, name, mimeType, text }) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type: mimeType }));
      const target = document.querySelector('#stage') ?? document.body;
      const common = { bubbles: true, cancelable: true };
      if (kind === 'drop') {
        target.dispatchEvent(new DragEvent('dragover', { ...common, dataTransfer: data }));
        target.dispatchEvent(new DragEvent('drop', { ...common, dataTransfer: data }));
      } else {
        target.dispatchEvent(new ClipboardEvent('paste', { ...common, clipboardData: data }));
      }
    },
    { kind, name, mimeType, text: buffer.toString('base64') },
  );
}

/** `nevus convert`: the tests' model with its weights stored as `storage`. */
export async function convert(storage, out) {
  await run(nevus, ['convert', model, samplesFolder, '--weights-as', storage, '--out', out]);
}

/** A run folder in `folder`: the tests' model, taught a few drawings for an epoch. */
export async function trainBriefly(folder, ...options) {
  const drawings = path.join(folder, 'drawings');
  const out = path.join(folder, 'run');
  await run(nevus, ['synth', '--out', drawings, '--count', '48', '--jpeg']);
  await run(nevus, [
    ...['train', drawings, '--out', out, '--weights', model, '--epochs', '1', '--device', 'cpu'],
    ...options,
  ]);
  return out;
}

/** `nevus predict --json`, by file name. */
export async function predict(files, using = model) {
  // It ends with 1 when it could not judge one of them, and answers for all nevertheless.
  const { stdout } = await run(nevus, ['predict', using, ...files, '--json'], {
    maxBuffer: 64 << 20,
  }).catch((error) => {
    if (error.code === 1 && error.stdout) return error;
    throw error;
  });
  return new Map(JSON.parse(stdout).photos.map((photo) => [path.basename(photo.file), photo]));
}

export async function asUpload(file, name = path.basename(file)) {
  const mimeType = /\.png$/i.test(name) ? 'image/png' : 'image/jpeg';
  return { name, mimeType, buffer: await readFile(file) };
}

export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Share of the machine's processor time that was used during `ms`, 0 to 1 (Linux: /proc/stat). */
export async function busyShare(ms) {
  const read = async () => {
    const numbers = (await readFile('/proc/stat', 'utf8'))
      .split('\n')[0]
      .split(/\s+/)
      .slice(1)
      .map(Number);
    return { idle: numbers[3] + numbers[4], all: numbers.reduce((sum, value) => sum + value, 0) };
  };
  const from = await read();
  await new Promise((done) => setTimeout(done, ms));
  const to = await read();
  return 1 - (to.idle - from.idle) / Math.max(1, to.all - from.all);
}
