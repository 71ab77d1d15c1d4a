// Every photo of the list as a file, made here: the columns and keys of `nevus predict --csv` and
// `--json`, in the core's English whatever the page's language.

import { lesionOf } from './lesion';
import type { Answer, ModelPackage } from './protocol';
import type { QueueRow } from './queue';

/** As native/commands/predict.cpp says it. */
const NOTICE = 'Research and education; not a diagnosis.';
const NOT_JUDGED = 'not judged yet';

/** RFC 4180; quoted also at a semicolon and a tab, which some spreadsheets take for separators. */
function field(text: string): string {
  return /[,;\t"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function errorOf(row: QueueRow): string {
  return row.state === 'failed' ? row.reason : NOT_JUDGED;
}

export function toCsv(rows: readonly QueueRow[], model: ModelPackage): string {
  const header = [
    ...['file', 'outcome', 'sentence', 'malignancy'],
    ...model.classes.map(({ id }) => `p_${id}`),
    'remark',
  ];
  const lines = rows.map((row) => {
    const { answer } = row;
    if (!answer)
      return [row.name, '', '', '', ...model.classes.map(() => ''), errorOf(row)].map(field);
    return [
      row.name,
      answer.outcome,
      answer.sentence,
      answer.malignancy.toFixed(6),
      ...model.classes.map((_, index) => answer.probabilities[index]?.toFixed(6) ?? ''),
      answer.reasons.join(' '),
    ].map(field);
  });
  return [header, ...lines].map((line) => `${line.join(',')}\n`).join('');
}

function entry(row: QueueRow, answer: Answer, model: ModelPackage): object {
  const { quality, timings, distance } = answer;
  const limit = model.typicality?.limit;
  return {
    file: row.name,
    outcome: answer.outcome,
    sentence: answer.sentence,
    malignancy: answer.malignancy,
    probabilities: Object.fromEntries(
      answer.probabilities.map((share, index) => [model.classes[index]?.id ?? index, share]),
    ),
    logits: answer.logits,
    ...(limit !== undefined && distance !== null
      ? { typicality: { distance, limit, typical: distance <= limit } }
      : {}),
    ...(row.stability ? { stability: row.stability } : {}),
    // A square that a person chose instead of the one in the middle, in shares of the photo.
    ...(row.frame ? { frame: answer.crop } : {}),
    reasons: answer.reasons,
    quality: { ...quality, issues: quality.issues.map(({ id }) => id) },
    lesion: lesionOf(answer) ?? null,
    ms: {
      decode: timings.decode,
      copy: timings.copy,
      preprocess: timings.preprocess,
      inference: timings.inference,
    },
    backend: answer.backend.id,
  };
}

export function toJson(rows: readonly QueueRow[], model: ModelPackage): string {
  const value = {
    model: {
      name: model.name,
      sha256: model.sha256,
      threshold: model.operating_point.threshold,
    },
    photos: rows.map((row) =>
      row.answer ? entry(row, row.answer, model) : { file: row.name, error: errorOf(row) },
    ),
    notice: NOTICE,
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Hands the visitor a file that exists in memory alone; no request is made. */
export function save(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the blob over by the next turn of its loop at the latest.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
