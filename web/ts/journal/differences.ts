// What was measured of two photos, and the difference in plain words: measurements, never a verdict.

import type { Entry } from './entry';
import { number, percent, t, type Key } from './host';

export interface Difference {
  label: string;
  first: string;
  second: string;
  words: string;
}

/** The difference as the figures beside it are rounded: what can't be seen in them is not said. */
function words(by: number, digits: number, more: Key, less: Key): string {
  const value = number(Math.abs(by), digits);
  if (Number(Math.abs(by).toFixed(digits)) === 0) return t('journal.same');
  return t(by > 0 ? more : less, { value });
}

const points = (by: number) => words(100 * by, 1, 'journal.points_more', 'journal.points_less');
const plain = (by: number, digits: number) => words(by, digits, 'journal.more', 'journal.less');

export function differences(first: Entry, second: Entry): Difference[] {
  const [a, b] = [first.answer, second.answer];
  const judged = a.outcome !== 'cannot_judge' && b.outcome !== 'cannot_judge';
  const rows: Difference[] = [];
  if (judged)
    rows.push({
      label: t('journal.estimate'),
      first: percent(a.malignancy),
      second: percent(b.malignancy),
      words:
        a.model.sha256 === b.model.sha256
          ? points(b.malignancy - a.malignancy)
          : t('journal.other_model'),
    });
  const [m, n] = [a.figures?.measures, b.figures?.measures];
  if (!m || !n) return rows;
  rows.push(
    {
      label: t('outline.asymmetry'),
      first: percent(m.asymmetry),
      second: percent(n.asymmetry),
      words: points(n.asymmetry - m.asymmetry),
    },
    {
      label: t('outline.border'),
      first: number(m.compactness, 2),
      second: number(n.compactness, 2),
      words: plain(n.compactness - m.compactness, 2),
    },
    {
      label: t('outline.colours'),
      first: t('outline.of_six', { count: m.colour_count }),
      second: t('outline.of_six', { count: n.colour_count }),
      words: plain(n.colour_count - m.colour_count, 0),
    },
  );
  if (m.diameter_mm !== undefined && n.diameter_mm !== undefined)
    rows.push({
      label: t('outline.diameter'),
      first: t('outline.millimetres', { value: number(m.diameter_mm, 1) }),
      second: t('outline.millimetres', { value: number(n.diameter_mm, 1) }),
      words: plain(n.diameter_mm - m.diameter_mm, 1),
    });
  return rows;
}
