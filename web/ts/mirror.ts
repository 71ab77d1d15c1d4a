// The DOM mirror: everything that the canvas shows, as text, for screen readers and for whoever wants
// to read, select or search; and the attributes that tests read.

import type { Answer, Backend } from './protocol';
import { backendName, type Section, type View } from './view';

export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`#${id} is missing`);
  return found;
}

/** Assigns only when it changes: a live region announces what is written, changed or not. */
function write(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

function sectionElement(section: Section): HTMLElement {
  const box = document.createElement('section');
  const title = document.createElement('h2');
  title.textContent = section.title;
  const list = document.createElement('dl');
  for (const row of section.rows) {
    const label = document.createElement('dt');
    label.textContent = row.label;
    const value = document.createElement('dd');
    value.textContent = row.value;
    list.append(label, value);
  }
  box.append(title, list);
  if (section.note !== undefined) {
    const note = document.createElement('p');
    note.textContent = section.note;
    box.append(note);
  }
  return box;
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
    backend: Backend | undefined,
    requests: number,
  ): void {
    write(this.#requests, String(requests));
    if (backend) {
      this.#app.dataset['backend'] = backend.id;
      this.#app.dataset['backendReason'] = backend.reason;
      write(
        this.#backend,
        `Runs on ${backendName(backend)}${backend.reason ? `: ${backend.reason}` : ''}.`,
      );
    }
    // An answer's headline is #outcome's; #status must not say it a second time.
    write(
      this.#status,
      (answer ? [`${answer.file}:`] : [`${view.headline}.`, ...view.paragraphs]).join(' '),
    );

    const result = this.#result.dataset;
    if (answer) {
      result['file'] = answer.file;
      result['outcome'] = answer.outcome;
      result['malignancy'] = String(answer.malignancy);
      result['ms'] = JSON.stringify(answer.timings);
    } else {
      for (const key of ['file', 'outcome', 'malignancy', 'ms']) delete result[key];
    }
    write(this.#outcome, answer ? answer.sentence : '');
    this.#result.hidden = !answer && view.sections.length === 0;
    const texts = answer ? [...view.paragraphs, view.caption].filter((text) => text !== '') : [];
    const sections = JSON.stringify([texts, view.sections]);
    if (sections !== this.#shownSections) {
      this.#shownSections = sections;
      const paragraphs = texts.map((text) => {
        const paragraph = document.createElement('p');
        paragraph.textContent = text;
        return paragraph;
      });
      this.#details.replaceChildren(...paragraphs, ...view.sections.map(sectionElement));
    }
    // Last: who waits for the state finds everything else in place.
    this.#app.dataset['state'] = view.state;
  }
}
