// Keeps every file of the page on the device and answers from there; whatever is not one of them is
// refused, so that nothing can leave even if something tried. `nevus site` fills the lists in.
//
// A new version is downloaded whole beside the old one, each file checked against its SHA-256, and then
// waits: until no page of the old one is open, or until a page says "use" (offline.ts). A download that
// fails or that a page stops leaves the old version in charge. Pages name all their parts by content
// (NAME-HASH), so the two versions share one cache, and no page can be given a part of the other version.

import { PrecacheController } from 'workbox-precaching';
import type { FromServiceWorker, ToServiceWorker } from './offline';

interface OwnFile {
  /** Relative to this script. */
  url: string;
  /** As in HTML: "sha256-" and base64. */
  integrity: string;
}

declare const self: ServiceWorkerGlobalScope & {
  /** revision: null where the name holds the hash. */
  __WB_MANIFEST: (OwnFile & { revision: string | null })[];
  /** Files that only some browsers need (the runtime with WebGPU): kept from their first use on. */
  __NEVUS_OPTIONAL: OwnFile[];
  /** What `nevus serve` sends with every response. */
  __NEVUS_HEADERS: Record<string, string>;
};

const SECURITY_HEADERS = self.__NEVUS_HEADERS;
const OPTIONAL_CACHE = `nevus-optional-${self.registration.scope}`;
/** Held while files are written or removed. */
const LOCK = `nevus-files-${self.registration.scope}`;
/** A page that is asked and does not answer by then is not running. */
const PATIENCE_MS = 1000;

const stopped = new AbortController();
const files = new PrecacheController({
  plugins: [
    {
      requestWillFetch: ({ request }) =>
        Promise.resolve(new Request(request, { signal: stopped.signal })),
      cacheWillUpdate: ({ response }) => Promise.resolve(response.ok ? secured(response) : null),
    },
  ],
});
files.addToCacheList(self.__WB_MANIFEST);
const absolute = (url: string) => new URL(url, self.location.href).href;
const optional = new Map(
  self.__NEVUS_OPTIONAL.map(({ url, integrity }) => [absolute(url), integrity]),
);

const pages = () => self.clients.matchAll({ type: 'window', includeUncontrolled: true });

self.addEventListener('install', (event) => {
  event.waitUntil(
    (async () => {
      if (await photoIsOpen()) throw new Error('a photo is open: another time');
      await navigator.locks.request(LOCK, () => files.install(event));
    })(),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      // One at most: the page that asked for it, and loads anew now. Others may still need old parts.
      if ((await pages()).length <= 1) await tidy(event);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('message', (event) => {
  switch ((event.data as ToServiceWorker).type) {
    case 'stop':
      stopped.abort();
      break;
    case 'use':
      event.waitUntil(self.skipWaiting());
      break;
  }
});

self.addEventListener('fetch', (event) => {
  event.respondWith(answer(event.request).then(secured));
});

/** Whether any page says that it must not see a request now. The first version asks nobody. */
async function photoIsOpen(): Promise<boolean> {
  if (!self.registration.active) return false;
  const answers = (await pages()).map(
    (page) =>
      new Promise<boolean>((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }: MessageEvent<boolean>) => resolve(data);
        setTimeout(() => resolve(false), PATIENCE_MS);
        page.postMessage({ type: 'photo open?' } satisfies FromServiceWorker, [port2]);
      }),
  );
  return (await Promise.all(answers)).includes(true);
}

/** Removes what is not of this version; not while the next one is being stored, or waits. */
async function tidy(event: ExtendableEvent): Promise<void> {
  await navigator.locks.request(LOCK, async () => {
    if (self.registration.installing ?? self.registration.waiting) return;
    await files.activate(event);
    const cache = await caches.open(OPTIONAL_CACHE);
    for (const { url } of await cache.keys()) if (!optional.has(url)) await cache.delete(url);
  });
}

/**
 * The same response with this version's security headers, which the host perhaps could not send (GitHub
 * Pages): a worker obeys the policy in its own script's headers only, not the page's <meta>. One that has
 * them, as a kept file has, stays the cache's own: only beside those does a browser keep compiled code.
 */
function secured(response: Response): Response {
  // Redirections hold no content; the browser makes them anew.
  if (response.type === 'error' || response.status < 200 || response.status > 299) return response;
  const wanted = Object.entries(SECURITY_HEADERS);
  if (wanted.every(([name, value]) => response.headers.get(name) === value)) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of wanted) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return Response.error();
  // Nothing here depends on a query ("?backend=wasm") or a fragment, so neither reaches a server.
  url.search = '';
  url.hash = '';

  if (request.mode === 'navigate') {
    if (url.pathname.endsWith('/')) url.pathname += 'index.html';
    else if (files.getCacheKeyForURL(`${url.href}/index.html`))
      return Response.redirect(`${url.href}/`);
    // Some hosts take ".html" off the address (Cloudflare Pages).
    else if (files.getCacheKeyForURL(`${url.href}.html`)) url.pathname += '.html';
  }
  const key = files.getCacheKeyForURL(url.href);
  if (key) {
    const kept = await files.matchPrecache(url.href);
    if (kept) return kept;
    // The browser has thrown the copy away. The same content may come from the host; another one must
    // not be mixed with what is left, so then this worker leaves, and the page is loaded past it.
    const integrity = files.getIntegrityForCacheKey(key) ?? '';
    try {
      return await fetch(url.href, { integrity, cache: 'no-cache' });
    } catch {
      if (request.mode !== 'navigate') return Response.error();
      // Without a network, it is all that there is.
      if (!navigator.onLine || !(await self.registration.unregister())) return Response.error();
      return new Response('<meta http-equiv="refresh" content="0">', {
        headers: { 'Content-Type': 'text/html' },
      });
    }
  }
  if (optional.has(url.href)) {
    const cache = await caches.open(OPTIONAL_CACHE);
    const kept = await cache.match(url.href);
    if (kept) return kept;
    const response = secured(await fetch(url.href, { integrity: optional.get(url.href) ?? '' }));
    if (response.ok) await cache.put(url.href, response.clone());
    return response;
  }
  if (request.mode === 'navigate')
    return new Response('This page is not part of Nevus.', {
      status: 404,
      headers: { 'Content-Type': 'text/plain' },
    });
  // A part of the version before, for a page of it that is still open.
  return (await caches.match(url.href)) ?? Response.error();
}
