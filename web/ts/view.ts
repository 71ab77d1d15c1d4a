// What the page shows: one value, made from the worker's messages, drawn by the canvas (bridge.ts →
// web/app) and by the DOM mirror (mirror.ts) alike. Every word that people read is made here.

import type { Answer, Backend, Crop, ModelPackage, OutcomeId } from './protocol';

export type PageState = 'loading' | 'ready' | 'analysing' | 'answered' | 'failed';

/** One line of a section: a label, a value, and maybe a bar. */
export interface Row {
  label: string;
  value: string;
  /** Length of a bar, 0 to 1. */
  bar?: number;
  /** A mark on the bar, 0 to 1. */
  mark?: number;
}

export interface Section {
  title: string;
  rows: Row[];
  note?: string;
}

/** Amber asks for attention, indigo doesn't, grey says that there is no answer. Never green. */
export type Tone = 'amber' | 'indigo' | 'grey';

export interface View {
  state: PageState;
  tone: Tone;
  /** The outcome's sentence, or what is going on. */
  headline: string;
  paragraphs: string[];
  sections: Section[];
  /** Under the photo. */
  caption: string;
  /** Asks for the next photo after a failure; empty when none can be judged. */
  prompt: string;
  footer: string;
  crop: Crop | null;
  heatmap: { available: boolean; shown: boolean; opacity: number };
}

export const DISCLAIMER = 'Research and education; not a diagnosis.';
export const PROMPT = 'Choose, drop or paste a photo of a skin spot';
export const CAPTION =
  'The model sees the square in the middle. The heat-map shows which parts speak for malignancy; press and hold the photo to see it without.';

const TONES: Record<OutcomeId, Tone> = {
  show_doctor: 'amber',
  nothing_alarming: 'indigo',
  cannot_judge: 'grey',
};

const ADVICE: Record<OutcomeId, string> = {
  show_doctor:
    'The model sees patterns that it has learnt from malignant lesions. Only a doctor can say what it is; have the spot looked at soon.',
  nothing_alarming:
    'The model sees none of the patterns that it has learnt from malignant lesions, and it can be wrong. If the spot is new, changes, itches, bleeds or worries you, show it to a doctor.',
  cannot_judge: 'No estimate is shown, because it could mislead.',
};

const RETAKE =
  'Try again: one spot in the middle of the photo, filling about half of it, sharp, in even daylight without flash.';

/** 0.0312 → "3.1 %" (no break before the sign); whole percents from ten on, and never a certainty. */
export function percent(share: number): string {
  const value = share * 100;
  if (value < 0.1) return 'under 0.1\u00a0%';
  if (value > 99.9) return 'over 99.9\u00a0%';
  return `${value < 9.95 || value > 99 ? value.toFixed(1) : value.toFixed(0)}\u00a0%`;
}

function milliseconds(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(0)} ms`;
}

export function backendName(backend: Backend): string {
  return backend.id === 'webgpu' ? 'WebGPU' : 'WebAssembly';
}

function estimateSection(answer: Answer, model: ModelPackage): Section {
  const { threshold, sensitivity, specificity, n } = model.operating_point;
  return {
    title: 'Estimate',
    rows: [
      {
        label: 'Estimated probability of malignancy',
        value: percent(answer.malignancy),
        bar: answer.malignancy,
        mark: threshold,
      },
    ],
    note:
      `From ${percent(threshold)} on (the mark), the page says “Show this to a doctor”. ` +
      `On ${n} validation photos that caught ${percent(sensitivity)} of the malignant lesions ` +
      `and passed ${percent(specificity)} of the benign ones.`,
  };
}

function classSection(answer: Answer, model: ModelPackage): Section {
  const rows = model.classes.map((entry, index) => ({
    label:
      entry.malignant && !/malignan/i.test(entry.name) ? `${entry.name} (malignant)` : entry.name,
    share: answer.probabilities[index] ?? 0,
  }));
  rows.sort((a, b) => b.share - a.share);
  return {
    title: 'Classes',
    rows: rows.map(({ label, share }) => ({ label, value: percent(share), bar: share })),
  };
}

function qualitySection(answer: Answer): Section {
  const { quality } = answer;
  const good = quality.issues.length === 0;
  return {
    title: 'Photo',
    rows: [
      { label: 'File', value: answer.file },
      { label: 'Size', value: `${quality.width} × ${quality.height} px, ${answer.codec}` },
      { label: 'Quality', value: good ? 'good enough to be judged' : 'not good enough' },
      { label: 'Sharpness', value: quality.sharpness.toFixed(1) },
      { label: 'Brightness', value: percent(quality.brightness) },
      { label: 'Contrast', value: percent(quality.contrast) },
    ],
  };
}

function computeSection(answer: Answer, model: ModelPackage): Section {
  const { timings, backend } = answer;
  return {
    title: 'How it was computed',
    rows: [
      { label: 'Runs on', value: backendName(backend) },
      ...(backend.reason ? [{ label: 'Why', value: backend.reason }] : []),
      { label: 'Decoding', value: milliseconds(timings.decode) },
      { label: 'Measuring and resizing', value: milliseconds(timings.preprocess) },
      { label: 'Network', value: milliseconds(timings.inference) },
      { label: 'In all', value: milliseconds(timings.total) },
      { label: 'Model', value: model.name },
    ],
  };
}

/** The section that is there in every state: what has left the device. */
export function privacySection(requests: number): Section {
  return {
    title: 'Privacy',
    rows: [{ label: 'Requests since the photo was chosen', value: String(requests) }],
  };
}

type Shown = Pick<View, 'state' | 'tone' | 'headline' | 'paragraphs' | 'sections'>;

export function loadingView(text: string, queued?: string): Shown {
  const photo = queued === undefined ? 'A photo chosen now' : queued;
  const paragraphs = [text, `${photo} is judged as soon as the program is ready.`];
  return { state: 'loading', tone: 'indigo', headline: 'One moment', paragraphs, sections: [] };
}

export function readyView(backend: Backend, model: ModelPackage, notice?: string): Shown {
  return {
    state: 'ready',
    tone: 'indigo',
    headline: PROMPT,
    paragraphs: [
      ...(notice === undefined ? [] : [notice]),
      'It is judged here, on your device, and sent nowhere.',
    ],
    sections: [
      {
        title: 'How to take it',
        rows: [
          { label: '1', value: 'One spot, in the middle, filling about half of the photo' },
          { label: '2', value: 'Sharp, in even daylight, without flash' },
          { label: '3', value: 'No hair, ruler or writing over the spot' },
        ],
        note: 'The model has learnt mostly from dermoscopy photos of light skin. On ordinary phone photos and on darker skin it is less reliable.',
      },
      {
        title: 'Ready',
        rows: [
          { label: 'Runs on', value: backendName(backend) },
          ...(backend.reason ? [{ label: 'Why', value: backend.reason }] : []),
          { label: 'Model', value: model.name },
        ],
      },
    ],
  };
}

export function analysingView(file: string): Shown {
  return {
    state: 'analysing',
    tone: 'indigo',
    headline: 'Looking at the photo',
    paragraphs: [file],
    sections: [],
  };
}

export function answerView(answer: Answer, model: ModelPackage): Shown {
  const judged = answer.outcome !== 'cannot_judge';
  return {
    state: 'answered',
    tone: TONES[answer.outcome],
    headline: answer.sentence,
    paragraphs: [...answer.reasons, ADVICE[answer.outcome], ...(judged ? [] : [RETAKE])],
    sections: [
      ...(judged ? [estimateSection(answer, model), classSection(answer, model)] : []),
      qualitySection(answer),
      computeSection(answer, model),
    ],
  };
}

export function refusedView(file: string, reason: string): Shown {
  return {
    state: 'failed',
    tone: 'grey',
    headline: 'This file gave no answer',
    paragraphs: [`${file}: ${reason}`],
    sections: [],
  };
}

export function brokenView(reason: string): Shown {
  return {
    state: 'failed',
    tone: 'grey',
    headline: 'The program could not start',
    paragraphs: [reason, 'Reload the page to try again.'],
    sections: [],
  };
}
