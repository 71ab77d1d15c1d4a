// What can go wrong, as a sentence of the catalogue.

import { t, type Key } from './host';

export class Problem extends Error {
  readonly key: Key;
  readonly values: Record<string, string | number>;

  constructor(key: Key, values: Record<string, string | number> = {}) {
    super(key);
    this.name = 'Problem';
    this.key = key;
    this.values = values;
  }

  get words(): string {
    return t(this.key, this.values);
  }
}

/** Anything thrown, as a Problem: the browser's own errors by their names (Web IDL, "DOMException"). */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { name = '', message = String(error) } = error instanceof Error ? error : {};
  switch (name) {
    case 'QuotaExceededError':
      return new Problem('journal.error.full');
    case 'VersionError':
      return new Problem('journal.error.newer');
    case 'SecurityError':
    case 'UnknownError':
    case 'InvalidStateError':
      return new Problem('journal.error.unavailable');
    default:
      return new Problem('journal.error.other', { reason: message.split('\n', 1)[0] || name });
  }
}
