// The worker: all work on a photo happens here. File → pixels → core → network → core → answer.
// It holds the core's WebAssembly module and ONNX Runtime Web; one photo at a time.

import createCore from 'nevus_core.mjs';
import { asset } from './assets';
import { Core, Refusal, type Prepared } from './core';
import { decodeInto } from './decode';
import { journalWork } from './journal_work';
import type {
  Answer,
  BackendChoice,
  FromWorker,
  ModelPackage,
  Photo,
  Pixels,
  ToWorker,
} from './protocol';
import { RequestCounter } from './requests';
import { Session, warmUp } from './session';
import { turned, VIEWS } from './stability';
import { thumbnail } from './thumbnail';

const PREVIEW_SIDE = 1024;
/** Of a photo that is only listed: enough for its thumbnail. */
const LISTED_SIDE = 192;
const HEATMAP_SIDE = 256;
/** Gigabytes of memory, where the browser tells (at most 8). */
const { deviceMemory = 8 } = navigator as Navigator & { deviceMemory?: number };
/**
 * Where the network takes less, the picture comes with the answer: drawn before, it slows the network down where
 * the browser draws by software (measured on two cores: by 9 of 82 ms).
 */
const MOMENT_MS = 100;
/** More are decoded again for another frame of the photo: 100 MB may stay, on a small phone 4. */
const KEPT_PIXELS = deviceMemory > 2 ? 25_000_000 : 1_000_000;
/** Larger files are no photos that this page can judge. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

const scope = self as unknown as DedicatedWorkerGlobalScope;
const requests = new RequestCounter((counts) => post({ type: 'requests', counts }));

interface Engine {
  core: Core;
  session: Session;
  model: ModelPackage;
  onnx: Uint8Array<ArrayBuffer>;
  choice: BackendChoice;
}
let engine: Engine | undefined;
/** The second model, with a core and pixels of its own: the first one's stay as they are. */
let rival: Engine | undefined;
/** The photo whose pixels the second core has. */
let rivalRow = 0;
/** The newest job whose photo is to be shown. */
let newest = 0;
/** The photo that was shown last: the network's input and its estimate. */
let shown: { id: number; tensor: Float32Array<ArrayBuffer>; malignancy: number } | undefined;
/** The photo whose pixels the core still has, for another frame of it. */
let kept: { row: number; codec: string; lesion: string; width: number; height: number } | undefined;
/** Milliseconds that the network took the last time. */
let usualInference = Infinity;
let queue: Promise<void> = Promise.resolve();

function post(message: FromWorker, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

function progress(text: string): void {
  post({ type: 'progress', text });
}

scope.onmessage = ({ data: message }: MessageEvent<ToWorker>) => {
  if (message.type === 'photo-chosen') {
    requests.restart();
    return;
  }
  if (message.type === 'use-model' || (message.type === 'analyse' && message.show)) {
    newest = message.id;
    shown = undefined;
  }
  queue = queue.then(() => handle(message));
};

async function handle(message: Exclude<ToWorker, { type: 'photo-chosen' }>): Promise<void> {
  if (message.type === 'start') {
    try {
      engine = await start(message.model, message.backend);
      post({ type: 'ready', backend: engine.session.backend, model: engine.model });
    } catch (error) {
      post({ type: 'start-failed', reason: words(error) });
    }
    return;
  }
  if (message.type === 'stability') {
    // The answer stands without it.
    if (engine) await tryTurning(engine, message.id).catch((error) => console.warn(words(error)));
    return;
  }
  if (message.type === 'use-rival') {
    await useRival(message.photo);
    return;
  }
  if (message.type === 'rival') {
    await judgeAsWell(message);
    return;
  }
  if (message.type === 'journal') {
    const { id, ask } = message;
    try {
      if (!engine) throw new Refusal('the program could not start');
      post({ type: 'journal', id, answer: await journalWork(engine.core, ask), reason: '' });
    } catch (error) {
      post({ type: 'journal', id, answer: undefined, reason: words(error) });
    }
    return;
  }
  try {
    if (!engine) throw new Refusal('the program could not start');
    if (message.type === 'analyse') await analyse(engine, message);
    else await adoptModel(engine, message.id, message.photo);
  } catch (error) {
    kept = undefined;
    post({ type: 'refused', id: message.id, file: message.photo.name, reason: words(error) });
  } finally {
    if (!kept) engine?.core.releasePhoto();
  }
}

function words(error: unknown): string {
  if (error instanceof Refusal)
    return error.field ? `${error.message} (${error.field})` : error.message;
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] || 'unknown reason';
}

async function start(modelUrl: string, choice: BackendChoice): Promise<Engine> {
  progress('Loading the program and the model.');
  void warmUp(choice);
  const [core, onnx] = await Promise.all([
    Core.load(createCore, asset('nevus_core.wasm')),
    download(modelUrl),
  ]);
  const model = core.loadPackage(onnx);
  post({ type: 'model-read' });
  const session = await Session.create(onnx, model, core, choice, progress);
  return { core, session, model, onnx, choice };
}

async function download(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Refusal(`the model is not there (${response.status} ${response.statusText})`);
  return new Uint8Array(await response.arrayBuffer());
}

async function read(file: File): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > MAX_FILE_BYTES) throw new Refusal('the file is larger than 256 MB');
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Refusal("the file can't be read (moved, deleted, or a folder)");
  }
}

/**
 * A photo's pixels into the core.
 * @param side of the square that will be judged, in pixels of the photo; 0: the centre square
 * @return its format, and when decoding ended and copying began
 */
async function open(core: Core, file: File, side: number) {
  const info = core.open(await read(file), side);
  const decoded = info.decoded ? performance.now() : await decodeInto(core, file, info);
  return { codec: info.codec, decoded };
}

async function analyse(
  using: Engine,
  { id, row, photo, show, thumbnail: listed, frame }: Extract<ToWorker, { type: 'analyse' }>,
): Promise<void> {
  const { core } = using;
  /** A newer photo is to be shown: nobody wants this one's picture any more. */
  const dropped = () => {
    if (!show || id === newest) return false;
    post({ type: 'dropped', id });
    return true;
  };
  if (dropped()) return;
  const started = performance.now();
  let here = kept?.row === row ? kept : undefined;
  kept = undefined;
  let codec = here?.codec ?? '';
  const side = (frame?.width ?? 0) * (here?.width ?? 0);
  let decoded: number | undefined;
  if (!here || !core.fits(side)) ({ codec, decoded } = await open(core, photo.file, side));
  const copied = performance.now();
  decoded ??= copied;
  if (dropped()) return;

  let preview: Pixels | undefined;
  let part: Omit<Prepared, 'preview'> | undefined;
  if (!here || !frame) {
    const whole = core.prepare(show ? PREVIEW_SIDE : LISTED_SIDE);
    const { width, height } = whole.quality;
    here = { row, codec, lesion: here?.lesion ?? '', width, height };
    ({ preview } = whole);
    part = whole;
  }
  if (frame) {
    // Only now it is known how large the square is.
    const square = frame.width * here.width;
    if (!core.fits(square)) await open(core, photo.file, square);
    part = core.frame(frame, here);
  }
  const { quality, crop, tensor } = part as NonNullable<typeof part>;
  const prepared = performance.now();
  const showPicture = () => {
    // A copy, not a transfer: the thumbnail is made of it later.
    if (show && preview) post({ type: 'preview', id, preview, crop });
  };
  const waits = usualInference < MOMENT_MS;
  if (!waits) showPicture();

  // The tensor is a view on memory that the next photo overwrites.
  const input = tensor.slice();
  const seen = await infer(using, input);
  const inferred = performance.now();
  usualInference = inferred - prepared;
  if (dropped()) return;

  const { heatmap, ...decision } = core.decide(seen, HEATMAP_SIDE);
  // Nobody waits for a photo that is only listed; of the shown one the outline follows.
  if (!show) here.lesion ||= JSON.stringify(core.outline());
  const answer: Answer = {
    ...decision,
    logits: [...seen.logits],
    distance: Number.isNaN(seen.distance) ? null : seen.distance,
    file: photo.name,
    // Of a frame the quality is its own, the size the photo's.
    quality: { ...quality, width: here.width, height: here.height },
    codec,
    crop,
    lesion: here.lesion,
    timings: {
      decode: decoded - started,
      copy: copied - decoded,
      preprocess: prepared - copied,
      inference: inferred - prepared,
      total: performance.now() - started,
    },
    backend: using.session.backend,
  };
  if (show) shown = { id, tensor: input, malignancy: answer.malignancy };
  if (show && core.pixels() <= KEPT_PIXELS) kept = here;
  post({ type: 'requests', counts: requests.counts });
  if (waits) showPicture();
  post(
    { type: 'answer', id, answer, heatmap: show ? heatmap : null },
    show ? [heatmap.data.buffer] : [],
  );
  if (here.lesion === '') {
    try {
      here.lesion = JSON.stringify(core.outline());
      post({ type: 'outline', id, lesion: here.lesion });
    } catch (error) {
      // The answer stands without it.
      console.warn(words(error));
    }
  }
  if (listed && preview) {
    if (!kept) core.releasePhoto();
    const picture = await thumbnail(preview).catch(() => undefined);
    if (picture) post({ type: 'thumbnail', id, picture });
  }
}

/** The shown photo's other seven views, one at a time: whatever arrives meanwhile comes first. */
async function tryTurning(using: Engine, id: number): Promise<void> {
  const { core, model } = using;
  if (shown?.id !== id || model.input.width !== model.input.height) return;
  const { tensor, malignancy } = shown;
  const above = (share: number) => share >= model.operating_point.threshold;
  let [low, high, same] = [malignancy, malignancy, 1];
  for (let view = 1; view < VIEWS; view += 1) {
    // Lets messages in: they take `shown` away.
    await new Promise((resolve) => setTimeout(resolve));
    if (shown?.id !== id) return;
    const seen = await infer(using, turned(tensor, model.input.width, view));
    const turn = core.decide(seen, 1).malignancy;
    low = Math.min(low, turn);
    high = Math.max(high, turn);
    if (above(turn) === above(malignancy)) same += 1;
  }
  post({ type: 'stability', id, stability: { low, high, same, views: VIEWS } });
}

/** Runs the network; a backend that fails on the way is replaced, and the photo computed again. */
async function infer(using: Engine, tensor: Float32Array<ArrayBuffer>) {
  try {
    return await using.session.run(tensor);
  } catch (error) {
    progress('The computation failed; it is done again in another way.');
    using.session = await using.session.replace(using.onnx, using.core, error);
    return using.session.run(tensor);
  }
}

/** A second model package; when it is refused, the second one before it stays. */
async function useRival(photo: Photo | null): Promise<void> {
  if (!photo) {
    await rival?.session.close();
    rival = undefined;
    post({ type: 'rival-used', model: null });
    return;
  }
  try {
    if (!engine) throw new Refusal('the program could not start');
    const onnx = await read(photo.file);
    const core = await Core.load(createCore, asset('nevus_core.wasm'));
    const model = core.loadPackage(onnx);
    const session = await Session.create(onnx, model, core, engine.choice, progress);
    await rival?.session.close();
    rival = { core, session, model, onnx, choice: engine.choice };
    rivalRow = 0;
    post({ type: 'rival-used', model });
  } catch (error) {
    post({ type: 'rival-refused', file: photo.name, reason: words(error) });
  }
}

/** The second model's answer to the shown photo, unless another one is to be shown meanwhile. */
async function judgeAsWell({
  id,
  row,
  photo,
  frame,
}: Extract<ToWorker, { type: 'rival' }>): Promise<void> {
  if (!rival || id !== newest) return;
  const { core } = rival;
  try {
    if (rivalRow !== row) {
      rivalRow = 0;
      await open(core, photo.file, 0);
    }
    let { quality, tensor } = core.prepare(1);
    const square = (frame?.width ?? 0) * quality.width;
    if (!core.fits(square)) {
      await open(core, photo.file, square);
      ({ quality, tensor } = core.prepare(1));
    }
    if (frame) ({ tensor } = core.frame(frame, quality));
    const seen = await infer(rival, tensor.slice());
    const { outcome, malignancy, probabilities, reasons } = core.decide(seen, 1);
    const distance = Number.isNaN(seen.distance) ? null : seen.distance;
    rivalRow = core.pixels() <= KEPT_PIXELS ? row : 0;
    post({ type: 'rival', id, answer: { outcome, malignancy, probabilities, reasons, distance } });
  } catch (error) {
    rivalRow = 0;
    post({ type: 'rival-refused', file: photo.name, reason: words(error) });
  } finally {
    if (rivalRow === 0) core.releasePhoto();
  }
}

/** Another model package instead of the one in use; when it is refused, the one in use stays. */
async function adoptModel(using: Engine, id: number, { file, name }: Photo): Promise<void> {
  const onnx = await read(file);
  const model = using.core.loadPackage(onnx);
  try {
    const session = await Session.create(onnx, model, using.core, using.choice, progress);
    await using.session.close();
    Object.assign(using, { session, model, onnx });
  } catch (error) {
    using.core.loadPackage(using.onnx);
    throw error;
  }
  post({ type: 'model-used', id, file: name, backend: using.session.backend, model });
}
