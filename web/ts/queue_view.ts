// The list of photos in the DOM: a list box with one option a photo, and the buttons above it. There
// with the second photo, not before.

import { language, t, translate } from './i18n';
import { element, write } from './mirror';
import type { Queue, QueueRow } from './queue';
import { percent, sentence, tone } from './view';

export interface QueueEvents {
  select(row: QueueRow): void;
  remove(row: QueueRow): void;
  clear(): void;
  /** Stop or go on, order: the queue has changed. */
  changed(): void;
}

interface Item {
  box: HTMLLIElement;
  picture: HTMLImageElement;
  words: HTMLSpanElement;
  number: HTMLSpanElement;
  /** What it shows now, so that only changes are written. */
  drawn: string;
}

export class QueueView {
  readonly #app = element('app', HTMLElement);
  readonly #section = element('queue', HTMLElement);
  readonly #list = element('queue-list', HTMLUListElement);
  readonly #count = element('queue-count', HTMLElement);
  readonly #progress = element('queue-progress', HTMLProgressElement);
  readonly #stop = element('queue-stop', HTMLButtonElement);
  readonly #order = element('queue-order', HTMLButtonElement);
  readonly #remove = element('queue-remove', HTMLButtonElement);
  readonly #status = element('queue-status', HTMLElement);
  readonly #items = new Map<QueueRow, Item>();
  readonly #rows = new WeakMap<Element, QueueRow>();
  readonly #queue: Queue;
  readonly #events: QueueEvents;
  #scheduled = false;
  /** The selected row that was brought into view. */
  #followed: QueueRow | undefined;

  constructor(queue: Queue, events: QueueEvents) {
    this.#queue = queue;
    this.#events = events;
    this.#list.addEventListener('click', ({ target }) => {
      const box = target instanceof Element ? target.closest('li') : null;
      const row = box ? this.#rows.get(box) : undefined;
      if (row) events.select(row);
    });
    this.#list.addEventListener('keydown', (event) => this.#key(event));
    this.#stop.addEventListener('click', () => {
      queue.stopped = !queue.stopped;
      events.changed();
    });
    this.#order.addEventListener('click', () => {
      queue.riskiestFirst = !queue.riskiestFirst;
      events.changed();
    });
    this.#remove.addEventListener('click', () => {
      if (queue.selected) events.remove(queue.selected);
    });
    element('queue-clear', HTMLButtonElement).addEventListener('click', () => events.clear());
  }

  /** Draws in the next frame, however often it is asked. */
  render(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const draw = () => {
      if (!this.#scheduled) return;
      this.#scheduled = false;
      this.#draw();
    };
    requestAnimationFrame(draw);
    // A hidden tab gets no frames, and its photos are judged nevertheless.
    setTimeout(draw, 250);
  }

  #key(event: KeyboardEvent): void {
    const order = this.#queue.ordered();
    const at = this.#queue.selected ? order.indexOf(this.#queue.selected) : -1;
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      PageDown: at + 10,
      PageUp: at - 10,
      Home: 0,
      End: order.length - 1,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const row = order[Math.min(order.length - 1, Math.max(0, step))];
      if (row && row !== this.#queue.selected) this.#events.select(row);
    } else if ((event.key === 'Delete' || event.key === 'Backspace') && this.#queue.selected) {
      event.preventDefault();
      this.#events.remove(this.#queue.selected);
    }
  }

  #draw(): void {
    const queue = this.#queue;
    const { all, answered, failed } = queue.counts();
    const several = all > 1;
    this.#section.hidden = !several;
    this.#app.classList.toggle('several', several);
    const done = answered + failed;
    const words = failed > 0 ? 'queue.progress_failed' : 'queue.progress';
    write(this.#count, t(words, { done: answered, all, failed }));
    this.#progress.max = Math.max(1, all);
    this.#progress.value = done;
    this.#progress.hidden = queue.finished;
    this.#stop.hidden = queue.finished;
    write(this.#stop, t(queue.stopped ? 'queue.go_on' : 'queue.stop'));
    this.#order.setAttribute('aria-pressed', String(queue.riskiestFirst));
    this.#remove.disabled = !queue.selected;
    this.#section.dataset['all'] = String(all);
    this.#section.dataset['answered'] = String(answered);
    this.#section.dataset['failed'] = String(failed);
    write(this.#status, several && queue.finished ? t('queue.finished', { all, failed }) : '');

    for (const row of this.#items.keys()) if (!queue.has(row)) this.#forget(row);
    let before: Element | null = this.#list.firstElementChild;
    for (const row of queue.ordered()) {
      const { box } = this.#item(row);
      this.#update(row);
      if (box === before) before = box.nextElementSibling;
      else this.#list.insertBefore(box, before);
    }
    const active = queue.selected ? this.#items.get(queue.selected)?.box : undefined;
    if (active) this.#list.setAttribute('aria-activedescendant', active.id);
    else this.#list.removeAttribute('aria-activedescendant');
    if (several && active && this.#followed !== queue.selected) {
      this.#followed = queue.selected;
      follow(this.#list, active);
    }
  }

  #item(row: QueueRow): Item {
    const known = this.#items.get(row);
    if (known) return known;
    const box = document.createElement('li');
    box.id = `photo-${row.id}`;
    box.setAttribute('role', 'option');
    const picture = document.createElement('img');
    picture.alt = '';
    picture.hidden = true;
    picture.decoding = 'async';
    const frame = document.createElement('span');
    frame.className = 'thumbnail';
    frame.append(picture);
    const name = document.createElement('span');
    name.className = 'name';
    name.textContent = row.name;
    name.title = row.name;
    const words = document.createElement('span');
    words.className = 'words';
    const number = document.createElement('span');
    number.className = 'number';
    box.append(frame, name, words, number);
    const item: Item = { box, picture, words, number, drawn: '' };
    this.#items.set(row, item);
    this.#rows.set(box, row);
    return item;
  }

  #update(row: QueueRow): void {
    const item = this.#item(row);
    const { box, picture, words, number } = item;
    const { answer, state, reason } = row;
    const selected = row === this.#queue.selected;
    const drawn = [selected, state, answer?.malignancy, reason, row.picture, language()].join('|');
    if (drawn === item.drawn) return;
    item.drawn = drawn;
    box.setAttribute('aria-selected', String(selected));
    if (row.picture && picture.hidden) {
      picture.src = row.picture;
      picture.hidden = false;
    }
    box.dataset['file'] = row.name;
    box.dataset['state'] = row.state;
    if (answer) {
      if (box.dataset['outcome'] !== answer.outcome) box.dataset['outcome'] = answer.outcome;
      box.dataset['malignancy'] = String(answer.malignancy);
      box.dataset['tone'] = tone(answer.outcome);
    } else {
      for (const key of ['outcome', 'malignancy', 'tone']) delete box.dataset[key];
    }
    write(words, rowWords(row));
    write(number, answer && answer.outcome !== 'cannot_judge' ? percent(answer.malignancy) : '');
  }

  #forget(row: QueueRow): void {
    this.#items.get(row)?.box.remove();
    this.#items.delete(row);
    if (row.picture) URL.revokeObjectURL(row.picture);
    row.picture = '';
  }
}

function rowWords(row: QueueRow): string {
  if (row.answer) return sentence(row.answer.outcome);
  if (row.state === 'failed') return t('queue.failed', { reason: translate(row.reason) });
  return t(row.state === 'running' ? 'queue.running' : 'queue.waiting');
}

/** Scrolls the list, and not the page, until the option is in view. */
function follow(list: HTMLElement, option: HTMLElement): void {
  const view = list.getBoundingClientRect();
  const box = option.getBoundingClientRect();
  const needed = (low: number, high: number, from: number, to: number) =>
    from < low ? from - low : to > high ? to - high : 0;
  list.scrollBy(
    needed(view.left, view.right, box.left, box.right),
    needed(view.top, view.bottom, box.top, box.bottom),
  );
}
