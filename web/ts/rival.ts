// A second model beside the one in use: it judges every shown photo too, so that both answers stand
// next to each other. It decides nothing.

import { element, write } from './mirror';
import { t, translate } from './i18n';
import { fromFiles } from './intake';
import type { Crop, FromWorker, ModelPackage, Photo, RivalAnswer, ToWorker } from './protocol';

export class Rival {
  readonly #send: (message: ToWorker) => void;
  readonly #changed: () => void;
  readonly #input = element('rival-input', HTMLInputElement);
  readonly #choose = element('rival-choose', HTMLButtonElement);
  readonly #remove = element('rival-remove', HTMLButtonElement);
  readonly #status = element('rival-status', HTMLElement);
  /** What the status says, made anew when the language changes. */
  #words: () => string = () => '';
  model: ModelPackage | undefined;
  /** Of the shown photo. */
  answer: RivalAnswer | undefined;

  constructor(send: (message: ToWorker) => void, chosen: () => void, changed: () => void) {
    this.#send = send;
    this.#changed = changed;
    this.#choose.addEventListener('click', () => this.#input.click());
    this.#input.addEventListener('change', () => {
      const [photo] = fromFiles(this.#input.files ?? []);
      this.#input.value = '';
      if (!photo) return;
      chosen();
      this.#say(() => t('rival.reading', { file: photo.name }));
      send({ type: 'use-rival', photo });
    });
    this.#remove.addEventListener('click', () => {
      send({ type: 'use-rival', photo: null });
      this.#choose.focus();
    });
  }

  /** The shown photo has its answer: the other model's is wanted, too. */
  judge(id: number, row: number, photo: Photo, frame: Crop | null): void {
    this.answer = undefined;
    if (this.model) this.#send({ type: 'rival', id, row, photo, frame });
  }

  /** Another photo, or none. */
  clear(): void {
    this.answer = undefined;
  }

  render(): void {
    this.#remove.hidden = this.model === undefined;
    write(this.#status, this.#words());
  }

  /** @return true where the shown photo has to be judged by a new one */
  hear(message: FromWorker, showing: number): boolean {
    if (message.type === 'rival-used') {
      this.model = message.model ?? undefined;
      this.answer = undefined;
      const name = this.model?.name;
      this.#say(() => (name === undefined ? '' : t('rival.used', { name })));
      return this.model !== undefined;
    }
    if (message.type === 'rival-refused') {
      const { file, reason } = message;
      this.#say(() => t('rival.refused', { file, reason: translate(reason) }));
    } else if (message.type === 'rival' && message.id === showing) {
      this.answer = message.answer;
      this.#changed();
    }
    return false;
  }

  #say(words: () => string): void {
    this.#words = words;
    this.#changed();
  }
}
