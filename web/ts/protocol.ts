// Messages between the page and its worker, and the values they carry.

import type { RequestCounts } from './requests';

export type BackendId = 'wasm' | 'webgpu';
export type BackendChoice = 'auto' | BackendId;

/** What really runs the network, and why. */
export interface Backend {
  id: BackendId;
  reason: string;
}

/** RGBA, 8 bits, straight alpha, rows from the top, no gaps. */
export interface Pixels {
  data: Uint8Array<ArrayBuffer>;
  width: number;
  height: number;
}

/** What the page needs of model.json; shared/nevus/package.h defines the fields. */
export interface ModelPackage {
  name: string;
  architecture: string;
  sha256: string;
  input: { width: number; height: number };
  classes: { id: string; name: string; malignant: boolean }[];
  cam: { width: number; height: number };
  temperature: number;
  operating_point: { threshold: number; sensitivity: number; specificity: number; n: number };
  self_test: { seed: number; logits: number[]; tolerance: number };
  /** Where the network measures how far a photo is from its training photos. */
  typicality?: { limit: number; accepted: number; self_test: number };
  metrics?: { validation?: Record<string, unknown> };
  license: string;
  intended_use: string;
  known_limits: string[];
}

export type OutcomeId = 'show_doctor' | 'nothing_alarming' | 'cannot_judge';

export interface Quality {
  /** Pixels. */
  width: number;
  height: number;
  /** Variance of the Laplacian, >= 0. */
  sharpness: number;
  /** Mean grey value, 0 to 1. */
  brightness: number;
  /** Standard deviation of grey values, 0 to 0.5. */
  contrast: number;
  /** Share of clipped pixels, 0 to 1. */
  clipped: number;
  issues: { id: string; sentence: string }[];
}

/** Milliseconds; `total` runs from the photo's arrival to the finished answer. */
export interface Timings {
  /** Reading the file and decoding it. */
  decode: number;
  /** The decoded pixels into the core. */
  copy: number;
  preprocess: number;
  inference: number;
  total: number;
}

/** A rectangle in shares of the photo's width and height. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What can be measured of the outline; shared/nevus/lesion_measures.h defines the fields. */
export interface LesionMeasures {
  /** Share of the area without a mirrored counterpart, 0 to 1. */
  asymmetry: number;
  asymmetry_axes: [number, number];
  /** perimeter² / (4π area), >= 1. */
  compactness: number;
  /** Area over that of the convex hull, 0 to 1. */
  solidity: number;
  /** Shares of the area, 0 to 1. */
  colours: Record<string, number>;
  colour_count: number;
  diameter_px: number;
  /** Where the photo's scale is known. */
  diameter_mm?: number;
}

/** In pixels of the photo; shared/nevus/lesion.h defines the fields. */
export type Lesion =
  | {
      found: true;
      /** A closed polygon, clockwise. */
      outline: [number, number][];
      area: number;
      box: Crop;
      /** A square around the lesion. */
      crop: Crop;
      confidence: number;
      measures: LesionMeasures;
      /** What each measure means, by its id. */
      sentences: Record<'asymmetry' | 'border' | 'colours' | 'diameter', string>;
    }
  | { found: false; issue: { id: string; sentence: string } };

export interface Answer {
  file: string;
  outcome: OutcomeId;
  /** Word for word what people read. */
  sentence: string;
  /** Probability of malignancy, 0 to 1. */
  malignancy: number;
  /** One a class, sum 1; empty when the network's answer was not finite. */
  probabilities: number[];
  /** The network's own figures, one a class. */
  logits: number[];
  /** Squared Mahalanobis distance to the training photos; null where the model has none. */
  distance: number | null;
  /** Why the photo can't be judged, a sentence each, in the core's English. */
  reasons: string[];
  quality: Quality;
  codec: string;
  crop: Crop;
  /**
   * JSON of a Lesion: every row of the list keeps it, and as text it takes the least memory. Empty
   * until it is known, which is a moment after the answer.
   */
  lesion: string;
  timings: Timings;
  backend: Backend;
}

/** The estimate over the flips and quarter turns of the same square. */
export interface Stability {
  /** Least and greatest probability of malignancy. */
  low: number;
  high: number;
  /** How many views give the answer of the photo as it is; that one is among them. */
  same: number;
  views: number;
}

/** What another model says of the shown photo. */
export type RivalAnswer = Pick<
  Answer,
  'outcome' | 'malignancy' | 'probabilities' | 'reasons' | 'distance'
>;

/** A photo, by the name that people know it by. */
export interface Photo {
  file: File;
  name: string;
}

/** A photo that is kept (web/ts/journal), and its outline in its pixels; none: empty. */
export interface KeptPhoto {
  photo: Blob;
  outline: [number, number][];
}

/** shared/nevus/registration.h defines the fields. */
export interface Alignment {
  aligned: boolean;
  issue?: { id: string; sentence: string };
  /** Takes a point of the moving photo to its place in the fixed one, in pixels:
   * x' = a x - b y + tx, y' = b x + a y + ty. */
  transform: { a: number; b: number; tx: number; ty: number; scale: number; degrees: number };
  before: number;
  after: number;
  detail: number;
}

/** What the journal has the worker do. */
export type JournalAsk =
  | { kind: 'copy'; photo: File; side: number }
  | { kind: 'align'; fixed: KeptPhoto; moving: KeptPhoto };

export interface JournalAnswer {
  /** JPEGs, upright: at most `side` pixels, and a small one. */
  copy: { photo: Blob; thumbnail: Blob; width: number; height: number };
  align: Alignment;
}

export type ToWorker =
  | { type: 'start'; model: string; backend: BackendChoice }
  /** Requests are counted from here on. */
  | { type: 'photo-chosen' }
  /**
   * `show`: its pixels and heat-map are wanted, and of several such only the newest's. Answered by
   * exactly one of answer, refused, dropped. `row`: the photo's number; of the photo that was shown
   * last the pixels are still there. `frame`: the square to judge, null: the centre square.
   */
  | {
      type: 'analyse';
      id: number;
      row: number;
      photo: Photo;
      show: boolean;
      thumbnail: boolean;
      frame: Crop | null;
    }
  /** Of the photo that was shown last, if `id` is its job. */
  | { type: 'stability'; id: number }
  | { type: 'use-model'; id: number; photo: Photo }
  /** A second model, to compare with; null: none any more. */
  | { type: 'use-rival'; photo: Photo | null }
  /** The second model's answer to the photo that job `id` has shown. */
  | { type: 'rival'; id: number; row: number; photo: Photo; frame: Crop | null }
  | { type: 'journal'; id: number; ask: JournalAsk };

export type FromWorker =
  | { type: 'progress'; text: string }
  /** The model has arrived and is valid; what is left is the runtime. */
  | { type: 'model-read' }
  | { type: 'ready'; backend: Backend; model: ModelPackage }
  | { type: 'start-failed'; reason: string }
  | { type: 'requests'; counts: RequestCounts }
  | { type: 'preview'; id: number; preview: Pixels; crop: Crop }
  | { type: 'answer'; id: number; answer: Answer; heatmap: Pixels | null }
  | { type: 'refused'; id: number; file: string; reason: string }
  /** A newer photo to show arrived before this one's answer. */
  | { type: 'dropped'; id: number }
  /** JSON of the Lesion that the answer came without. */
  | { type: 'outline'; id: number; lesion: string }
  /** A small JPEG; comes after the answer. */
  | { type: 'thumbnail'; id: number; picture: Blob }
  | { type: 'stability'; id: number; stability: Stability }
  | { type: 'model-used'; id: number; file: string; backend: Backend; model: ModelPackage }
  | { type: 'rival-used'; model: ModelPackage | null }
  | { type: 'rival-refused'; file: string; reason: string }
  | { type: 'rival'; id: number; answer: RivalAnswer }
  | {
      type: 'journal';
      id: number;
      answer: JournalAnswer[JournalAsk['kind']] | undefined;
      reason: string;
    };
