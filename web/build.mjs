// Makes the site's template (docs/architecture.md, "The site"): bundles web/ts with esbuild, gives
// every program file and font a name that holds its content's hash, and copies site/ with each
// @asset/NAME@ in its HTML and CSS replaced by that file's relative URL.

import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

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
await addStyle('journal.css');
await add('main.js', await bundle('main.ts'));
await addStyle('app.css');
await writeFile(path.join(temporary, 'sw.js'), await bundle('service_worker.ts'));
await copySite(path.join(root, 'site'), temporary);
await cp(path.join(root, 'assets/icons'), path.join(temporary, 'icons'), { recursive: true });
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

async function addStyle(name) {
  const text = await readFile(path.join(root, 'site/app', name), 'utf8');
  await add(name, Buffer.from(replaceAssets(text, 'assets')));
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

async function copySite(from, to) {
  for (const entry of await readdir(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const source = path.join(entry.parentPath ?? entry.path, entry.name);
    const relative = path.relative(from, source);
    if (path.dirname(relative) === 'app' && entry.name.endsWith('.css')) continue; // assets, above
    const target = path.join(to, relative);
    await mkdir(path.dirname(target), { recursive: true });
    if (/\.(html|css)$/.test(entry.name)) {
      const folder = path.dirname(relative).split(path.sep).join('/');
      await writeFile(
        target,
        replaceAssets(await readFile(source, 'utf8'), folder === '.' ? '' : folder),
      );
    } else {
      await cp(source, target);
    }
  }
}
