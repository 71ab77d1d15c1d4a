// Keeps every file of the page on the device and answers from there; whatever is not one of them is
// refused, so that nothing can leave even if something tried. `nevus site` fills the lists in.

import {
  cleanupOutdatedCaches,
  getCacheKeyForURL,
  matchPrecache,
  precache,
} from 'workbox-precaching';

declare const self: ServiceWorkerGlobalScope & {
  __WB_MANIFEST: { url: string; revision: string | null }[];
  /** Files that only some browsers need (the runtime with WebGPU): kept from their first use on. */
  __NEVUS_OPTIONAL: string[];
  /** What `nevus serve` sends with every response. */
  __NEVUS_HEADERS: Record<string, string>;
};

const SECURITY_HEADERS = self.__NEVUS_HEADERS;
const OPTIONAL_CACHE = 'nevus-optional';

precache(self.__WB_MANIFEST);
cleanupOutdatedCaches();
const optional = new Set(self.__NEVUS_OPTIONAL.map((url) => new URL(url, self.location.href).href));

self.addEventListener('install', () => void self.skipWaiting());

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(OPTIONAL_CACHE);
      for (const { url } of await cache.keys()) if (!optional.has(url)) await cache.delete(url);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('fetch', (event) => {
  event.respondWith(answer(event.request).then(secured));
});

/**
 * The same response with the security headers, where the host could not send them (GitHub Pages):
 * a worker obeys the policy in its own script's headers only, not the page's <meta>.
 */
function secured(response: Response): Response {
  if (response.type === 'error' || response.headers.has('Content-Security-Policy')) return response;
  // Redirections hold no content; the browser makes them anew.
  if (response.status < 200 || response.status > 299) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
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
    else if (getCacheKeyForURL(`${url.href}/index.html`)) return Response.redirect(`${url.href}/`);
  }
  if (getCacheKeyForURL(url.href)) {
    // Where the browser has thrown the copy away, the file itself is fetched again.
    return (await matchPrecache(url.href)) ?? fetch(url.href);
  }
  if (optional.has(url.href)) {
    const cache = await caches.open(OPTIONAL_CACHE);
    const kept = await cache.match(url.href);
    if (kept) return kept;
    const response = await fetch(url.href);
    if (response.ok) await cache.put(url.href, response.clone());
    return response;
  }
  if (request.mode === 'navigate')
    return new Response('This page is not part of Nevus.', {
      status: 404,
      headers: { 'Content-Type': 'text/plain' },
    });
  return Response.error();
}
