// Puts the service worker in charge, so that the page works offline and refuses every request that
// isn't one of its own files; and takes up new versions, one at a time, when the visitor says so.

import { t } from './i18n';
import { element, write } from './mirror';

/** What a page tells a service worker: stop your download; take over now. */
export interface ToServiceWorker {
  type: 'stop' | 'use';
}
/** What a service worker that is about to download asks a page; the answer is a boolean. */
export interface FromServiceWorker {
  type: 'photo open?';
}

interface Page {
  /** Whether no request may be made now, whoever makes it. */
  photoOpen: () => boolean;
  /** How many photos a reload would lose. */
  photos: () => number;
}

export class Offline {
  readonly #page: Page;
  readonly #bar = element('update', HTMLElement);
  readonly #words = element('update-words', HTMLElement);
  readonly #apply = element('update-apply', HTMLButtonElement);
  #registration: ServiceWorkerRegistration | undefined;
  /** The visitor has been told what a reload loses. */
  #warned = false;

  constructor(page: Page) {
    this.#page = page;
    this.#apply.addEventListener('click', () => this.#use());
    element('update-later', HTMLButtonElement).addEventListener('click', () => {
      this.#bar.hidden = true;
    });
  }

  /**
   * Settles when nothing more is to be downloaded in this visit: 'active', or why there is no service
   * worker; never throws.
   */
  async start(url: string, scope: string): Promise<string> {
    if (!('serviceWorker' in navigator)) return 'this browser has no service worker here';
    const { serviceWorker } = navigator;
    serviceWorker.addEventListener(
      'message',
      ({ ports, data }: MessageEvent<FromServiceWorker>) => {
        if (data.type === 'photo open?') ports[0]?.postMessage(this.#page.photoOpen());
      },
    );
    serviceWorker.startMessages();
    let before = serviceWorker.controller;
    serviceWorker.addEventListener('controllerchange', () => {
      // Another tab put it in charge; this page goes on with what it has.
      if (before) this.#announce();
      before = serviceWorker.controller;
    });
    try {
      // The browser looks for a newer service worker at times of its own choosing, a second or more
      // after the page has loaded: with a photo open perhaps. So it is asked to look now, and its HTTP
      // cache answers what it asks in the following minutes (the file's max-age).
      const registration = await serviceWorker.register(url, { scope, updateViaCache: 'all' });
      this.#registration = registration;
      registration.addEventListener('updatefound', () => void this.#newVersion());
      if (!registration.active) {
        const first = registration.installing ?? registration.waiting;
        const end = first ? await settled(first, 'activated') : 'redundant';
        // Its activation claims this page; a page reloaded past the cache (shift-reload) stays outside.
        return end === 'activated' ? 'active' : 'the service worker could not store its files';
      }
      // Without a network, the one that is there goes on.
      if (!registration.installing) await registration.update().catch(() => {});
      await this.#newVersion();
      return 'active';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** A photo was chosen: a download that is under way ends, and the version that is there goes on. */
  hurry(): void {
    const { active, installing } = this.#registration ?? {};
    if (active && installing) post(installing, 'stop');
  }

  /** In the page's language, which may have changed. */
  render(): void {
    const photos = this.#page.photos();
    if (photos === 0) this.#warned = false;
    write(this.#words, this.#warned ? t('update.loses', { count: photos }) : t('update.ready'));
    write(this.#apply, t(this.#warned ? 'update.reload' : 'update.use'));
  }

  async #newVersion(): Promise<void> {
    const { active, installing, waiting } = this.#registration ?? {};
    if (active && installing) {
      if (this.#page.photoOpen()) post(installing, 'stop');
      // One that fails leaves nothing behind, and the next visit tries again.
      if ((await settled(installing, 'installed')) !== 'redundant') this.#announce();
    } else if (active && waiting) {
      this.#announce();
    }
  }

  #announce(): void {
    this.render();
    this.#bar.hidden = false;
  }

  #use(): void {
    if (this.#page.photos() > 0 && !this.#warned) {
      this.#warned = true;
      this.render();
      return;
    }
    const waiting = this.#registration?.waiting;
    if (!waiting) {
      // Another tab has put it in charge already.
      location.reload();
      return;
    }
    this.#apply.disabled = true;
    void settled(waiting, 'activated').then(() => location.reload());
    post(waiting, 'use');
  }
}

function post(worker: ServiceWorker, type: ToServiceWorker['type']): void {
  worker.postMessage({ type } satisfies ToServiceWorker);
}

/** Waits for a state, or for the end. */
async function settled(
  worker: ServiceWorker,
  wanted: 'installed' | 'activated',
): Promise<ServiceWorkerState> {
  const done = () =>
    worker.state === 'redundant' ||
    worker.state === 'activated' ||
    (wanted === 'installed' && worker.state === 'installed');
  if (!done())
    await new Promise<void>((resolve) => {
      worker.addEventListener('statechange', () => {
        if (done()) resolve();
      });
    });
  return worker.state;
}
