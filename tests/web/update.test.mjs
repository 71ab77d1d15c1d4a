// A new version of the site: downloaded whole beside the old one, announced, used when the visitor says
// so; one that is broken leaves the old one in charge. And what makes the page installable.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import * as h from './harness.mjs';

const photo = h.samples[0];
const pictures = path.join(path.dirname(h.siteFolder), 'screenshots');

let folder, browser, models;
/** The two versions: folder, and the name of its model. */
const versions = {};

before(async () => {
  await mkdir(pictures, { recursive: true });
  folder = await mkdtemp(path.join(tmpdir(), 'nevus-update-'));
  await h.convert('float16', path.join(folder, 'other.onnx'));
  models = { one: h.model, two: path.join(folder, 'other.onnx') };
  for (const [name, model] of Object.entries(models)) {
    const out = path.join(folder, name);
    await promisify(execFile)(h.nevus, ['site', model, '--out', out, '--no-compress']);
    const html = await readFile(path.join(out, 'app/index.html'), 'utf8');
    versions[name] = { out, model: /data-model="\.\.\/([^"]+)"/.exec(html)[1] };
  }
  assert.notEqual(versions.one.model, versions.two.model);
  browser = await h.launch();
});
after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A host whose folder may be changed, whose files may be broken, and which may keep one waiting. */
async function host(name) {
  const state = {
    folder: versions[name].out,
    log: [],
    /** Path to what is sent instead: a status, or bytes. */
    instead: {},
    /** A path that is answered only after `release`. */
    held: '',
    release: () => {},
  };
  const server = createServer(async (request, response) => {
    let { pathname } = new URL(request.url, 'http://host');
    if (pathname.endsWith('/')) pathname += 'index.html';
    const file = pathname.slice(1);
    state.log.push(file);
    if (file === state.held) await new Promise((resolve) => (state.release = resolve));
    const instead = state.instead[file];
    try {
      if (typeof instead === 'number') throw instead;
      const body = instead ?? (await readFile(path.join(state.folder, file)));
      response
        .writeHead(200, {
          'Content-Type': h.TYPES[path.extname(file)] ?? 'application/octet-stream',
          'Cache-Control': 'no-cache',
        })
        .end(body);
    } catch {
      response.writeHead(typeof instead === 'number' ? instead : 404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${server.address().port}/`;
  state.use = (next) => (state.folder = versions[next].out);
  state.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return state;
}

async function visit(work, name = 'one', screen = {}) {
  const server = await host(name);
  const opened = await h.openPage(browser, screen);
  try {
    await h.openApp(opened.page, server.url);
    await work({ ...opened, server });
  } finally {
    await opened.context.close();
    server.stop();
  }
}

async function reload(page) {
  await page.reload();
  await h.waitForState(page, 'ready');
}

const modelOf = (page) => page.locator('main#app').getAttribute('data-model');
async function assertVersion(page, name) {
  assert.equal(await modelOf(page), `../${versions[name].model}`);
}
const announced = (page) => page.locator('#update').isVisible();

/** Names of all files that are kept, and how many of them are kept twice. */
function kept(page) {
  return page.evaluate(async () => {
    const urls = [];
    for (const name of await caches.keys())
      for (const { url } of await (await caches.open(name)).keys())
        urls.push(new URL(url).pathname);
    return urls.map((url) => url.slice(1));
  });
}

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`a new version waits beside the old one, is announced, and is used on demand, in every tab: ${name}`, async () => {
    await visit(
      async ({ context, page, server }) => {
        const before = await h.pickAndAnswer(page, photo);
        server.use('two');
        await reload(page);
        await page.locator('#update').waitFor();
        await page.screenshot({ path: path.join(pictures, `update-${name}.png`) });
        await assertVersion(page, 'one');

        // The old version is whole: without a network, in this tab and in another.
        await context.setOffline(true);
        const other = await context.newPage();
        await h.openApp(other, server.url);
        await assertVersion(other, 'one');
        for (const one of [page, other]) {
          const answer = await h.pickAndAnswer(one, photo);
          assert.equal(answer.malignancy, before.malignancy);
          assert.equal(answer.requests, '0');
        }
        await context.setOffline(false);

        // An answer is not lost without a word.
        await h.press(page.locator('#update-apply'));
        assert.match(
          await page.locator('#update-words').textContent(),
          /clears the list \(photos: 1\)/,
        );
        assert.equal((await h.readResult(page)).malignancy, before.malignancy);
        await page.screenshot({ path: path.join(pictures, `update-loses-${name}.png`) });
        await Promise.all([page.waitForEvent('load'), h.press(page.locator('#update-apply'))]);
        await h.waitForState(page, 'ready');
        await assertVersion(page, 'two');
        assert.equal(await announced(page), false);

        // The other tab goes on with the old one, and gets no part of the new one.
        await assertVersion(other, 'one');
        await other.locator('#update').waitFor();
        const old = await other.evaluate(
          (url) =>
            fetch(url).then(
              (response) => response.arrayBuffer().then(({ byteLength }) => byteLength),
              (error) => error.name,
            ),
          server.url + versions.one.model,
        );
        assert.equal(old, (await readFile(models.one)).length);
        assert.equal((await h.pickAndAnswer(other, h.samples[1])).requests, '0');
        await h.press(other.locator('#update-apply'));
        await Promise.all([other.waitForEvent('load'), h.press(other.locator('#update-apply'))]);
        await h.waitForState(other, 'ready');
        await assertVersion(other, 'two');

        await context.setOffline(true);
        server.stop();
        await reload(page);
        await assertVersion(page, 'two');
        const after = await h.pickAndAnswer(page, photo);
        assert.equal(after.outcome, before.outcome);
      },
      'one',
      screen,
    );
  });
}

test('"Later" hides the announcement; with no photo, one click is enough, and the old files go', async () => {
  await visit(async ({ page, server }) => {
    server.use('two');
    await reload(page);
    await page.locator('#update').waitFor();
    await h.press(page.locator('#update-later'));
    assert.equal(await announced(page), false);
    assert.ok((await kept(page)).includes(versions.one.model));
    await reload(page);
    await page.locator('#update').waitFor();
    await Promise.all([page.waitForEvent('load'), h.press(page.locator('#update-apply'))]);
    await h.waitForState(page, 'ready');
    await assertVersion(page, 'two');
    const files = await kept(page);
    assert.ok(files.includes(versions.two.model));
    assert.ok(!files.includes(versions.one.model), 'the old model is still kept');
    assert.equal(new Set(files).size, files.length, 'a file is kept twice');
  });
});

test('with the last page of the old version closed, the new one is there by itself', async () => {
  await visit(async ({ context, page, server }) => {
    server.use('two');
    await reload(page);
    await page.locator('#update').waitFor();
    await page.goto('about:blank');
    // The browser hands over when it has noticed that no page is left.
    for (let tries = 0; ; tries += 1) {
      const next = await context.newPage();
      await h.openApp(next, server.url);
      const now = await modelOf(next);
      await next.close();
      if (now === `../${versions.two.model}`) break;
      assert.ok(tries < 20, 'the old version is still used');
    }
  });
});

test('a broken new version leaves the old one in charge, with and without a network', async () => {
  const bytes = await readFile(models.two);
  const flipped = Buffer.from(bytes);
  flipped[flipped.length >> 1] ^= 1;
  const oldPage = path.join(versions.one.out, 'app/index.html');
  await visit(async ({ context, page, server }) => {
    const before = await h.pickAndAnswer(page, photo);
    server.use('two');
    // What has come in already is not asked for again: in the order of the list.
    for (const [what, instead] of [
      ['a failing server', { 'app/index.html': 500 }],
      ['an older page', { 'app/index.html': await readFile(oldPage) }],
      ['another content', { [versions.two.model]: flipped }],
      ['a missing file', { [versions.two.model]: 404 }],
    ]) {
      server.instead = instead;
      server.log.length = 0;
      await reload(page);
      assert.ok(server.log.includes('sw.js'), `${what}: nobody looked for a new version`);
      assert.ok(server.log.includes(Object.keys(instead)[0]), `${what}: it was not asked for`);
      for (const offline of [false, true]) {
        await context.setOffline(offline);
        if (offline) await reload(page);
        await assertVersion(page, 'one');
        assert.equal(await announced(page), false, what);
        assert.equal(await page.locator('main#app').getAttribute('data-offline'), 'active');
        assert.equal((await h.pickAndAnswer(page, photo)).malignancy, before.malignancy, what);
      }
      await context.setOffline(false);
    }
    // Mended, it comes with the next visit.
    server.instead = {};
    await reload(page);
    await page.locator('#update').waitFor();
  });
});

test('a photo that is chosen while a new version comes in stops that, and is judged by the old one', async () => {
  await visit(async ({ page, server }) => {
    const before = await h.pickAndAnswer(page, photo);
    server.use('two');
    server.held = versions.two.model;
    await page.reload();
    await page.waitForFunction(() => document.querySelector('#app').dataset.backend);
    // Usable, but not complete yet.
    assert.equal(await page.locator('main#app').getAttribute('data-offline'), null);
    const isAsked = () => server.log.includes(versions.two.model);
    while (!isAsked()) await page.evaluate(() => new Promise(requestAnimationFrame));
    const asked = server.log.length;
    const answer = await h.pickAndAnswer(page, photo);
    assert.equal(answer.malignancy, before.malignancy);
    assert.equal(answer.requests, '0');
    // When a new worker is dropped, the browser itself may look at sw.js once more.
    const later = server.log.slice(asked).filter((name) => name !== 'sw.js');
    assert.deepEqual(later, [], 'requests after the photo was chosen');
    await assertVersion(page, 'one');
    assert.equal(await announced(page), false);
    server.held = '';
    server.release();
    await reload(page);
    await page.locator('#update').waitFor();
  });
});

test('with a photo open in one tab, another tab downloads nothing', async () => {
  await visit(async ({ context, page, server }) => {
    await h.pickAndAnswer(page, photo);
    server.use('two');
    server.log.length = 0;
    const other = await context.newPage();
    await h.openApp(other, server.url);
    assert.deepEqual([...new Set(server.log)], ['sw.js']);
    assert.equal(await announced(other), false);
    await assertVersion(other, 'one');
  });
});

test('where the browser has thrown the files away: the same come again, and others replace them whole', async () => {
  await visit(async ({ page, server }) => {
    const lose = () =>
      page.evaluate(async () => {
        for (const name of await caches.keys()) await caches.delete(name);
      });
    await lose();
    await reload(page);
    await assertVersion(page, 'one');
    await lose();
    server.use('two');
    await page.goto(`${server.url}app/?backend=wasm`);
    await page.waitForFunction(
      (model) =>
        document.querySelector('main#app')?.dataset.model === model &&
        document.querySelector('main#app').dataset.state === 'ready',
      `../${versions.two.model}`,
      { timeout: 60_000 },
    );
    await h.pickAndAnswer(page, photo);
  });
});

test('pages are found without ".html" too, as some hosts name them', async () => {
  await visit(async ({ context, page, server }) => {
    await context.setOffline(true);
    for (const name of ['privacy', 'de/privacy', 'model', 'de/', 'de']) {
      const response = await page.goto(server.url + name);
      assert.equal(response.status(), 200, name);
    }
  });
});

test('the page can be installed', async () => {
  await visit(async ({ context, page, server }) => {
    const browserOf = await context.newCDPSession(page);
    const { errors, data } = await browserOf.send('Page.getAppManifest');
    assert.deepEqual(errors, []);
    const manifest = JSON.parse(data);
    const icons = await Promise.all(
      manifest.icons
        .filter(({ type }) => type === 'image/png')
        .map(async ({ src, sizes, purpose }) => {
          const bytes = await readFile(path.join(server.folder, src));
          assert.equal(sizes, `${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, src);
          return `${purpose} ${sizes}`;
        }),
    );
    assert.deepEqual(icons.sort(), ['any 192x192', 'any 512x512', 'maskable 512x512']);
    const { installabilityErrors } = await browserOf.send('Page.getInstallabilityErrors');
    assert.deepEqual(
      installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'),
      [],
    );
  });
});
