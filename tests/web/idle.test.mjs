// A page that is left alone after an answer leaves the processor alone too.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import * as h from './harness.mjs';

const SECONDS = Number(process.env.NEVUS_IDLE_SECONDS ?? 10);
/** Of one core. */
const LIMIT = 0.01;
/** Of /proc/PID/stat, per second: the same on every Linux that Node runs on. */
const TICKS = 100;

let browser, roots, server;
before(async () => {
  browser = await h.launch();
  // The test's only children so far.
  roots = [...(await processes())]
    .filter(([, one]) => one.parent === process.pid)
    .map(([id]) => id);
  server = await h.serve();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Parent and processor time of every process; the time of children that have ended is in their parent's. */
async function processes() {
  const all = new Map();
  for (const id of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // One that ends meanwhile is not there any more.
    const text = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => undefined);
    // The name, in brackets, may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
    const fields = text
      ?.slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    if (fields)
      all.set(Number(id), {
        parent: fields[1],
        ticks: fields.slice(11, 15).reduce((sum, value) => sum + value, 0),
      });
  }
  return all;
}

/** Seconds of processor time that the browser's processes have used so far. */
async function used() {
  const all = await processes();
  const isOurs = (id) => roots.includes(id) || (all.has(id) && isOurs(all.get(id).parent));
  let ticks = 0;
  let count = 0;
  for (const [id, one] of all) {
    if (!isOurs(id)) continue;
    ticks += one.ticks;
    count += 1;
  }
  return { seconds: ticks / TICKS, count };
}

/** Seconds of processor time a second, while nothing happens. */
async function shareOfACore() {
  const from = await used();
  const started = performance.now();
  // Time itself is what is measured here.
  await new Promise((done) => setTimeout(done, 1000 * SECONDS));
  const to = await used();
  assert.ok(to.count > 1, 'only one process of the browser was found');
  return (to.seconds - from.seconds) / ((performance.now() - started) / 1000);
}

test(`left alone after an answer, the browser uses under ${100 * LIMIT} % of a core`, async () => {
  assert.ok(roots.length > 0, 'no process of the browser was found');
  const { page } = await h.openPage(browser);
  await h.openApp(page, server.url);
  const { outcome } = await h.pickAndAnswer(page, h.anyPhotos[0]);
  // What turning the photo does is the last thing to arrive.
  if (outcome !== 'cannot_judge')
    await page.waitForFunction(() => document.querySelector('#result').dataset.stability);
  await page.evaluate(async () => {
    for (let i = 0; i < 30; i += 1) await new Promise((done) => requestAnimationFrame(done));
  });
  // The browser puts work off (code caches, memory): the first seconds are its own.
  const first = await shareOfACore();
  const share = await shareOfACore();
  const percent = (value) => `${(100 * value).toFixed(2)} %`;
  console.log(
    `of a core: ${percent(first)} over ${SECONDS} s, then ${percent(share)} over as many`,
  );
  assert.ok(share < LIMIT, `${percent(share)} of a core`);
});
