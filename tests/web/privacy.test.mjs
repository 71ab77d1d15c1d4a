// Nothing leaves: no request after the photo is chosen, answers without a network, and a policy that
// holds in the page and in its worker.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import * as h from './harness.mjs';

const photo = h.anyPhotos[0];
const another = h.anyPhotos.at(-1);
const WATCHED_MS = 5000;

/** Chromium's own record of what its network service did, whoever asked: page, workers, service worker. */
async function netLog(file) {
  const { constants, events } = JSON.parse(await readFile(file, 'utf8'));
  const kind = constants.logEventTypes.URL_REQUEST_START_JOB;
  assert.ok(kind !== undefined, 'the network log has no URL_REQUEST_START_JOB');
  const offset = Number(constants.timeTickOffset);
  // Sent, not answered by the browser's cache.
  const sent = new Set(
    events
      .filter(({ type }) => type === constants.logEventTypes.HTTP_TRANSACTION_SEND_REQUEST)
      .map(({ source }) => source.id),
  );
  return events
    .filter(({ source }) => sent.has(source.id))
    .filter(({ type, params }) => type === kind && /^(https?|wss?|ftp):/.test(params?.url ?? ''))
    .map(({ time, params }) => ({
      url: params.url,
      initiator: params.initiator ?? '',
      at: Number(time) + offset,
    }));
}

test('no request of any kind after the photo is chosen, and none to another origin ever', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'nevus-net-'));
  const file = path.join(folder, 'net.json');
  const server = await h.serve();
  const browser = await h.launch({ args: [`--log-net-log=${file}`] });
  /** From each choice of a first photo until we looked away. */
  const windows = [];
  try {
    const { page, requests, complaints } = await h.openPage(browser);
    // From the start page, as a visitor comes; then once more, served by the service worker.
    for (const visit of ['first', 'second']) {
      if (visit === 'first') {
        await page.goto(server.url);
        await page.locator('#start').click();
      } else {
        await page.reload();
      }
      await h.waitForState(page, 'ready');
      const [asked, arrived] = [requests.length, server.log.length];
      assert.ok(asked > 0 && arrived > 0);
      const from = Date.now();
      // Long enough for what the browser does by itself some seconds after a page has loaded.
      do {
        for (const one of [photo, another]) {
          const answer = await h.pickAndAnswer(page, one);
          assert.equal(answer.requests, '0');
        }
        await page.locator('#heatmap-toggle').click();
      } while (Date.now() - from < WATCHED_MS);
      windows.push({ from, to: Date.now() });
      assert.deepEqual(requests.slice(asked), [], `${visit} visit: the browser reports requests`);
      assert.deepEqual(server.log.slice(arrived), [], `${visit} visit: requests arrived`);
    }
    for (const url of requests) assert.ok(url.startsWith(server.url), `${url} is another origin`);
    const bad = complaints.filter((line) => /Content Security Policy|violates|refused/i.test(line));
    assert.deepEqual(bad, [], 'the policy was broken by the page itself');
  } finally {
    await browser.close();
    await server.stop();
  }
  const all = await netLog(file);
  await rm(folder, { recursive: true, force: true });
  // A request that a page, a worker or a service worker makes names its origin as the initiator;
  // Chromium's own (its update check, its account service) name none and aren't the page's.
  const origin = new URL(server.url).origin;
  const own = all.filter(
    ({ url, initiator }) => url.startsWith(server.url) || initiator === origin,
  );
  assert.ok(own.length > 10, `the network log holds only ${own.length} of the page's requests`);
  const initiated = own.filter(({ initiator }) => initiator === origin).length;
  assert.ok(initiated > 10, `only ${initiated} requests name the page as their initiator`);
  assert.deepEqual(
    own.filter(({ url }) => !url.startsWith(server.url)),
    [],
    'requests to other origins in the network log',
  );
  assert.deepEqual(
    own.filter(({ at }) => windows.some(({ from, to }) => at >= from && at <= to)),
    [],
    'requests in the network log after the photo was chosen',
  );
  const strangers = new Set(
    all
      .filter(({ initiator, url }) => !url.startsWith(origin) && /^https?:/.test(initiator))
      .map(({ initiator }) => initiator),
  );
  assert.deepEqual([...strangers], [], 'requests that another page made');
  console.log(`${own.length} requests in the network log, none after the photo was chosen`);
});

test('with the network off and the server gone it answers, after a reload too', async () => {
  const server = await h.serve();
  const browser = await h.launch();
  try {
    const { context, page } = await h.openPage(browser);
    await h.openApp(page, server.url);
    const before = await h.pickAndAnswer(page, photo);
    await context.setOffline(true);
    await server.stop();
    const other = await h.pickAndAnswer(page, another);
    assert.equal(other.requests, '0');
    const again = await h.pickAndAnswer(page, photo);
    assert.equal(again.malignancy, before.malignancy);

    await page.reload();
    await h.waitForState(page, 'ready');
    const reloaded = await h.pickAndAnswer(page, photo);
    assert.equal(reloaded.malignancy, before.malignancy);
    assert.equal(reloaded.outcome, before.outcome);

    for (const name of [
      '',
      'index.html',
      'privacy.html',
      'model.html',
      'de/model.html',
      'app/',
      'de/',
      'de/privacy.html',
    ]) {
      const response = await page.goto(server.url + name);
      assert.equal(response.status(), 200, name);
      assert.ok(response.fromServiceWorker(), name);
    }
  } finally {
    await browser.close();
    await server.stop();
  }
});

test('the policy refuses other servers, in the page and in the worker', async () => {
  // A server that would answer anyone: what keeps requests from it is the page's policy alone.
  const reached = [];
  const other = createServer((request, response) => {
    // Chromium asks by itself for the icon of the page that is opened here for comparison.
    if (request.url !== '/favicon.ico') reached.push(request.url);
    response.writeHead(200, {
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    });
    response.end('here');
  });
  await new Promise((resolve) => other.listen(0, resolve));
  const elsewhere = `http://127.0.0.1:${other.address().port}/`;
  const server = await h.serve();
  const browser = await h.launch();
  try {
    // The other server does answer where no policy forbids it.
    const free = await browser.newPage();
    await free.goto(elsewhere.replace('127.0.0.1', 'localhost'));
    reached.length = 0;
    assert.equal(
      await free.evaluate((url) => fetch(url).then((r) => r.text()), `${elsewhere}free`),
      'here',
    );
    assert.deepEqual(reached, ['/free']);

    const { page } = await h.openPage(browser);
    await h.openApp(page, server.url);
    const attempt = (url) =>
      fetch(url).then(
        () => 'answered',
        (error) => error.name,
      );
    const [worker] = page.workers();
    assert.ok(worker, 'there is no worker');
    for (const place of [page, worker]) {
      assert.equal(await place.evaluate(attempt, `${elsewhere}fetch`), 'TypeError');
      // Our own origin, but not one of the site's files: the service worker refuses.
      assert.equal(await place.evaluate(attempt, `${server.url}upload?photo=1`), 'TypeError');
      // From a timer, since what the debugger evaluates itself may use eval.
      const compiled = await place.evaluate(
        () =>
          new Promise((resolve) => {
            setTimeout(() => {
              try {
                resolve(new Function('return "ran"')());
              } catch (error) {
                resolve(error.name);
              }
            });
          }),
      );
      assert.equal(compiled, 'EvalError');
    }
    await page.evaluate((url) => {
      new Image().src = `${url}image`;
      navigator.sendBeacon(`${url}beacon`, 'photo');
      try {
        new WebSocket(url.replace('http', 'ws'));
      } catch {
        // refused even earlier
      }
      const form = document.createElement('form');
      form.action = `${url}form`;
      document.body.append(form);
      form.submit();
    }, elsewhere);
    const evaluated = await page.evaluate(attempt, `${elsewhere}last`);
    assert.equal(evaluated, 'TypeError');
    assert.deepEqual(reached, ['/free']);
    assert.ok(!server.log.some((line) => line.includes('upload')), 'the upload arrived');
  } finally {
    await browser.close();
    await server.stop();
    other.close();
  }
});

/** A host that knows nothing of headers, with the site in a folder: GitHub Pages, say. */
async function plainHost(prefix) {
  const host = createServer(async (request, response) => {
    let { pathname } = new URL(request.url, 'http://host');
    if (pathname.endsWith('/')) pathname += 'index.html';
    try {
      if (!pathname.startsWith(prefix)) throw new Error('elsewhere');
      const body = await readFile(path.join(h.siteFolder, pathname.slice(prefix.length)));
      response.writeHead(200, {
        'Content-Type': h.TYPES[path.extname(pathname)] ?? 'application/octet-stream',
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${host.address().port}${prefix}`, stop: () => host.close() };
}

test('on a host without headers, in a sub-folder: it works, and the policy holds from the second visit on, in the worker too', async () => {
  const host = await plainHost('/people/nevus/');
  const reached = [];
  const other = createServer((request, response) => {
    reached.push(request.url);
    response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end();
  });
  await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
  const browser = await h.launch();
  try {
    const { page } = await h.openPage(browser);
    await h.openApp(page, host.url);
    const first = await h.pickAndAnswer(page, photo);
    assert.equal(first.requests, '0');
    await page.reload();
    await h.waitForState(page, 'ready');
    const again = await h.pickAndAnswer(page, photo);
    assert.equal(again.malignancy, first.malignancy);
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    for (const place of [page, page.workers()[0]]) {
      const outcome = await place.evaluate(
        (url) =>
          fetch(url, { mode: 'no-cors' }).then(
            () => 'answered',
            (error) => error.name,
          ),
        `http://127.0.0.1:${other.address().port}/`,
      );
      assert.equal(outcome, 'TypeError');
    }
    assert.deepEqual(reached, []);
  } finally {
    await browser.close();
    host.stop();
    other.close();
  }
});

test('every response carries the headers of a strict host', async () => {
  const server = await h.serve();
  try {
    for (const name of ['', 'app/', 'sw.js', 'model.json', 'no-such-file']) {
      const { headers } = await fetch(server.url + name);
      assert.match(
        headers.get('content-security-policy'),
        /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/,
      );
      assert.match(headers.get('content-security-policy'), /frame-ancestors 'none'$/);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.equal(headers.get('referrer-policy'), 'no-referrer');
      assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin');
      assert.equal(headers.get('cross-origin-embedder-policy'), 'require-corp');
    }
    // What a host is told is what nevus serve sends.
    const written = await readFile(path.join(h.siteFolder, '_headers'), 'utf8');
    const { headers } = await fetch(server.url);
    for (const line of written.split('\n').filter((text) => /^ {2}(?!Cache-Control)/.test(text))) {
      const [, name, value] = /^ {2}([\w-]+): (.*)$/.exec(line);
      assert.equal(headers.get(name), value, name);
    }
  } finally {
    await server.stop();
  }
});
