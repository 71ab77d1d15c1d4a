// Puts the service worker in charge, so that the page works offline and refuses every request that
// isn't one of its own files.

/** 'active', or why there is none; never throws. */
export async function startServiceWorker(url: string, scope: string): Promise<string> {
  if (!('serviceWorker' in navigator)) return 'this browser has no service worker here';
  try {
    // The browser looks for a newer service worker at times of its own choosing, a second or more
    // after the page has loaded: with a photo open perhaps. So it is asked to look now, and its HTTP
    // cache answers what it asks in the following minutes (the file's max-age).
    const registration = await navigator.serviceWorker.register(url, {
      scope,
      updateViaCache: 'all',
    });
    // Without a network, the one that is there goes on.
    if (registration.active && !registration.installing)
      await registration.update().catch(() => {});
    const worker = registration.installing ?? registration.waiting ?? registration.active;
    if (!worker) return 'the service worker did not start';
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (worker.state === 'activated') resolve();
        if (worker.state === 'redundant') reject(new Error('it could not store its files'));
      };
      worker.addEventListener('statechange', look);
      look();
    });
    // Its activation claims this page; a page reloaded past the cache (shift-reload) stays outside.
    return 'active';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
