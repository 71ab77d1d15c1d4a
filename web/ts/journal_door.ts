// The journal's two buttons. Its program is a bundle of its own that is fetched once the page is ready
// for photos, and before one is chosen: while a photo is open nothing is fetched.

import { asset } from './assets';
import { language, number, t, translate } from './i18n';
import type { JournalApp } from './journal';
import type { Current, Host } from './journal/host';
import { element } from './mirror';
import type { FromWorker, JournalAnswer, JournalAsk, ToWorker } from './protocol';
import { percent, sentence, tone } from './view';

type Bundle = typeof import('./journal');
type Done = Extract<FromWorker, { type: 'journal' }>;

export class JournalDoor {
  readonly #open = element('journal-open', HTMLButtonElement);
  readonly #keep = element('journal-keep', HTMLButtonElement);
  readonly #current: () => Current | undefined;
  readonly #send: (message: ToWorker) => void;
  readonly #waiting = new Map<number, (done: Done) => void>();
  #newest = 0;
  #app: JournalApp | undefined;

  constructor(current: () => Current | undefined, send: (message: ToWorker) => void) {
    this.#current = current;
    this.#send = send;
    this.#open.addEventListener('click', () => this.#app?.open('list'));
    this.#keep.addEventListener('click', () => this.#app?.open('keep'));
  }

  /** Never throws: the page judges photos without it. */
  async load(): Promise<void> {
    if (this.#app) return;
    try {
      const [{ createJournal }] = await Promise.all([
        import(asset('journal.js')) as Promise<Bundle>,
        style(asset('journal.css')),
      ]);
      const host: Host = {
        words: { t, number, translate, language, percent, sentence, tone },
        current: this.#current,
        ask: (ask) => this.#ask(ask),
      };
      this.#app = createJournal(host, element('app', HTMLElement));
      this.#open.hidden = this.#keep.hidden = false;
    } catch (error) {
      console.warn(`no journal: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** The worker's reply. */
  done(message: Done): void {
    this.#waiting.get(message.id)?.(message);
    this.#waiting.delete(message.id);
  }

  #ask<Kind extends JournalAsk['kind']>(
    ask: Extract<JournalAsk, { kind: Kind }>,
  ): Promise<JournalAnswer[Kind]> {
    this.#newest += 1;
    const id = this.#newest;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ answer, reason }) => {
        if (answer) resolve(answer as JournalAnswer[Kind]);
        else reject(new Error(reason));
      });
      this.#send({ type: 'journal', id, ask });
    });
  }
}

function style(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.onload = () => resolve();
    link.onerror = () => reject(new Error('its style did not load'));
    link.href = url;
    document.head.append(link);
  });
}
