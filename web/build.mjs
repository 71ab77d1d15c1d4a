// Makes the site's template (docs/architecture.md, "The site"): bundles web/ts with esbuild, gives
// everything that a page loads a name that holds its content's hash, renders the static pages
// (pages.mjs), and replaces each @asset/NAME@ by that file's relative URL.

import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { renderPages } from './pages.mjs';

const { values } = parseArgs({
  options: {
    modules: { type: 'string' },
    'node-modules': { type: 'string' },
    out: { type: 'string' },
  },
});
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.resolve(values.modules ?? fail('--modules is missing'));
const nodeModules = path.resolve(values['node-modules'] ?? path.join(root, 'web/node_modules'));
const out = path.resolve(values.out ?? fail('--out is missing'));
const temporary = `${out}.tmp`;

const require = createRequire(path.join(nodeModules, 'package.json'));
const esbuild = await import(pathToFileURL(require.resolve('esbuild')).href).then(
  (all) => all.default ?? all,
);

/** Original name → name with hash, all in assets/. */
const assets = {};

await rm(temporary, { recursive: true, force: true });
await mkdir(path.join(temporary, 'assets'), { recursive: true });

await addModules();
await addRuntime();
for (const name of await readdir(path.join(root, 'assets/fonts')))
  if (name.endsWith('.ttf')) await add(name, await readFile(path.join(root, 'assets/fonts', name)));
await add('worker.js', await bundle('worker.ts'));
await add('journal.js', await bundle('journal/index.ts'));
await addStyle('app/journal.css');
await add('main.js', await bundle('main.ts'));
for (const name of await readdir(path.join(root, 'assets/icons')))
  await add(name, await readFile(path.join(root, 'assets/icons', name)));
await add('lesion.svg', await readFile(path.join(root, 'site/lesion.svg')));
await addStyle('style.css');
await addStyle('app/app.css');
await writeFile(path.join(temporary, 'sw.js'), await bundle('service_worker.ts'));
await addPages();
await cp(path.join(root, 'assets/fonts/OFL.txt'), path.join(temporary, 'assets/inter-OFL.txt'));

await rm(out, { recursive: true, force: true });
await rename(temporary, out);

function fail(reason) {
  console.error(`build.mjs: ${reason}`);
  process.exit(1);
}

async function add(name, content) {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 10);
  const { name: stem, ext } = path.parse(name);
  assets[name] = `${stem}-${hash}${ext}`;
  await writeFile(path.join(temporary, 'assets', assets[name]), content);
}

/** A style sheet of site/. */
async function addStyle(name) {
  await add(path.basename(name), Buffer.from(replaceAssets(await styles(name), 'assets')));
}

async function addModules() {
  for (const name of ['nevus_core.wasm', 'nevus_app.wasm'])
    await add(name, await readFile(path.join(modules, name)));
}

/** ONNX Runtime Web's two builds that we use, each with its glue in one file. */
async function addRuntime() {
  const dist = path.join(nodeModules, 'onnxruntime-web/dist');
  const text = (name) => readFile(path.join(dist, name), 'utf8');
  const binary = (name) => readFile(path.join(dist, name));
  await add('ort-plain.mjs', withoutMap(await text('ort.wasm.bundle.min.mjs')));
  await add('ort-plain.wasm', await binary('ort-wasm-simd-threaded.wasm'));
  await add('ort-jspi.mjs', withoutMap(await text('ort.jspi.bundle.min.mjs')));
  await add('ort-jspi.wasm', await binary('ort-wasm-simd-threaded.jspi.wasm'));
}

function withoutMap(code) {
  return code.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n');
}

async function bundle(entry) {
  const result = await esbuild.build({
    entryPoints: [path.join(root, 'web/ts', entry)],
    bundle: true,
    format: entry === 'service_worker.ts' ? 'iife' : 'esm',
    target: ['es2022'],
    minify: true,
    legalComments: 'inline',
    charset: 'utf8',
    write: false,
    logLevel: 'warning',
    nodePaths: [nodeModules],
    alias: Object.fromEntries(
      ['nevus_core.mjs', 'nevus_app.mjs'].map((name) => [name, path.join(modules, name)]),
    ),
    define: { __NEVUS_ASSETS__: JSON.stringify(assets), 'process.env.NODE_ENV': '"production"' },
  });
  return Buffer.from(result.outputFiles[0].contents);
}

/** @param folder where the text will lie, relative to the site's root */
function replaceAssets(text, folder) {
  return text.replace(/@asset\/([\w.-]+)@/g, (_, name) => {
    const hashed = assets[name] ?? fail(`no asset ${name}`);
    return path.posix.relative(folder, `assets/${hashed}`);
  });
}

/** A style sheet of site/ with those that it imports. */
async function styles(name) {
  const text = await source(name);
  let out = '';
  let at = 0;
  for (const match of text.matchAll(/@import '(.+)';/g)) {
    out += text.slice(at, match.index) + (await styles(path.join(path.dirname(name), match[1])));
    at = match.index + match[0].length;
  }
  return out + text.slice(at);
}

function source(name) {
  return readFile(path.join(root, 'site', name), 'utf8');
}

async function sources(folder, extension) {
  const names = await readdir(path.join(root, 'site', folder));
  return Object.fromEntries(
    await Promise.all(
      names
        .filter((name) => name.endsWith(extension))
        .map(async (name) => [name, await source(path.join(folder, name))]),
    ),
  );
}

async function addPages() {
  const catalogues = await sources('i18n', '.json');
  const rendered = renderPages({
    pages: await sources('', '.html'),
    parts: await sources('parts', '.html'),
    texts: Object.fromEntries(
      Object.entries(catalogues).map(([name, text]) => [path.parse(name).name, JSON.parse(text)]),
    ),
    // `nevus site` fills these in.
    values: { version: '@NEVUS_VERSION@', licence: '@NEVUS_CARD_LICENSE@' },
  });
  const others = ['app/index.html', 'manifest.webmanifest'];
  for (const name of others) rendered[name] = await source(name);
  for (const [name, text] of Object.entries(rendered)) {
    const folder = path.posix.dirname(name);
    await mkdir(path.join(temporary, folder), { recursive: true });
    await writeFile(path.join(temporary, name), replaceAssets(text, folder === '.' ? '' : folder));
  }
}
