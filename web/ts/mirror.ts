// The DOM mirror: everything that the canvas shows, as text, for screen readers and for whoever wants
// to read, select or search; and the attributes that tests read.

import { t, translate } from './i18n';
import type { Answer, Backend, Stability } from './protocol';
import { backendName, sentence, type Section, type View } from './view';

export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`#${id} is missing`);
  return found;
}

/** Assigns only when it changes: a live region announces what is written, changed or not. */
export function write(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

function made(tag: string, text: string): HTMLElement {
  const one = document.createElement(tag);
  one.textContent = text;
  return one;
}

function sectionElement(section: Section): HTMLElement {
  const box = document.createElement('section');
  const list = document.createElement('dl');
  for (const row of section.rows) {
    list.append(made('dt', row.label), made('dd', row.value));
    if (row.note !== undefined) {
      const note = made('dd', row.note);
      note.className = 'note';
      list.append(note);
    }
  }
  box.append(made('h2', section.title), list);
  if (section.note !== undefined) box.append(made('p', section.note));
  return box;
}

/** Makes `shown` like `wanted`; where only words differ, only those are written (and announced). */
function update(shown: Element, wanted: Element): void {
  const [old, fresh] = [[...shown.children], [...wanted.children]];
  if (old.length !== fresh.length || fresh.some((one, i) => one.tagName !== old[i]?.tagName)) {
    shown.replaceChildren(...fresh);
    return;
  }
  fresh.forEach((one, i) => {
    const there = old[i] as HTMLElement;
    if (one.children.length > 0 || there.children.length > 0) update(there, one);
    else write(there, one.textContent ?? '');
  });
}

export class Mirror {
  readonly #app = element('app', HTMLElement);
  readonly #status = element('status', HTMLElement);
  readonly #result = element('result', HTMLElement);
  readonly #outcome = element('outcome', HTMLElement);
  readonly #details = element('details', HTMLElement);
  readonly #requests = element('requests', HTMLElement);
  readonly #backend = element('backend', HTMLElement);
  #shownSections = '';

  render(
    view: View,
    answer: Answer | undefined,
    stability: Stability | undefined,
    backend: Backend | undefined,
    requests: number,
  ): void {
    write(this.#requests, String(requests));
    if (backend) {
      this.#app.dataset['backend'] = backend.id;
      this.#app.dataset['backendReason'] = backend.reason;
      write(
        this.#backend,
        t(backend.reason ? 'mirror.backend_why' : 'mirror.backend', {
          backend: backendName(backend),
          reason: translate(backend.reason),
        }),
      );
    }
    // An answer's headline is #outcome's; #status must not say it a second time.
    write(
      this.#status,
      (answer
        ? [t('mirror.answer_of', { file: answer.file })]
        : [`${view.headline}.`, ...view.paragraphs]
      ).join(' '),
    );

    const result = this.#result.dataset;
    if (answer) {
      result['file'] = answer.file;
      result['outcome'] = answer.outcome;
      result['malignancy'] = String(answer.malignancy);
      result['ms'] = JSON.stringify(answer.timings);
      if (answer.lesion === '') delete result['lesion'];
      else result['lesion'] = answer.lesion;
      result['crop'] = JSON.stringify(answer.crop);
    } else {
      for (const key of ['file', 'outcome', 'malignancy', 'ms', 'lesion', 'crop'])
        delete result[key];
    }
    if (answer && stability) result['stability'] = JSON.stringify(stability);
    else delete result['stability'];
    write(this.#outcome, answer ? sentence(answer.outcome) : '');
    this.#result.hidden = !answer && view.sections.length === 0;
    const texts = answer ? [...view.paragraphs, view.caption].filter((text) => text !== '') : [];
    const sections = JSON.stringify([texts, view.sections]);
    if (sections !== this.#shownSections) {
      this.#shownSections = sections;
      const wanted = document.createElement('div');
      wanted.append(...texts.map((text) => made('p', text)));
      wanted.append(...view.sections.map(sectionElement));
      update(this.#details, wanted);
    }
    // Last: who waits for the state finds everything else in place.
    this.#app.dataset['state'] = view.state;
  }
}
