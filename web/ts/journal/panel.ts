// The journal's dialog: one view at a time, a heading, a line that says what happened.

import { button, h } from './dom';
import { t } from './host';
import type { Journal } from './journal';
import { problemOf } from './problem';

/** What a view shows; made anew each time. */
export interface View {
  title: string;
  content: (Node | string | false | undefined)[];
  /** Where "Back" leads; absent: there is nothing behind. */
  back?: () => void;
  /** For the CSS and for tests. */
  name: string;
  /** When another view takes its place. */
  left?: () => void;
}

export class Panel {
  readonly journal: Journal;
  readonly #dialog: HTMLDialogElement;
  #status: HTMLElement;
  #view: View | undefined;
  #busy = false;

  constructor(journal: Journal, parent: HTMLElement) {
    this.journal = journal;
    this.#status = h('p', { id: 'journal-status', role: 'status' });
    this.#dialog = h('dialog', { id: 'journal', 'aria-labelledby': 'journal-title' });
    // A click beside the panel closes it.
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#dialog.addEventListener('close', () => {
      this.#leave();
      this.#dialog.replaceChildren();
    });
    parent.append(this.#dialog);
  }

  get open(): boolean {
    return this.#dialog.open;
  }

  show(view: View): void {
    this.#leave();
    this.#view = view;
    this.#dialog.dataset['view'] = view.name;
    // Fresh for each view: what the last one said is over.
    this.#status = h('p', { id: 'journal-status', role: 'status' });
    const title = h('h2', { id: 'journal-title', tabindex: '-1' }, view.title);
    const { back } = view;
    this.#dialog.replaceChildren(
      h(
        'div',
        { class: 'panel' },
        h(
          'header',
          {},
          title,
          h(
            'div',
            { class: 'buttons' },
            back && button('journal-back', t('journal.back'), back),
            button('journal-close', t('privacy.close'), () => this.#dialog.close()),
          ),
        ),
        this.#status,
        ...view.content,
      ),
    );
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#dialog.scrollTop = 0;
    title.focus();
  }

  say(words: string, tone: 'plain' | 'wrong' = 'plain'): void {
    this.#status.className = tone;
    this.#status.textContent = words;
    this.#status.scrollIntoView({ block: 'nearest' });
  }

  /** One thing at a time; what goes wrong is said, and nothing else happens. */
  async run(work: () => Promise<void>, waiting = t('journal.working')): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#dialog.setAttribute('aria-busy', 'true');
    this.say(waiting);
    const said = this.#status;
    try {
      await work();
      if (said === this.#status && said.textContent === waiting) this.say('');
    } catch (error) {
      this.say(problemOf(error).words, 'wrong');
    } finally {
      this.#busy = false;
      this.#dialog.removeAttribute('aria-busy');
    }
  }

  #leave(): void {
    this.#view?.left?.();
    this.#view = undefined;
  }
}
