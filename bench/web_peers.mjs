// The page against three ways to run the same network in a browser by a library alone: cold start, warm
// answers, bytes. Interleaved rounds, a fresh profile for each visit, one WebAssembly thread for all.
//
//   node bench/web_peers.mjs [--rounds 5] [--out FILE.md] [--site build/site]
//
// Needs a site (`nevus site`), the web preset's set-up and ../shared/data/photos; installs the peers'
// packages into the cache. Chromium: NEVUS_CHROMIUM, else /usr/bin/chromium. `nevus`: NEVUS, else
// build/native/nevus.

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import { install } from './web_peers/packages.mjs';
import { randomWeights } from './web_peers/pages/lite0.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    out: { type: 'string' },
    site: { type: 'string', default: path.join(root, 'build/site') },
  },
});
const rounds = Number(values.rounds);
const nevus = process.env.NEVUS ?? path.join(root, 'build/native/nevus');
const photos = path.join(root, '../shared/data/photos');
const SMALL = path.join(photos, 'benign_600x450_ISIC_0024704.jpg');
const BIG = path.join(photos, 'benign_4288x2848_ISIC_0012529.jpg');
/** Measured answers to each photo in a visit, after one that isn't measured. */
const WARM = 3;
/** After an answer pages may go on (ours: the other views, the list's picture). */
const PAUSE_MS = 1500;

function fail(reason) {
  console.error(`web_peers: ${reason}`);
  process.exit(1);
}
if (!(Number.isInteger(rounds) && rounds > 0)) fail('--rounds: a whole number above 0');
if (!existsSync(path.join(values.site, 'app/index.html')))
  fail(`${values.site}: no site; make one with nevus site`);
if (!existsSync(SMALL)) {
  console.log(`${SMALL}: not there, nothing is measured`);
  process.exit(0);
}
if (!existsSync(BIG)) console.log(`${BIG}: not there, 12 megapixels are left out`);
const load = loadavg()[0];

// ---- the peers' files --------------------------------------------------------------------------
const pinned = JSON.parse(readFileSync(path.join(root, 'web/package.json'), 'utf8'));
const versions = {
  'onnxruntime-web': pinned.dependencies['onnxruntime-web'],
  '@huggingface/transformers': '4.3.1',
  '@tensorflow/tfjs': '4.22.0',
  '@tensorflow/tfjs-backend-wasm': '4.22.0',
  sirv: '3.0.2',
};
const installed = await install('web-peers', versions, (folder) => {
  const at = path.join(folder, 'node_modules');
  const hugging = path.join(at, '@huggingface/transformers');
  // Transformers.js has its own version of ONNX Runtime Web.
  const itsRuntime = createRequire(path.join(hugging, 'package.json')).resolve('onnxruntime-web');
  const parts = {
    onnxruntime: [
      path.join(at, 'onnxruntime-web/dist'),
      ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'],
    ],
    transformers: [path.join(hugging, 'dist'), ['transformers.min.js']],
    'transformers/': [
      path.dirname(itsRuntime),
      ['ort-wasm-simd-threaded.asyncify.mjs', 'ort-wasm-simd-threaded.asyncify.wasm'],
    ],
    tfjs: [path.join(at, '@tensorflow/tfjs/dist'), ['tf.min.js']],
    'tfjs/': [
      path.join(at, '@tensorflow/tfjs-backend-wasm/dist'),
      ['tf-backend-wasm.min.js', 'tfjs-backend-wasm-simd.wasm'],
    ],
  };
  console.error('compressing the libraries, minutes the first time');
  for (const [to, [from, names]] of Object.entries(parts)) {
    const lib = path.join(folder, 'public/lib', to);
    mkdirSync(lib, { recursive: true });
    for (const name of names) {
      cpSync(path.join(from, name), path.join(lib, name));
      // As our site's files are, and as those of the usual hosts of libraries.
      writeFileSync(
        path.join(lib, `${name}.br`),
        brotliCompressSync(readFileSync(path.join(lib, name))),
      );
    }
  }
  // 900 MB that nothing reads any more.
  for (const name of ['onnxruntime-node', 'onnxruntime-web', '@huggingface', '@img', '@tensorflow'])
    rmSync(path.join(at, name), { recursive: true, force: true });
});
const sirv = createRequire(path.join(installed, 'any.js'))('sirv');

const temporary = mkdtempSync(path.join(tmpdir(), 'nevus-web-peers-'));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));
const model = path.join(temporary, 'model');
const shipped = path.join(values.site, 'model');
// Weights as float32: what these libraries are usually fed with.
execFileSync(nevus, [
  'convert',
  path.join(
    shipped,
    readdirSync(shipped).find((name) => name.endsWith('.onnx')),
  ),
  '--weights-as',
  'float32',
  '--out',
  path.join(model, 'onnx/model.onnx'),
]);
const { architecture, input, classes } = JSON.parse(
  readFileSync(path.join(model, 'onnx/model.json'), 'utf8'),
);
const writeJson = (name, value) =>
  writeFileSync(path.join(model, name), JSON.stringify(value, null, 2));
writeJson('config.json', {
  model_type: 'efficientnet',
  architectures: ['EfficientNetForImageClassification'],
  id2label: Object.fromEntries(classes.map(({ name }, index) => [index, name])),
});
writeJson('preprocessor_config.json', {
  image_processor_type: 'ViTImageProcessor',
  do_resize: true,
  size: { shortest_edge: input.height },
  resample: 2,
  do_center_crop: true,
  crop_size: { width: input.width, height: input.height },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: input.mean,
  image_std: input.std,
});
writeFileSync(path.join(model, 'weights.bin'), randomWeights(classes.length));

// ---- the servers -------------------------------------------------------------------------------
/** Static folders on a free port, without COOP and COEP: one thread for all. */
async function serve(...folders) {
  const handlers = folders.map((folder) =>
    sirv(folder, { brotli: true, maxAge: 31_536_000, immutable: true }),
  );
  const server = createServer((request, response) => {
    const next = ([handler, ...others]) =>
      handler
        ? handler(request, response, () => next(others))
        : response.writeHead(404, { 'Content-Length': 0 }).end();
    next(handlers);
  });
  const open = new Set();
  let closed = 0;
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => {
      open.delete(socket);
      closed += socket.bytesWritten;
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    /** Bytes sent so far, headers included. */
    sent: () => [...open].reduce((sum, socket) => sum + socket.bytesWritten, closed),
  };
}
const site = await serve(values.site);
const others = await serve(
  path.join(root, 'bench/web_peers/pages'),
  path.join(installed, 'public'),
  temporary,
);
const runtime = versions['onnxruntime-web'];
const CONTESTANTS = [
  { name: 'Nevus', server: site, page: 'app/?backend=wasm' },
  { name: `ONNX Runtime Web ${runtime}`, server: others, page: 'onnxruntime.html' },
  {
    name: `Transformers.js ${versions['@huggingface/transformers']}`,
    server: others,
    page: 'transformers.html',
  },
  { name: `TensorFlow.js ${versions['@tensorflow/tfjs']}`, server: others, page: 'tfjs.html' },
  {
    name: 'TensorFlow.js, resized by the canvas',
    server: others,
    page: 'tfjs.html?canvas',
  },
];

// ---- a visit -----------------------------------------------------------------------------------
const { chromium } = createRequire(path.join(root, 'web/node_modules/any.js'))('playwright-core');

/** In the page, before its own scripts: when it takes files, when one was chosen, when answered. */
function watch() {
  const seen = { listens: false };
  globalThis.seen = seen;
  const { addEventListener: add } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    add.call(this, type, ...rest);
    if (type === 'change' && this.id === 'file-input') seen.listens = true;
  };
  const chosen = ({ target }) => {
    if (target.id !== 'file-input') return;
    seen.chosen = performance.now();
    seen.file = target.files[0]?.name;
    seen.answered = undefined;
  };
  add.call(globalThis, 'change', chosen, true);
  new MutationObserver(() => {
    const app = document.querySelector('#app');
    const { file } = document.querySelector('#result').dataset;
    if (app.dataset.state === 'failed') seen.failed = app.textContent.trim() || 'failed';
    if (app.dataset.state === 'answered' && file === seen.file) seen.answered ??= performance.now();
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-state'] });
}

/** When the file was chosen and when answered, ms since the navigation. */
async function answer(page, file) {
  // The same file once more is a change only for an input that was emptied.
  await page.locator('#file-input').evaluate((input) => {
    globalThis.seen.answered = globalThis.seen.failed = undefined;
    input.value = '';
  });
  await page.locator('#file-input').setInputFiles(file);
  const seen = await page.waitForFunction(
    () => (globalThis.seen.answered ?? globalThis.seen.failed) !== undefined && globalThis.seen,
  );
  const { chosen, answered, failed } = await seen.jsonValue();
  if (failed) throw new Error(`${page.url()} gave no answer: ${failed}`);
  return { chosen, answered };
}

async function visit({ server, page: where }) {
  const browser = await chromium.launch({
    executablePath: process.env.NEVUS_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(120_000);
    await context.addInitScript(watch);
    const page = await context.newPage();
    const before = server.sent();
    await page.goto(server.url + where, { waitUntil: 'commit' });
    await page.waitForFunction(() => globalThis.seen?.listens);
    const measured = { cold: [(await answer(page, SMALL)).answered] };
    measured.bytes = [server.sent() - before];
    for (const [key, file] of Object.entries({ small: SMALL, big: BIG })) {
      measured[key] = [];
      if (!existsSync(file)) continue;
      for (let turn = 0; turn <= WARM; turn += 1) {
        await page.waitForTimeout(PAUSE_MS);
        const { chosen, answered } = await answer(page, file);
        if (turn > 0) measured[key].push(answered - chosen);
      }
    }
    return { measured, agent: await page.evaluate(() => navigator.userAgent) };
  } finally {
    await browser.close();
  }
}

// ---- the rounds --------------------------------------------------------------------------------
const all = new Map(
  CONTESTANTS.map(({ name }) => [name, { cold: [], small: [], big: [], bytes: [] }]),
);
let agent = '';
for (let round = 0; round < rounds; round += 1) {
  // Nobody is always the first.
  const first = round % CONTESTANTS.length;
  for (const one of [...CONTESTANTS.slice(first), ...CONTESTANTS.slice(0, first)]) {
    const seen = await visit(one);
    ({ agent } = seen);
    for (const [key, list] of Object.entries(seen.measured)) all.get(one.name)[key].push(...list);
    const { cold, small, big } = seen.measured;
    const ms = (list) => list.map((time) => time.toFixed(0)).join(' ');
    console.error(
      `round ${round + 1}, ${one.name}: cold ${ms(cold)}, warm ${ms(small)}, 12 MP ${ms(big)}`,
    );
  }
}

// ---- the table ---------------------------------------------------------------------------------
function median(list) {
  const sorted = list.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, range, and how many times ours it is. */
function cell(name, key, digits, scale = 1) {
  const list = all.get(name)[key];
  if (list.length === 0) return '–';
  const text = (value) => (value / scale).toFixed(digits);
  const [low, high] = [Math.min(...list), Math.max(...list)].map(text);
  const range = low === high ? '' : ` (${low} to ${high})`;
  const ours = median(all.get(CONTESTANTS[0].name)[key]);
  const ratio = name === CONTESTANTS[0].name ? '' : `, ${(median(list) / ours).toFixed(2)} × ours`;
  return text(median(list)) + range + ratio;
}

const report = `\
| page | cold: navigation to the answer, ms | warm, 600 × 450, ms | warm, 12 megapixels, ms | bytes until the first answer, MB |
| --- | --- | --- | --- | --- |
${CONTESTANTS.map(
  ({ name }) =>
    `| ${name} | ${cell(name, 'cold', 0)} | ${cell(name, 'small', 0)} | ${cell(name, 'big', 0)} | ${cell(name, 'bytes', 2, 1e6)} |`,
).join('\n')}

Medians of ${rounds} interleaved round${rounds === 1 ? '' : 's'} (lowest to highest), a fresh profile for each visit, ${WARM} warm answers of each
photo in a visit; one WebAssembly thread for all (no COOP and COEP), files from this machine, Brotli for all
libraries; ${cpus().length} cores, load average ${load.toFixed(2)} before it started. The network is the site's (${architecture}), for the
peers with float32 weights, uncompressed; TensorFlow.js computes an EfficientNet-Lite0 with random weights, on which
speed doesn't depend, in a file of that size. The peers resize (ONNX Runtime Web's page by the canvas, the others by
their own means where nothing else is said), run the network and show shares; ours also checks itself and the photo,
outlines the lesion, draws the heat-map and, within the cold time and the bytes, stores itself for use offline.

${agent}
${Object.entries(versions)
  .filter(([name]) => name !== 'sirv')
  .map(([name, version]) => `${name} ${version}`)
  .join(', ')}
`;
console.log(report);
if (values.out) writeFileSync(values.out, report);
process.exit(0);
