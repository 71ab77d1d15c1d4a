// `nevus site` and `nevus serve` on the command line: what they make, and what they say to bad input.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import * as h from './harness.mjs';

let folder;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nevus-site-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Exit code and output of the program; a crash is an exit code of null. */
function nevus(...args) {
  return new Promise((resolve) => {
    execFile(h.nevus, args, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, signal: error?.signal ?? null, stdout, stderr }),
    );
  });
}

/** Ends with 1 and one line that holds all of `words`. */
async function refused(args, ...words) {
  const { code, signal, stderr } = await nevus(...args);
  assert.equal(signal, null, `killed by ${signal}`);
  assert.equal(code, 1, stderr);
  const lines = stderr
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('compressing'));
  assert.equal(lines.length, 1, stderr);
  for (const word of words) assert.match(lines[0], word);
}

/** A small template, so that nothing large has to be compressed. */
async function smallTemplate(
  name,
  sw = 'const a=[self.__WB_MANIFEST,self.__NEVUS_OPTIONAL,self.__NEVUS_HEADERS]',
) {
  const place = path.join(folder, name);
  await mkdir(path.join(place, 'app'), { recursive: true });
  await mkdir(path.join(place, 'assets'));
  await writeFile(path.join(place, 'index.html'), '<p>@NEVUS_VERSION@ @NEVUS_CARD_NAME@</p>');
  await writeFile(path.join(place, 'app/index.html'), '<main data-model="@NEVUS_MODEL@"></main>');
  await writeFile(path.join(place, 'assets/a-0123456789.js'), 'let a;'.repeat(100));
  await writeFile(path.join(place, 'assets/ort-jspi-0123456789.wasm'), 'w'.repeat(1000));
  await writeFile(path.join(place, 'sw.js'), sw);
  return place;
}
const assemble = (out, place, ...more) => [
  'site',
  h.model,
  '--out',
  out,
  '--template',
  place,
  ...more,
];

async function filesOf(place) {
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(place, path.join(entry.parentPath ?? entry.path, entry.name)));
}

test('the site is complete: every link, twin, hash and list is right', async () => {
  const site = h.siteFolder;
  const names = await filesOf(site);
  for (const needed of [
    'index.html',
    'app/index.html',
    'de/index.html',
    'de/privacy.html',
    'privacy.html',
    'model.html',
    'de/model.html',
    'model.json',
    'sw.js',
    '_headers',
    'nginx.conf',
    'Caddyfile',
    '.nojekyll',
  ])
    assert.ok(names.includes(needed), `${needed} is missing`);

  const models = names.filter((name) => name.endsWith('.onnx'));
  assert.equal(models.length, 1);
  const bytes = await readFile(path.join(site, models[0]));
  assert.deepEqual(bytes, await readFile(h.model));
  const hash = createHash('sha256').update(bytes).digest('hex');
  assert.ok(models[0].includes(hash.slice(0, 12)));

  let twins = 0;
  for (const name of names) {
    const [, original, kind] = /^(.*)\.(br|gz)$/.exec(name) ?? [];
    if (!kind) continue;
    twins += 1;
    const packed = await readFile(path.join(site, name));
    const plain = kind === 'br' ? brotliDecompressSync(packed) : gunzipSync(packed);
    assert.deepEqual(plain, await readFile(path.join(site, original)), name);
    assert.ok(packed.length < plain.length, `${name} saves nothing`);
  }
  for (const kind of [/\.wasm$/, /\.onnx$/, /\.ttf$/, /\.m?js$/, /\.html$/]) {
    const some = names.filter((name) => kind.test(name));
    assert.ok(some.length > 0 && some.every((name) => names.includes(`${name}.br`)), String(kind));
  }
  assert.ok(twins > 20);

  // Links and sources of every page lead to files of the site, and only there.
  for (const name of names.filter((file) => file.endsWith('.html'))) {
    const text = await readFile(path.join(site, name), 'utf8');
    assert.doesNotMatch(text, /@NEVUS_|@asset\//, name);
    assert.doesNotMatch(
      text,
      /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/,
      `${name}: inline script or style`,
    );
    for (const [, link] of text.matchAll(/\b(?:href|src|data-model)="([^"#?]+)[^"]*"/g)) {
      assert.doesNotMatch(link, /^(\w+:|\/)/, `${name} links to ${link}`);
      assert.ok(names.includes(path.join(path.dirname(name), link)), `${name} links to ${link}`);
    }
  }

  const sw = await readFile(path.join(site, 'sw.js'), 'utf8');
  assert.doesNotMatch(sw, /__WB_MANIFEST|__NEVUS_/);
  const listed = [
    ...sw.matchAll(/\{"integrity":"([^"]+)",(?:"revision":(null|"[0-9a-f]+"),)?"url":"([^"]+)"\}/g),
  ];
  const urls = new Map();
  for (const [, integrity, revision, url] of listed) {
    assert.ok(names.includes(url), `${url} is listed but not there`);
    const digest = createHash('sha256').update(await readFile(path.join(site, url)));
    assert.equal(integrity, `sha256-${digest.digest('base64')}`, url);
    if (revision) urls.set(url, revision);
  }
  for (const name of names) {
    if (/\.(br|gz)$/.test(name) || /^(sw\.js|_headers|nginx\.conf|Caddyfile|\.n.*)$/.test(name))
      continue;
    assert.ok(urls.has(name) !== name.includes('jspi'), `${name}: in the wrong list`);
    assert.ok(sw.includes(`"${name}"`), `${name} is in no list`);
  }
  assert.equal(urls.get(models[0]), 'null');
  assert.notEqual(urls.get('index.html'), 'null');
});

test('an older site is replaced, whole; anything else is not', async () => {
  const place = await smallTemplate('small');
  const out = path.join(folder, 'out');
  assert.equal((await nevus(...assemble(out, place))).code, 0);
  const first = await filesOf(out);
  await writeFile(path.join(out, 'left-over.txt'), 'old');
  assert.equal((await nevus(...assemble(`${out}/`, place))).code, 0);
  assert.deepEqual((await filesOf(out)).sort(), first.sort());

  const diary = path.join(folder, 'diary');
  await mkdir(diary);
  await writeFile(path.join(diary, 'monday.txt'), 'dear diary');
  await refused(assemble(diary, place), /diary/, /not a Nevus site/);
  assert.deepEqual(await filesOf(diary), ['monday.txt']);
  assert.equal((await nevus(...assemble(diary, place, '--force'))).code, 0);
  assert.ok(!(await filesOf(diary)).includes('monday.txt'));

  await writeFile(path.join(folder, 'file'), 'x');
  await refused(assemble(path.join(folder, 'file'), place), /not a folder/);
  const left = (await readdir(folder)).filter((name) => /\.(tmp|old)-/.test(name));
  assert.deepEqual(left, []);
});

test('a model that is none is refused, and says why', async () => {
  const place = await smallTemplate('small2');
  const bytes = await readFile(h.model);
  const cases = {
    'empty.onnx': [Buffer.alloc(0), /empty|truncated|not/i],
    'text.onnx': [Buffer.from('hello'), /truncated|damaged|not a Nevus model/i],
    'cut.onnx': [bytes.subarray(0, bytes.length >> 1), /truncated|damaged|not a Nevus model/i],
  };
  const flipped = Buffer.from(bytes);
  flipped[flipped.length >> 1] ^= 1;
  cases['flipped.onnx'] = [flipped, /hash|sha256|damaged/i];
  for (const [name, [content, reason]] of Object.entries(cases)) {
    const file = path.join(folder, name);
    await writeFile(file, content);
    const out = path.join(folder, `of-${name}`);
    await refused(['site', file, '--out', out, '--template', place], new RegExp(name), reason);
    await assert.rejects(stat(out));
  }
  await refused(
    ['site', path.join(folder, 'none.onnx'), '--out', path.join(folder, 'x'), '--template', place],
    /none\.onnx/,
    /no such file/i,
  );
});

test('a package cannot smuggle markup into the page', async () => {
  // Of the same length, so that nothing else in the file moves; the hash is of the network alone.
  const { intended_use: words } = JSON.parse(
    await readFile(path.join(h.siteFolder, 'model.json'), 'utf8'),
  );
  const markup = "<script>x'&</script>";
  assert.ok(words.length > markup.length);
  const bytes = await readFile(h.model);
  const at = bytes.indexOf(words.slice(0, markup.length));
  assert.ok(at > 0);
  bytes.write(markup, at);
  const file = path.join(folder, 'markup.onnx');
  await writeFile(file, bytes);
  const place = await smallTemplate('small4');
  await writeFile(path.join(place, 'index.html'), '@NEVUS_CARD_INTENDED_USE@');
  const out = path.join(folder, 'markup');
  const { code, stderr } = await nevus(
    'site',
    file,
    '--out',
    out,
    '--template',
    place,
    '--no-compress',
  );
  assert.equal(code, 0, stderr);
  assert.ok(!(await filesOf(out)).some((name) => /\.(br|gz)$/.test(name)));
  const page = await readFile(path.join(out, 'index.html'), 'utf8');
  assert.ok(page.startsWith('&lt;script&gt;x&#39;&amp;&lt;/script&gt;'), page);
});

test('templates that are none are refused', async () => {
  const out = path.join(folder, 'never');
  await refused(assemble(out, path.join(folder, 'nowhere')), /nowhere/, /template/);
  await mkdir(path.join(folder, 'bare'));
  await refused(assemble(out, path.join(folder, 'bare')), /bare/, /index\.html/);
  const unlisted = await smallTemplate('unlisted', 'const a=1');
  await refused(assemble(out, unlisted), /sw\.js/, /__WB_MANIFEST/);
  const unknown = await smallTemplate('unknown');
  await writeFile(path.join(unknown, 'index.html'), '@NEVUS_WEATHER@');
  await refused(assemble(out, unknown), /index\.html/, /@NEVUS_WEATHER@/);
  await assert.rejects(stat(out));
});

test('a read-only output folder is one line', async (context) => {
  const place = await smallTemplate('small3');
  // Root may write anywhere on an ordinary disk; /proc refuses everybody.
  await refused(assemble('/proc/nevus-site', place), /\/proc\/nevus-site/, /can't write there/);
  if (process.getuid() === 0) return context.diagnostic('as root, only /proc was tried');
  const locked = path.join(folder, 'locked');
  await mkdir(locked);
  await chmod(locked, 0o500);
  await refused(assemble(path.join(locked, 'site'), place), /locked/, /Permission denied/);
});

test('nevus serve: a port in use, a wrong port, a folder without a site', async () => {
  const server = await h.serve();
  try {
    const { port } = new URL(server.url);
    await refused(['serve', h.siteFolder, '--port', port], new RegExp(`port ${port}`), /in use/);
  } finally {
    await server.stop();
  }
  await refused(['serve', h.siteFolder, '--port', '70000'], /70000/, /65535/);
  await refused(['serve', path.join(folder, 'nowhere')], /nowhere/, /No such file/);
  await mkdir(path.join(folder, 'nothing'));
  await refused(['serve', path.join(folder, 'nothing')], /nothing/, /index\.html/);
});

test('nevus serve ends cleanly with Ctrl-C, even while a visitor is connected', async () => {
  const server = await h.serve();
  const visitor = await fetch(server.url);
  assert.equal(visitor.status, 200);
  const { code, signal } = await server.stop('SIGINT');
  assert.equal(signal, null);
  assert.equal(code, 0);
  assert.equal(server.log.at(-1), 'ended');
  await assert.rejects(fetch(server.url));
});

/** Sends the path exactly as given, which fetch() would tidy up. */
function get(base, target, headers = {}, method = 'GET') {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path: target, method, headers }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(parts),
        }),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('nevus serve: encodings, conditional requests, types, and nothing outside the folder', async () => {
  const site = path.join(folder, 'served');
  await cp(h.siteFolder, site, { recursive: true });
  await writeFile(path.join(folder, 'secret.txt'), 'secret');
  await symlink(path.join(folder, 'secret.txt'), path.join(site, 'link.txt'));
  const server = await h.serve(site);
  try {
    const plain = await readFile(path.join(site, 'index.html'));
    for (const [accept, encoding, open] of [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
      ['*', 'br', brotliDecompressSync],
      ['identity', undefined, (bytes) => bytes],
      ['', undefined, (bytes) => bytes],
    ]) {
      const { headers, body, status } = await get(server.url, '/', { 'Accept-Encoding': accept });
      assert.equal(status, 200);
      assert.equal(headers['content-encoding'], encoding, accept);
      assert.match(headers.vary, /accept-encoding/i);
      assert.deepEqual(open(body), plain);
      const again = await get(server.url, '/', {
        'Accept-Encoding': accept,
        'If-None-Match': `W/"x", ${headers.etag}`,
      });
      assert.equal(again.status, 304);
      assert.equal(again.body.length, 0);
      const head = await get(server.url, '/', { 'Accept-Encoding': accept }, 'HEAD');
      assert.equal(head.status, 200);
      assert.equal(Number(head.headers['content-length']), body.length);
    }
    const br = await get(server.url, '/', { 'Accept-Encoding': 'br' });
    const other = await get(server.url, '/', { 'If-None-Match': br.headers.etag });
    assert.equal(other.status, 200, 'the twins share an ETag');

    for (const name of await filesOf(site)) {
      const type = {
        '.html': /^text\/html/,
        '.js': /^text\/javascript/,
        '.mjs': /^text\/javascript/,
        '.wasm': /^application\/wasm$/,
        '.onnx': /^application\/octet-stream$/,
        '.ttf': /^font\/ttf$/,
        '.css': /^text\/css/,
        '.svg': /^image\/svg\+xml$/,
        '.png': /^image\/png$/,
        '.webmanifest': /^application\/manifest\+json$/,
        '.json': /^application\/json$/,
      }[path.extname(name)];
      if (!type) continue;
      const { status, headers } = await get(server.url, `/${name}`, {}, 'HEAD');
      assert.equal(status, 200, name);
      assert.match(headers['content-type'], type, name);
      const forever = /^(assets|model)\//.test(name);
      assert.equal(/immutable/.test(headers['cache-control']), forever, name);
    }

    for (const target of [
      '/../secret.txt',
      '/..%2fsecret.txt',
      '/%2e%2e/secret.txt',
      '/app/../../secret.txt',
      '/.nevus-site',
      '/link.txt',
      '//etc/passwd',
      '/no-such-file',
      '/app/no/',
      '/index.html/',
      '/%00',
      '/a%0d%0ab',
      `/${'a/'.repeat(5000)}`,
      `/${'x'.repeat(7000)}`,
    ]) {
      const { status, body } = await get(server.url, target);
      assert.ok(
        status === 404 || status === 400 || status === 414,
        `${target.slice(0, 40)}: ${status}`,
      );
      assert.ok(!body.includes('secret'), target);
    }
    const redirect = await get(server.url, '/app');
    assert.equal(redirect.status, 301);
    assert.equal(new URL(redirect.headers.location, `${server.url}app`).href, `${server.url}app/`);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      assert.equal((await get(server.url, '/', {}, method)).status, 405, method);
  } finally {
    await server.stop();
  }
});
