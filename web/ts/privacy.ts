// The panel that proves what the page says of privacy: counts of requests, and the page's own files
// with their SHA-256, read from where the service worker keeps them (no request is made for it).

import { number, t } from './i18n';
import { element, write } from './mirror';

/** A file of the page as it is kept on this device. */
export interface KeptFile {
  /** Relative to the site. */
  name: string;
  bytes: number;
  /** SHA-256, hex. */
  hash: string;
  /** Whether it is what its name or the service worker's list says; undefined: neither says. */
  matches: boolean | undefined;
}

/** What web/build.mjs and `nevus site` put into names: the first digits of the content's SHA-256. */
const NAMED = /-([0-9a-f]{10,12})\.\w+$/;
/** The same of files without, in the service worker's list: part of the key that they are kept by. */
const LISTED = '__WB_REVISION__';

/** @param site the address of the site's folder */
export async function keptFiles(site: URL): Promise<KeptFile[]> {
  const files = new Map<string, KeptFile>();
  for (const cacheName of await caches.keys()) {
    const cache = await caches.open(cacheName);
    for (const request of await cache.keys()) {
      const url = new URL(request.url);
      if (!url.href.startsWith(site.href)) continue;
      const response = await cache.match(request);
      if (!response) continue;
      const content = await response.arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
      const hash = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      const name = url.pathname.slice(site.pathname.length);
      const told = NAMED.exec(name)?.[1] ?? url.searchParams.get(LISTED);
      const matches = told === null ? undefined : hash.startsWith(told);
      files.set(name, { name, bytes: content.byteLength, hash, matches });
    }
  }
  return [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export class PrivacyPanel {
  readonly #dialog = element('privacy', HTMLDialogElement);
  readonly #load = element('requests-load', HTMLElement);
  readonly #photo = element('requests-photo', HTMLElement);
  readonly #summary = element('files-summary', HTMLElement);
  readonly #table = element('files', HTMLTableElement);
  readonly #site: URL;
  #summarise: () => string = () => '';

  /** @param site the address of the site's folder */
  constructor(site: URL) {
    this.#site = site;
    element('privacy-open', HTMLButtonElement).addEventListener('click', () => this.open());
    element('privacy-close', HTMLButtonElement).addEventListener('click', () =>
      this.#dialog.close(),
    );
    // A click beside the panel closes it.
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    const check = element('files-check', HTMLButtonElement);
    check.addEventListener('click', () => {
      check.disabled = true;
      void this.#check().finally(() => {
        check.disabled = false;
      });
    });
  }

  open(): void {
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  render(sinceLoad: number, sincePhoto: number): void {
    write(this.#load, String(sinceLoad));
    write(this.#photo, String(sincePhoto));
    write(this.#summary, this.#summarise());
  }

  async #check(): Promise<void> {
    this.#say(() => t('files.reading'));
    let files: KeptFile[] = [];
    try {
      files = await keptFiles(this.#site);
    } catch (error) {
      console.warn(`no kept files: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (files.length === 0) {
      this.#say(() => t('files.none'));
      return;
    }
    const right = files.filter(({ matches }) => matches).length;
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    this.#say(() =>
      t('files.summary', {
        count: files.length,
        size: number(bytes / 1e6, 1),
        right,
      }),
    );
    const body = this.#table.tBodies[0] ?? this.#table.createTBody();
    body.replaceChildren(
      ...files.map(({ name, hash, matches }) => {
        const row = document.createElement('tr');
        if (!matches) row.className = 'wrong';
        for (const text of [name, hash]) row.insertCell().textContent = text;
        return row;
      }),
    );
    this.#table.hidden = false;
  }

  #say(summary: () => string): void {
    this.#summarise = summary;
    write(this.#summary, summary());
  }
}
