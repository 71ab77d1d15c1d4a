// The words that people read, by key, from web/i18n: the canvas, the DOM and the report take them from
// here. English is complete by definition; what another language lacks falls back to it.

import de from '../i18n/de.json';
import en from '../i18n/en.json';

export type Key = keyof typeof en;
export type Language = 'en' | 'de';

const CATALOGUES: Record<Language, Partial<Record<Key, string>>> = { en, de };
const STORED = 'nevus.language';

let current: Language = 'en';

export function language(): Language {
  return current;
}

function known(code: string | null | undefined): Language | undefined {
  const short = code?.slice(0, 2).toLowerCase();
  return short === 'en' || short === 'de' ? short : undefined;
}

/** The address's `?lang=`, else what was picked here before, else the browser's first that is there. */
export function preferredLanguage(search: string): Language {
  const asked = known(new URLSearchParams(search).get('lang'));
  if (asked) return asked;
  try {
    const stored = known(localStorage.getItem(STORED));
    if (stored) return stored;
  } catch {
    // Storage may be forbidden; the browser's languages remain.
  }
  for (const code of navigator.languages) {
    const found = known(code);
    if (found) return found;
  }
  return 'en';
}

/** @param remember for the next visit, on this device */
export function setLanguage(to: Language, remember: boolean): void {
  current = to;
  document.documentElement.lang = to;
  if (!remember) return;
  try {
    localStorage.setItem(STORED, to);
  } catch {
    // Then it holds for this visit.
  }
}

/** The text of a key with its {placeholders} filled in. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = CATALOGUES[current][key] ?? en[key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A number with the language's decimal sign, ungrouped. */
export function number(value: number, digits: number): string {
  return new Intl.NumberFormat(current, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: false,
  }).format(value);
}

/** Sentences of the core and of the worker, which speak English: a pattern for each "core." text. */
const patterns = (Object.keys(en) as Key[])
  .filter((key) => key.startsWith('core.'))
  .map((key) => {
    const names: string[] = [];
    const source = en[key]
      .split(/(\{\w+\})/)
      .map((part) => {
        const name = /^\{(\w+)\}$/.exec(part)?.[1];
        if (name === undefined) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
        names.push(name);
        return '(.+)';
      })
      .join('');
    return { key, names, pattern: new RegExp(`^${source}$`) };
  });

/** A sentence of the core in the page's language; one that isn't known stays as it is. */
export function translate(sentence: string): string {
  if (current === 'en') return sentence;
  for (const { key, names, pattern } of patterns) {
    const match = pattern.exec(sentence);
    if (match)
      return t(key, Object.fromEntries(names.map((name, i) => [name, match[i + 1] ?? ''])));
  }
  return sentence;
}

/** Fills in every element that names its text: data-text, data-label (aria-label), data-page (href). */
export function translatePage(): void {
  const keyOf = (text: string | undefined): Key | undefined =>
    text !== undefined && text in en ? (text as Key) : undefined;
  for (const element of document.querySelectorAll<HTMLElement>('[data-text], [data-label]')) {
    const text = keyOf(element.dataset['text']);
    const label = keyOf(element.dataset['label']);
    if (text) element.textContent = t(text);
    if (label) element.setAttribute('aria-label', t(label));
  }
  for (const link of document.querySelectorAll<HTMLElement>('[data-page]')) {
    const folder = current === 'en' ? '..' : `../${current}`;
    link.setAttribute('href', `${folder}/${link.dataset['page'] ?? ''}`);
  }
  document.title = t('page.title');
}
