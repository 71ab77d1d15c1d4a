// What is kept of a photo, and the check of it when it comes from a file: everything there is hostile.

import type { LesionMeasures, OutcomeId } from '../protocol';
import { Problem } from './problem';

/** Of what is stored and of exported files. */
export const FORMAT_VERSION = 1;

/** A place on the body, by the name that a person gave it. */
export interface Spot {
  id: string;
  name: string;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What was measured of the outline, in pixels of the kept copy. */
export interface Figures {
  outline: [number, number][];
  /** A square around the lesion. */
  crop: Box;
  confidence: number;
  measures: Pick<LesionMeasures, 'asymmetry' | 'compactness' | 'colour_count' | 'diameter_mm'>;
}

export interface Entry {
  id: string;
  /** Id of a Spot. */
  spot: string;
  /** "2026-03-07": the day that the person gave. */
  date: string;
  /** Milliseconds since 1970: orders photos of the same day. */
  added: number;
  /** The kept copy. */
  photo: { width: number; height: number; sha256: string };
  answer: {
    outcome: OutcomeId;
    /** Probability of malignancy, 0 to 1. */
    malignancy: number;
    model: { name: string; sha256: string };
    /** null: no outline was found. */
    figures: Figures | null;
  };
}

export const LIMITS = {
  /** Characters of a spot's name. */
  name: 60,
  spots: 200,
  entries: 2000,
  /** Pixels of a kept copy's longer side. */
  side: 1600,
  /** The same of its small picture. */
  thumb: 400,
  outline: 4000,
} as const;

export function byDate(a: Entry, b: Entry): number {
  return a.date < b.date ? -1 : a.date > b.date ? 1 : a.added - b.added;
}

/** A name as it is kept: without control characters and needless space. */
export function tidyName(name: string): string {
  return name
    .normalize('NFC')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, LIMITS.name)
    .trim();
}

/** Reads fields of a JSON value; what is wrong is a Problem that names the field. */
class Reader {
  readonly #value: Record<string, unknown>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where);
    this.#value = value as Record<string, unknown>;
    this.#where = where;
  }

  at(field: string): string {
    return `${this.#where}.${field}`;
  }

  any(field: string): unknown {
    return Object.hasOwn(this.#value, field) ? this.#value[field] : undefined;
  }

  object(field: string): Reader {
    return new Reader(this.any(field), this.at(field));
  }

  number(field: string, least: number, most: number): number {
    return checkedNumber(this.any(field), least, most, this.at(field));
  }

  text(field: string, pattern: RegExp): string {
    const value = this.any(field);
    if (typeof value !== 'string' || !pattern.test(value)) throw wrong(this.at(field));
    return value;
  }
}

export function wrong(field: string): Problem {
  return new Problem('journal.error.field', { field });
}

function checkedNumber(value: unknown, least: number, most: number, field: string): number {
  if (typeof value !== 'number' || !(value >= least && value <= most)) throw wrong(field);
  return value;
}

/** crypto.randomUUID's form. */
export const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DATE = /^(19|2\d)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const SHA256 = /^[0-9a-f]{64}$/;
const OUTCOME = /^(show_doctor|nothing_alarming|cannot_judge)$/;

export function readSpot(value: unknown, where: string): Spot {
  const from = new Reader(value, where);
  const name = from.text('name', /\S/);
  if (tidyName(name) !== name) throw wrong(from.at('name'));
  return { id: from.text('id', ID), name };
}

export function readEntry(value: unknown, where: string): Entry {
  const from = new Reader(value, where);
  const photo = from.object('photo');
  const answer = from.object('answer');
  const model = answer.object('model');
  const width = photo.number('width', 1, LIMITS.side);
  const height = photo.number('height', 1, LIMITS.side);
  return {
    id: from.text('id', ID),
    spot: from.text('spot', ID),
    date: from.text('date', DATE),
    added: from.number('added', 0, 1e15),
    photo: { width, height, sha256: photo.text('sha256', SHA256) },
    answer: {
      outcome: answer.text('outcome', OUTCOME) as OutcomeId,
      malignancy: answer.number('malignancy', 0, 1),
      model: {
        name: model.text('name', /^.{0,200}$/su),
        sha256: model.text('sha256', SHA256),
      },
      figures:
        answer.any('figures') === null
          ? null
          : readFigures(answer.object('figures'), width, height),
    },
  };
}

function readFigures(from: Reader, width: number, height: number): Figures {
  const outline = from.any('outline');
  const field = from.at('outline');
  if (!Array.isArray(outline) || outline.length < 3 || outline.length > LIMITS.outline)
    throw wrong(field);
  const crop = from.object('crop');
  const measures = from.object('measures');
  return {
    outline: outline.map((point: unknown): [number, number] => {
      if (!Array.isArray(point) || point.length !== 2) throw wrong(field);
      return [checkedNumber(point[0], 0, width, field), checkedNumber(point[1], 0, height, field)];
    }),
    crop: {
      x: crop.number('x', 0, width),
      y: crop.number('y', 0, height),
      width: crop.number('width', 1, width),
      height: crop.number('height', 1, height),
    },
    confidence: from.number('confidence', 0, 1),
    measures: {
      asymmetry: measures.number('asymmetry', 0, 1),
      compactness: measures.number('compactness', 0, 1e6),
      colour_count: measures.number('colour_count', 0, 6),
      ...(measures.any('diameter_mm') === undefined
        ? {}
        : { diameter_mm: measures.number('diameter_mm', 0, 1e4) }),
    },
  };
}
