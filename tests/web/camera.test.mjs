// The camera: asked for by a click only, off again at once, and every way in which it can fail is said.
// Chromium brings a camera of its own, which shows a test picture.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as h from './harness.mjs';

const FAKE = '--use-fake-device-for-media-stream';
const ALLOW = '--use-fake-ui-for-media-stream';
const PHONE = {
  viewport: { width: 320, height: 640 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
/** Kept for people to look at. */
const pictures = path.join(path.dirname(h.siteFolder), 'screenshots');

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

let server, axe;
before(async () => {
  await mkdir(pictures, { recursive: true });
  axe = await readFile(h.require.resolve('axe-core/axe.min.js'), 'utf8');
  server = await h.serve();
});
after(() => server?.stop());

/** Records every use of the camera in window.cameraUse: how often it was asked for, and its tracks. */
function watchCamera() {
  const use = { asked: [], tracks: [] };
  Object.defineProperty(globalThis, 'cameraUse', { value: use });
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const original = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    use.asked.push(constraints);
    const stream = await original(constraints);
    use.tracks.push(...stream.getTracks());
    return stream;
  };
}

async function withApp(args, work, options = {}, before = async () => {}) {
  const browser = await h.launch({ args });
  try {
    const opened = await h.openPage(browser, options);
    await opened.page.addInitScript(watchCamera);
    await before(opened.page);
    await h.openApp(opened.page, server.url);
    await work(opened);
  } finally {
    await browser.close();
  }
}

const cameraState = (page, state) =>
  page.locator(`#camera[data-state=${state}]`).waitFor({ state: 'attached' });
const asked = (page) => page.evaluate(() => globalThis.cameraUse.asked.length);
const tracks = (page) =>
  page.evaluate(() => globalThis.cameraUse.tracks.map((track) => track.readyState));
const focused = (page) => page.evaluate(() => document.activeElement.id);

async function openCamera(page, state = 'live') {
  await h.press(page.locator('#camera-open'));
  await cameraState(page, state);
}

async function newestRow(page) {
  return page.locator('#queue-list li').last().getAttribute('data-file');
}

for (const [name, screen] of Object.entries(h.SCREENS)) {
  test(`nothing is asked for before the click; the shutter gives a judged photo, and the camera is off: ${name}`, async () => {
    await withApp(
      [`${FAKE}=device-count=1`, ALLOW],
      async ({ page, requests, complaints }) => {
        assert.equal(await asked(page), 0);
        const before = requests.length;
        await openCamera(page);
        assert.equal(await asked(page), 1);
        const constraints = await page.evaluate(() => globalThis.cameraUse.asked[0]);
        assert.equal(constraints.audio, false);
        assert.deepEqual(constraints.video.facingMode, { ideal: 'environment' });
        // It plays: pictures keep coming.
        const frames = () =>
          page.evaluate(() => {
            const video = document.querySelector('#camera-video');
            return { paused: video.paused, time: video.currentTime, width: video.videoWidth };
          });
        const first = await frames();
        assert.ok(first.width >= 640, `the preview is ${first.width} pixels wide`);
        assert.equal(first.paused, false);
        await page.waitForFunction(
          (time) => document.querySelector('#camera-video').currentTime > time,
          first.time,
        );
        assert.equal(await focused(page), 'camera-shutter');
        assert.equal(
          await page.locator('#camera-switch').isVisible(),
          false,
          'there is one camera',
        );
        await page.screenshot({ path: path.join(pictures, `camera-${name}.png`) });

        await h.press(page.locator('#camera-shutter'));
        await page.waitForFunction(() => {
          const state = document.querySelector('main#app').dataset.state;
          return state === 'answered' || state === 'failed';
        });
        assert.equal(await page.locator('#camera').isVisible(), false);
        assert.equal(await focused(page), 'camera-open');
        assert.deepEqual(await tracks(page), ['ended']);
        const result = await h.readResult(page);
        assert.match(result.file, /^camera-\d{4}-\d\d-\d\d-\d{4}\.jpg$/);
        assert.ok(['show_doctor', 'nothing_alarming', 'cannot_judge'].includes(result.outcome));
        assert.equal(result.requests, '0');
        assert.deepEqual(requests.slice(before), []);
        assert.deepEqual(
          complaints.filter((line) => !/GPU stall|takePhoto/.test(line)),
          [],
        );

        // By key, and a second one of (perhaps) the same minute has a name of its own.
        await openCamera(page);
        await page.keyboard.press('Space');
        await page.waitForFunction(() => document.querySelectorAll('#queue-list li').length === 2);
        assert.notEqual(await newestRow(page), result.file);
        await openCamera(page);
        await page.locator('#camera-video').evaluate((video) => {
          document.activeElement.blur();
          video.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
        });
        await page.waitForFunction(() => document.querySelectorAll('#queue-list li').length === 3);
        assert.deepEqual(await tracks(page), ['ended', 'ended', 'ended']);
        await page.locator('#queue[data-answered="3"]').waitFor({ state: 'attached' });
      },
      screen,
    );
  });
}

test('the photo has the full size of the camera, as a JPEG', async () => {
  await withApp(
    [`${FAKE}=device-count=1`, ALLOW],
    async ({ page }) => {
      await openCamera(page);
      const largest = await page.evaluate(async () => {
        const [track] = globalThis.cameraUse.tracks;
        const can = await new ImageCapture(track).getPhotoCapabilities();
        return [can.imageWidth.max, can.imageHeight.max];
      });
      await h.press(page.locator('#camera-shutter'));
      await h.waitForState(page, ['answered']);
      const file = await page.evaluate(async () => {
        const photo = globalThis.photoFile;
        const bitmap = await createImageBitmap(photo);
        const start = new Uint8Array(await photo.slice(0, 3).arrayBuffer());
        return { size: [bitmap.width, bitmap.height], start: [...start], type: photo.type };
      });
      console.log(`largest ${largest}, taken ${file.size}`);
      // The largest that the camera names, or (as this one does) even more.
      assert.ok(file.size[0] >= largest[0] && file.size[1] >= largest[1]);
      assert.deepEqual(file.start, [0xff, 0xd8, 0xff]);
      assert.equal(file.type, 'image/jpeg');
    },
    {},
    (page) =>
      page.addInitScript(() => {
        const { postMessage } = Worker.prototype;
        Worker.prototype.postMessage = function (message, ...rest) {
          if (message.type === 'analyse') globalThis.photoFile = message.photo.file;
          return postMessage.call(this, message, ...rest);
        };
      }),
  );
});

test('where the camera takes no photos by itself, a frame of the video is the photo', async () => {
  await withApp(
    [`${FAKE}=device-count=1`, ALLOW],
    async ({ page }) => {
      await openCamera(page);
      await h.press(page.locator('#camera-shutter'));
      await h.waitForState(page, ['answered']);
      assert.deepEqual(await tracks(page), ['ended']);
    },
    {},
    (page) => page.addInitScript(() => delete globalThis.ImageCapture),
  );
});

test('cancel, Escape and a hidden tab switch the camera off; so does a stream that comes too late', async () => {
  await withApp([`${FAKE}=device-count=1`, ALLOW], async ({ page }) => {
    await openCamera(page);
    await h.press(page.locator('#camera-cancel'));
    assert.deepEqual(await tracks(page), ['ended']);
    assert.equal(await focused(page), 'camera-open');

    await openCamera(page);
    await page.keyboard.press('Escape');
    assert.deepEqual(await tracks(page), ['ended', 'ended']);
    assert.equal(await focused(page), 'camera-open');

    await openCamera(page);
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { value: true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
      delete document.hidden;
    });
    assert.deepEqual(await tracks(page), ['ended', 'ended', 'ended']);
    assert.equal(await page.locator('#camera').isVisible(), false);

    // Closed before the browser has answered.
    await page.evaluate(() => {
      document.querySelector('#camera-open').click();
      document.querySelector('#camera-cancel').click();
    });
    await page.waitForFunction(() => globalThis.cameraUse.tracks.length === 4);
    await page.waitForFunction(() => globalThis.cameraUse.tracks[3].readyState === 'ended');
    assert.equal(await page.locator('main#app').getAttribute('data-state'), 'ready');
  });
});

test('with two cameras there is a switch, which uses one at a time', async () => {
  await withApp([`${FAKE}=device-count=2`, ALLOW], async ({ page }) => {
    await openCamera(page);
    const used = () =>
      page.evaluate(() => globalThis.cameraUse.tracks.map((track) => track.getSettings().deviceId));
    await h.press(page.locator('#camera-switch'));
    await page.waitForFunction(() => globalThis.cameraUse.tracks.length === 2);
    await cameraState(page, 'live');
    const [first, second] = await used();
    assert.notEqual(first, second);
    assert.deepEqual(await tracks(page), ['ended', 'live']);
    await h.press(page.locator('#camera-switch'));
    await page.waitForFunction(() => globalThis.cameraUse.tracks.length === 3);
    await cameraState(page, 'live');
    assert.equal((await used())[2], first);
    await page.keyboard.press('Escape');
    assert.deepEqual(await tracks(page), ['ended', 'ended', 'ended']);
  });
});

test('a light is offered where the camera has one', async () => {
  await withApp(
    [`${FAKE}=device-count=1`, ALLOW],
    async ({ page }) => {
      await openCamera(page);
      const torch = page.locator('#camera-torch');
      for (const on of [true, false]) {
        await torch.click();
        await page.waitForFunction((wanted) => globalThis.torchLit === wanted, on);
        await page.locator(`#camera-torch[aria-pressed=${on}]`).waitFor();
      }
    },
    {},
    (page) =>
      page.addInitScript(() => {
        const { prototype } = MediaStreamTrack;
        prototype.getCapabilities = () => ({ torch: true });
        prototype.applyConstraints = async ({ advanced }) => {
          globalThis.torchLit = advanced[0].torch;
        };
      }),
  );
});

async function failure(page) {
  await openCamera(page, 'failed');
  const words = await page.locator('#camera-status').textContent();
  console.log(words);
  assert.match(words, /Choose photos/);
  assert.equal(await page.locator('#camera-shutter').isVisible(), false);
  assert.equal(await focused(page), 'camera-again');
  return words;
}

test('a refusal is said, with what to do, and another way is there', async () => {
  await withApp([FAKE, '--deny-permission-prompts'], async ({ page }) => {
    assert.match(await failure(page), /may not use the camera\. Allow it/);
    await page.screenshot({ path: path.join(pictures, 'camera-denied.png') });
    await h.press(page.locator('#camera-again'));
    await page.waitForFunction(() => globalThis.cameraUse.asked.length === 2);
    await cameraState(page, 'failed');
    const chooser = page.waitForEvent('filechooser');
    await h.press(page.locator('#camera-choose'));
    await chooser;
    assert.equal(await page.locator('#camera').isVisible(), false);
  });
});

test('no camera is said', async () => {
  await withApp([`${FAKE}=device-count=0`, ALLOW], async ({ page }) => {
    assert.match(await failure(page), /No camera was found/);
  });
});

for (const [name, words] of [
  ['NotReadableError', /another program may be using it/],
  ['AbortError', /another program may be using it/],
  ['UnknownError', /gave no photo: /],
]) {
  test(`a camera that does not start is said: ${name}`, async () => {
    await withApp(
      [],
      async ({ page }) => assert.match(await failure(page), words),
      {},
      (page) =>
        page.addInitScript((error) => {
          navigator.mediaDevices.getUserMedia = () =>
            Promise.reject(new DOMException('it hangs', error));
        }, name),
    );
  });
}

test('a camera that goes away while it is on is said', async () => {
  await withApp([`${FAKE}=device-count=1`, ALLOW], async ({ page }) => {
    await openCamera(page);
    await page.evaluate(() => globalThis.cameraUse.tracks[0].dispatchEvent(new Event('ended')));
    await cameraState(page, 'failed');
    assert.match(await page.locator('#camera-status').textContent(), /switched off or taken away/);
    assert.deepEqual(await tracks(page), ['ended']);
  });
});

test('a page that did not come by https says so', async () => {
  const browser = await h.launch({ args: ['--host-resolver-rules=MAP nevus.test 127.0.0.1'] });
  try {
    const { page } = await h.openPage(browser);
    await page.addInitScript(watchCamera);
    await h.openApp(page, server.url.replace('127.0.0.1', 'nevus.test'));
    assert.match(await failure(page), /https/);
  } finally {
    await browser.close();
  }
});

for (const language of ['en', 'de']) {
  test(`on the narrowest phone it fits and is accessible, live and failed: ${language}`, async () => {
    const texts = JSON.parse(
      await readFile(path.join(root, 'web/i18n', `${language}.json`), 'utf8'),
    );
    const look = async (page, name) => {
      await page.screenshot({ path: path.join(pictures, `camera-${name}-${language}.png`) });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document));
      assert.deepEqual(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(' ')}`),
        [],
      );
      const wide = await page.evaluate(() =>
        [document.documentElement, document.querySelector('#camera')].map(
          (one) => one.scrollWidth - one.clientWidth,
        ),
      );
      assert.deepEqual(wide, [0, 0], `${name} is too wide`);
    };
    const options = { ...PHONE, locale: language, bypassCSP: true };
    await withApp(
      [`${FAKE}=device-count=2`, ALLOW],
      async ({ page }) => {
        assert.equal(await page.locator('#camera-open').innerText(), texts['toolbar.camera']);
        await openCamera(page);
        // The shutter is there without scrolling.
        const box = await page.locator('#camera-shutter').boundingBox();
        assert.ok(box.y + box.height <= PHONE.viewport.height, JSON.stringify(box));
        assert.equal(await page.locator('#camera-title').innerText(), texts['camera.title']);
        await look(page, 'live');
      },
      options,
    );
    await withApp(
      [FAKE, '--deny-permission-prompts'],
      async ({ page }) => {
        await openCamera(page, 'failed');
        assert.equal(
          await page.locator('#camera-status').textContent(),
          `${texts['camera.denied']} ${texts['camera.instead']}`,
        );
        await look(page, 'failed');
      },
      options,
    );
  });
}

test('the camera is allowed to the page itself, and nothing else is', async () => {
  const { headers } = await fetch(server.url);
  assert.equal(
    headers.get('permissions-policy'),
    'camera=(self), microphone=(), geolocation=(), payment=(), usb=()',
  );
  for (const name of ['_headers', 'nginx.conf', 'Caddyfile'])
    assert.match(
      await readFile(path.join(h.siteFolder, name), 'utf8'),
      /camera=\(self\), microphone=\(\)/,
      name,
    );
});
