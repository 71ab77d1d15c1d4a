// What the page lends to the journal: its words, the photo on screen, its worker. The journal is a
// bundle of its own, and a second copy of the page's modules would have a language of its own.

import type * as i18n from '../i18n';
import type { JournalAsk, JournalAnswer, Answer, ModelPackage } from '../protocol';
import type * as view from '../view';

export type Key = i18n.Key;

/** The answer on screen and its photo. */
export interface Current {
  file: File;
  name: string;
  answer: Answer;
  model: ModelPackage;
}

export interface Host {
  words: Pick<typeof i18n, 't' | 'number' | 'translate' | 'language'> &
    Pick<typeof view, 'percent' | 'sentence' | 'tone'>;
  current(): Current | undefined;
  /** Done by the worker. @throws Error with a sentence of the core's English */
  ask<Kind extends JournalAsk['kind']>(
    ask: Extract<JournalAsk, { kind: Kind }>,
  ): Promise<JournalAnswer[Kind]>;
}

let host: Host;

export function setHost(to: Host): void {
  host = to;
}

export const t: typeof i18n.t = (key, values) => host.words.t(key, values);
export const number: typeof i18n.number = (value, digits) => host.words.number(value, digits);
export const translate: typeof i18n.translate = (sentence) => host.words.translate(sentence);
export const percent: typeof view.percent = (share) => host.words.percent(share);
export const sentence: typeof view.sentence = (outcome) => host.words.sentence(outcome);
export const tone: typeof view.tone = (outcome) => host.words.tone(outcome);
export const current: Host['current'] = () => host.current();
export const ask: Host['ask'] = (what) => host.ask(what);

/** "2026-03-07" as the language writes it. */
export function dateWords(date: string): string {
  const [year = 0, month = 1, day = 1] = date.split('-').map(Number);
  return new Intl.DateTimeFormat(host.words.language(), { dateStyle: 'medium' }).format(
    new Date(year, month - 1, day),
  );
}
