// The list of photos: their order, their answers, and which one is next. No DOM, no pixels: a row
// holds a file's handle and small values.

import type { Answer, Crop, OutcomeId, Photo, Stability } from './protocol';

export type RowState = 'waiting' | 'running' | 'answered' | 'failed';

export interface QueueRow extends Photo {
  readonly id: number;
  state: RowState;
  answer: Answer | undefined;
  /** Why there is no answer, in the core's English. */
  reason: string;
  stability: Stability | undefined;
  /** The square that a person chose to have judged; null: the centre square. */
  frame: Crop | null;
  /** Where a person gave the photo's scale. */
  mmPerPixel: number | undefined;
  /** URL of the thumbnail's blob; empty before there is one. */
  picture: string;
}

export interface Counts {
  all: number;
  answered: number;
  failed: number;
}

/** Riskiest first: by outcome, then by falling estimate, then as chosen. */
const RANKS: Record<OutcomeId, number> = { show_doctor: 0, nothing_alarming: 1, cannot_judge: 2 };

function rank(row: QueueRow): number {
  if (row.answer) return RANKS[row.answer.outcome];
  return row.state === 'failed' ? 3 : 4;
}

function byRisk(a: QueueRow, b: QueueRow): number {
  const estimate = (row: QueueRow) => (rank(row) < 2 ? (row.answer?.malignancy ?? 0) : 0);
  return rank(a) - rank(b) || estimate(b) - estimate(a) || a.id - b.id;
}

export class Queue {
  #rows: QueueRow[] = [];
  #newest = 0;
  selected: QueueRow | undefined;
  /** Else in the order of choosing. */
  riskiestFirst = false;
  /** The waiting ones wait on. */
  stopped = false;

  get rows(): readonly QueueRow[] {
    return this.#rows;
  }

  add(photos: readonly Photo[]): QueueRow[] {
    const added = photos.map((photo): QueueRow => ({
      ...photo,
      id: ++this.#newest,
      state: 'waiting',
      answer: undefined,
      reason: '',
      stability: undefined,
      frame: null,
      mmPerPixel: undefined,
      picture: '',
    }));
    this.#rows.push(...added);
    return added;
  }

  has(row: QueueRow): boolean {
    return this.#rows.includes(row);
  }

  ordered(): readonly QueueRow[] {
    return this.riskiestFirst ? [...this.#rows].sort(byRisk) : this.#rows;
  }

  /** The first that waits, in the order of choosing. */
  next(): QueueRow | undefined {
    return this.stopped ? undefined : this.#rows.find((row) => row.state === 'waiting');
  }

  counts(): Counts {
    const of = (state: RowState) => this.#rows.filter((row) => row.state === state).length;
    return { all: this.#rows.length, answered: of('answered'), failed: of('failed') };
  }

  get finished(): boolean {
    return this.#rows.every(({ state }) => state === 'answered' || state === 'failed');
  }

  /** The first answer stays: a photo that is opened again is not judged a second time. */
  answer(row: QueueRow, answer: Answer): Answer {
    row.answer ??= answer;
    row.state = 'answered';
    return row.answer;
  }

  /** Another square of the photo is to be judged: its old answer is void. */
  reframe(row: QueueRow, frame: Crop): void {
    row.frame = frame;
    row.answer = row.stability = undefined;
    row.state = 'waiting';
  }

  fail(row: QueueRow, reason: string): void {
    if (row.answer) return;
    row.state = 'failed';
    row.reason = reason;
  }

  /** @return the row to select instead, where the selected one went */
  remove(row: QueueRow): QueueRow | undefined {
    const order = this.ordered();
    const at = order.indexOf(row);
    const neighbour = order[at + 1] ?? order[at - 1];
    this.#rows = this.#rows.filter((one) => one !== row);
    return neighbour;
  }

  clear(): void {
    this.#rows = [];
    this.selected = undefined;
    this.stopped = false;
  }

  /** Another model: every answer is void. */
  forgetAnswers(): void {
    for (const row of this.#rows) {
      row.answer = row.stability = undefined;
      row.reason = '';
      row.state = 'waiting';
    }
  }
}
