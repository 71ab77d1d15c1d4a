// What the page shows: one value, made from the worker's messages, drawn by the canvas (bridge.ts →
// web/app) and by the DOM mirror (mirror.ts) alike. The words come from the catalogue (i18n.ts).

import { predictiveValues, type Prevalence } from './explain';
import { number, t, translate, type Key } from './i18n';
import { lesionOf } from './lesion';
import type {
  Answer,
  Backend,
  Crop,
  Lesion,
  ModelPackage,
  OutcomeId,
  RivalAnswer,
  Stability,
} from './protocol';

export type PageState = 'loading' | 'ready' | 'analysing' | 'answered' | 'failed';

/** One line of a section: a label, a value, and maybe a bar. */
export interface Row {
  label: string;
  value: string;
  /** Length of a bar, 0 to 1. */
  bar?: number;
  /** A mark on the bar, 0 to 1. */
  mark?: number;
  /** What it means, small under it. */
  note?: string;
}

export interface Section {
  title: string;
  rows: Row[];
  note?: string;
  /** Leaves room for the controls of this name above its rows. */
  slot?: 'expert';
}

/** Amber asks for attention, indigo doesn't, grey says that there is no answer. Never green. */
export type Tone = 'amber' | 'indigo' | 'grey';

/** Room that controls of the DOM need, CSS pixels; 0: not there. */
export interface SlotHeights {
  photo: number;
  actions: number;
  expert: number;
  /** Over the picture, as large as that is. */
  picture: number;
}

/** What of the photo is seen: 1 / scale of each side, around (x, y) in its shares. */
export interface Zoom {
  scale: number;
  x: number;
  y: number;
}

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
  /** Width : height of the photo that is being opened, for its empty frame. */
  frame: number;
  heatmap: { available: boolean; shown: boolean; opacity: number };
  /** The lesion's outline: x and y in turn, in shares of the photo's width and height. */
  outline: { points: number[]; shown: boolean };
  /** Heat-map and outline begin at this share of the picture's width. */
  wipe: number;
  zoom: Zoom;
  slots: SlotHeights;
}

const TONES: Record<OutcomeId, Tone> = {
  show_doctor: 'amber',
  nothing_alarming: 'indigo',
  cannot_judge: 'grey',
};

/** Word for word as the contract has them; the core's own sentence is the same in English. */
const SENTENCES: Record<OutcomeId, Key> = {
  show_doctor: 'outcome.show_doctor',
  nothing_alarming: 'outcome.nothing_alarming',
  cannot_judge: 'outcome.cannot_judge',
};

const ADVICE: Record<OutcomeId, Key> = {
  show_doctor: 'advice.show_doctor',
  nothing_alarming: 'advice.nothing_alarming',
  cannot_judge: 'advice.cannot_judge',
};

export function tone(outcome: OutcomeId): Tone {
  return TONES[outcome];
}

export function sentence(outcome: OutcomeId): string {
  return t(SENTENCES[outcome]);
}

/** 0.0312 → "3.1 %" (no break before the sign); whole percents from ten on, and never a certainty. */
export function percent(share: number): string {
  const value = share * 100;
  if (value < 0.1) return t('percent.under', { value: number(0.1, 1) });
  if (value > 99.9) return t('percent.over', { value: number(99.9, 1) });
  return t('percent', { value: number(value, value < 9.95 || value > 99 ? 1 : 0) });
}

/** nevus::kLeastColourShare. */
const LEAST_COLOUR_SHARE = 0.05;
/** Agreement of the candidate outlines below which the outline is called uncertain. */
const CLEAR_OUTLINE = 0.8;
const COLOUR_NAMES: Record<string, Key> = {
  white: 'outline.white',
  red: 'outline.red',
  light_brown: 'outline.light_brown',
  dark_brown: 'outline.dark_brown',
  blue_grey: 'outline.blue_grey',
  black: 'outline.black',
};

function milliseconds(value: number): string {
  return value >= 1000
    ? t('seconds', { value: number(value / 1000, 1) })
    : t('milliseconds', { value: number(value, 0) });
}

export function backendName(backend: Backend): string {
  return backend.id === 'webgpu' ? 'WebGPU' : 'WebAssembly';
}

/** "About N of 100", which never says none and never says all. */
function ofHundred(share: number): string {
  const count = Math.round(share * 100);
  if (count < 1) return t('hundred.under');
  if (count > 99) return t('hundred.over');
  return t('hundred.about', { count });
}

/** "84 % to 89 %", or one figure where the two read alike. */
function range({ low, high }: Stability): string {
  const [from, to] = [percent(low), percent(high)];
  return from === to ? from : t('range', { from, to });
}

function estimateSection(answer: Answer, model: ModelPackage, stability?: Stability): Section {
  const { threshold } = model.operating_point;
  return {
    title: t('estimate.title'),
    rows: [
      {
        label: t('estimate.probability'),
        value: percent(answer.malignancy),
        bar: answer.malignancy,
        mark: threshold,
      },
      {
        label: t('stability.label'),
        value: stability ? range(stability) : t('stability.waiting'),
      },
    ],
    note: [
      t('estimate.words', { count: ofHundred(answer.malignancy) }),
      t('estimate.prevalence'),
      t('estimate.threshold', { threshold: percent(threshold) }),
      ...(stability ? [stabilityWords(stability)] : []),
    ].join(' '),
  };
}

export function stabilityWords({ same, views }: Stability): string {
  return same === views
    ? t('stability.same', { views })
    : t('stability.differs', { views, other: views - same });
}

function className(entry: { name: string; malignant: boolean }): string {
  const name = translate(entry.name);
  return entry.malignant && !/malignan/i.test(entry.name) ? t('class.malignant', { name }) : name;
}

function classSection(answer: Answer, model: ModelPackage): Section {
  const rows = model.classes.map((entry, index) => ({
    label: className(entry),
    share: answer.probabilities[index] ?? 0,
  }));
  rows.sort((a, b) => b.share - a.share);
  return {
    title: t('classes.title'),
    rows: rows.map(({ label, share }) => ({ label, value: percent(share), bar: share })),
  };
}

/** The outline's points for the canvas; none where there is nothing to judge. */
export function outlinePoints(answer: Answer | undefined): number[] {
  if (!answer || answer.outcome === 'cannot_judge') return [];
  const lesion = lesionOf(answer);
  if (!lesion?.found) return [];
  const { width, height } = answer.quality;
  return lesion.outline.flatMap(([x, y]) => [x / width, y / height]);
}

/** None until the outline is known. */
function outlineSections(answer: Answer): Section[] {
  const lesion = lesionOf(answer);
  return lesion ? [outlineSection(lesion)] : [];
}

function outlineSection(lesion: Lesion): Section {
  const title = t('outline.title');
  if (!lesion.found) return { title, rows: [], note: translate(lesion.issue.sentence) };
  const { measures, sentences } = lesion;
  const colours = Object.entries(measures.colours)
    .filter(([, share]) => share >= LEAST_COLOUR_SHARE)
    .map(([name]) => (COLOUR_NAMES[name] ? t(COLOUR_NAMES[name]) : name));
  const count = t('outline.of_six', { count: measures.colour_count });
  const rows = [
    { id: 'asymmetry', label: t('outline.asymmetry'), value: percent(measures.asymmetry) },
    { id: 'border', label: t('outline.border'), value: number(measures.compactness, 2) },
    {
      id: 'colours',
      label: t('outline.colours'),
      value: colours.length > 0 ? `${count}: ${colours.join(', ')}` : count,
    },
    {
      id: 'diameter',
      label: t('outline.diameter'),
      value:
        measures.diameter_mm === undefined
          ? t('outline.pixels', { value: number(measures.diameter_px, 0) })
          : t('outline.millimetres', { value: number(measures.diameter_mm, 1) }),
    },
  ] as const;
  return {
    title,
    rows: rows.map(({ id, label, value }) => ({ label, value, note: translate(sentences[id]) })),
    note: [
      t('outline.note'),
      ...(lesion.confidence < CLEAR_OUTLINE ? [t('outline.uncertain')] : []),
    ].join(' '),
  };
}

function photoSection(answer: Answer, expert: boolean): Section {
  const { quality } = answer;
  const good = quality.issues.length === 0;
  return {
    title: t('photo.title'),
    rows: [
      { label: t('photo.file'), value: answer.file },
      {
        label: t('photo.size'),
        value: t('photo.pixels', {
          width: quality.width,
          height: quality.height,
          codec: answer.codec,
        }),
      },
      { label: t('photo.quality'), value: t(good ? 'photo.good' : 'photo.bad') },
      ...(expert
        ? [
            { label: t('photo.sharpness'), value: number(quality.sharpness, 1) },
            { label: t('photo.brightness'), value: percent(quality.brightness) },
            { label: t('photo.contrast'), value: percent(quality.contrast) },
          ]
        : []),
    ],
  };
}

/** How far from the training photos, where the model measures it. */
function typicalityRows(answer: Answer, model: ModelPackage): Row[] {
  if (!model.typicality || answer.distance === null) return [];
  const { limit } = model.typicality;
  return [
    {
      label: t('typicality.label'),
      value: t('typicality.value', {
        distance: number(answer.distance, 0),
        limit: number(limit, 0),
      }),
    },
  ];
}

function computeSection(answer: Answer, model: ModelPackage, expert: boolean): Section {
  const { timings, backend } = answer;
  return {
    title: t('compute.title'),
    rows: [
      ...backendRows(backend),
      ...(expert
        ? [
            { label: t('compute.decode'), value: milliseconds(timings.decode) },
            { label: t('compute.copy'), value: milliseconds(timings.copy) },
            { label: t('compute.preprocess'), value: milliseconds(timings.preprocess) },
            { label: t('compute.inference'), value: milliseconds(timings.inference) },
          ]
        : []),
      { label: t('compute.total'), value: milliseconds(timings.total) },
      { label: t('compute.model'), value: model.name },
    ],
  };
}

function backendRows(backend: Backend): Row[] {
  return [
    { label: t('compute.backend'), value: backendName(backend) },
    ...(backend.reason ? [{ label: t('compute.why'), value: translate(backend.reason) }] : []),
  ];
}

/** A figure with its 95 % interval, of model.json's metrics. */
function measured(model: ModelPackage, key: string): string | undefined {
  const values = model.metrics?.validation ?? {};
  const value = values[key];
  if (typeof value !== 'number') return undefined;
  const interval = values[`${key}_ci`];
  const shown = key === 'auc' ? (share: number) => number(share, 3) : percent;
  if (
    !Array.isArray(interval) ||
    typeof interval[0] !== 'number' ||
    typeof interval[1] !== 'number'
  )
    return shown(value);
  return t('metric.interval', {
    value: shown(value),
    low: shown(interval[0]),
    high: shown(interval[1]),
  });
}

/** Predictive values where the prevalence is not that of the validation set. */
function prevalenceSection(model: ModelPackage, prevalence: Prevalence): Section {
  const { sensitivity, specificity, n } = model.operating_point;
  const { positive, negative } = predictiveValues(sensitivity, specificity, prevalence);
  return {
    title: t('prevalence.title'),
    slot: 'expert',
    rows: [
      { label: t('prevalence.positive'), value: percent(positive) },
      { label: t('prevalence.negative'), value: percent(negative) },
    ],
    note: t('prevalence.source', {
      sensitivity: percent(sensitivity),
      specificity: percent(specificity),
      n,
    }),
  };
}

function operatingSection(model: ModelPackage): Section {
  const { threshold, sensitivity, specificity, n } = model.operating_point;
  const auc = measured(model, 'auc');
  return {
    title: t('operating.title', { n }),
    rows: [
      { label: t('operating.threshold'), value: percent(threshold) },
      {
        label: t('operating.sensitivity'),
        value: measured(model, 'sensitivity') ?? percent(sensitivity),
      },
      {
        label: t('operating.specificity'),
        value: measured(model, 'specificity') ?? percent(specificity),
      },
      ...(auc === undefined ? [] : [{ label: t('operating.auc'), value: auc }]),
      { label: t('operating.temperature'), value: number(model.temperature, 3) },
    ],
    note: t('operating.note'),
  };
}

function cardSection(model: ModelPackage): Section {
  return {
    title: t('card.title'),
    rows: [
      { label: t('compute.model'), value: model.name },
      { label: t('card.architecture'), value: model.architecture },
      { label: t('card.hash'), value: model.sha256 },
      { label: t('card.license'), value: model.license },
      { label: t('card.use'), value: translate(model.intended_use) },
    ],
    note: model.known_limits.map(translate).join(' '),
  };
}

/** The section that is there in every state: what has left the device. */
export function privacySection(requests: number): Section {
  return {
    title: t('privacy.title'),
    rows: [{ label: t('privacy.since_photo'), value: String(requests) }],
  };
}

type Shown = Pick<View, 'state' | 'tone' | 'headline' | 'paragraphs' | 'sections'>;

/** What is shown, as a recipe: it is made anew when the language changes. */
export type Scene = () => Shown;

export function loadingView(text: string, queued?: string): Shown {
  const waits = queued === undefined ? t('loading.any') : t('loading.photo', { file: queued });
  return {
    state: 'loading',
    tone: 'indigo',
    headline: t('loading.headline'),
    paragraphs: [translate(text), waits],
    sections: [],
  };
}

export function readyView(backend: Backend, model: ModelPackage, notice?: string): Shown {
  return {
    state: 'ready',
    tone: 'indigo',
    headline: t('prompt'),
    paragraphs: [...(notice === undefined ? [] : [notice]), t('ready.local')],
    sections: [
      {
        title: t('how.title'),
        rows: [
          { label: '1', value: t('how.one') },
          { label: '2', value: t('how.two') },
          { label: '3', value: t('how.three') },
        ],
        note: t('how.note'),
      },
      {
        title: t('ready.title'),
        rows: [...backendRows(backend), { label: t('compute.model'), value: model.name }],
      },
    ],
  };
}

export function analysingView(file: string, model = false, notice?: string): Shown {
  return {
    state: 'analysing',
    tone: 'indigo',
    headline: t(model ? 'analysing.model' : 'analysing.headline'),
    paragraphs: [file, ...(notice === undefined ? [] : [translate(notice)])],
    sections: [],
  };
}

/** The shown answer while another square of its photo is judged: its figures stay, greyed. */
export function reframingView(answered: Shown): Shown {
  return { ...answered, state: 'analysing', tone: 'grey', headline: t('frame.judging') };
}

/** A square in pixels of a photo as shares of it. */
export function inShares(square: Crop, { width, height }: { width: number; height: number }): Crop {
  return {
    x: square.x / width,
    y: square.y / height,
    width: square.width / width,
    height: square.height / height,
  };
}

export interface Explanation {
  stability: Stability | undefined;
  expert: boolean;
  prevalence: Prevalence;
  /** A second model and, as soon as it is there, its answer. */
  rival?: { model: ModelPackage; answer: RivalAnswer | undefined };
}

/** Both models' answers, one under the other on the same scale. */
function rivalSection(
  answer: Answer,
  model: ModelPackage,
  rival: NonNullable<Explanation['rival']>,
): Section {
  const row = (of: ModelPackage, by: RivalAnswer | undefined): Row => {
    if (!by) return { label: of.name, value: t('rival.waiting') };
    const { threshold, sensitivity, specificity } = of.operating_point;
    const note = t('rival.note', {
      outcome: sentence(by.outcome),
      threshold: percent(threshold),
      sensitivity: percent(sensitivity),
      specificity: percent(specificity),
    });
    if (by.outcome === 'cannot_judge')
      return { label: of.name, value: '–', note: [note, ...by.reasons.map(translate)].join(' ') };
    return {
      label: of.name,
      value: percent(by.malignancy),
      bar: by.malignancy,
      mark: threshold,
      note,
    };
  };
  const other = rival.answer;
  const differ = other !== undefined && other.outcome !== answer.outcome;
  return {
    title: t('rival.title'),
    rows: [row(model, answer), row(rival.model, other)],
    note: t(differ ? 'rival.differ' : 'rival.what'),
  };
}

export function answerView(answer: Answer, model: ModelPackage, more: Explanation): Shown {
  const judged = answer.outcome !== 'cannot_judge';
  const { expert } = more;
  const photo = photoSection(answer, expert);
  if (expert || !judged) photo.rows.push(...typicalityRows(answer, model));
  return {
    state: 'answered',
    tone: TONES[answer.outcome],
    headline: sentence(answer.outcome),
    paragraphs: [
      ...answer.reasons.map(translate),
      t(ADVICE[answer.outcome]),
      ...(judged ? [] : [t('advice.retake')]),
    ],
    sections: [
      ...(judged ? [estimateSection(answer, model, more.stability)] : []),
      ...(judged && (expert || model.classes.length > 2) ? [classSection(answer, model)] : []),
      ...(judged ? outlineSections(answer) : []),
      ...(more.rival ? [rivalSection(answer, model, more.rival)] : []),
      ...(expert ? [prevalenceSection(model, more.prevalence), operatingSection(model)] : []),
      photo,
      computeSection(answer, model, expert),
      ...(expert ? [cardSection(model)] : []),
    ],
  };
}

/** Without what each row means: two pages are enough for a report. */
function brief(section: Section): Section {
  return { ...section, rows: section.rows.map(({ label, value }) => ({ label, value })) };
}

/** The figures for paper: all of them, without the room for controls. */
export function reportSections(answer: Answer, model: ModelPackage, more: Explanation): Section[] {
  const judged = answer.outcome !== 'cannot_judge';
  const photo = photoSection(answer, true);
  photo.rows.push(...typicalityRows(answer, model));
  return [
    ...(judged ? [estimateSection(answer, model, more.stability)] : []),
    ...(judged
      ? [
          classSection(answer, model),
          operatingSection(model),
          ...outlineSections(answer).map(brief),
        ]
      : []),
    photo,
  ];
}

export function refusedView(file: string, reason: string): Shown {
  return {
    state: 'failed',
    tone: 'grey',
    headline: t('refused.headline'),
    paragraphs: [`${file}: ${translate(reason)}`],
    sections: [],
  };
}

export function brokenView(reason: string): Shown {
  return {
    state: 'failed',
    tone: 'grey',
    headline: t('broken.headline'),
    paragraphs: [translate(reason), t('broken.reload')],
    sections: [],
  };
}
