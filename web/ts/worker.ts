// The worker: all work on a photo happens here. File → pixels → core → network → core → answer.
// It holds the core's WebAssembly module and ONNX Runtime Web; one photo at a time, newest first.

import createCore from 'nevus_core.mjs';
import { asset } from './assets';
import { Core, Refusal } from './core';
import { decodeInto } from './decode';
import type { Answer, BackendChoice, FromWorker, ModelPackage, ToWorker } from './protocol';
import { RequestCounter } from './requests';
import { Session } from './session';

const PREVIEW_SIDE = 1024;
const HEATMAP_SIDE = 256;
/** Larger files are no photos that this page can judge. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

const scope = self as unknown as DedicatedWorkerGlobalScope;
const requests = new RequestCounter((count) => post({ type: 'requests', count }));

interface Engine {
  core: Core;
  session: Session;
  model: ModelPackage;
  onnx: Uint8Array<ArrayBuffer>;
  choice: BackendChoice;
}
let engine: Engine | undefined;
let newest = 0;
let queue: Promise<void> = Promise.resolve();

function post(message: FromWorker, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

function progress(text: string): void {
  post({ type: 'progress', text });
}

scope.onmessage = ({ data: message }: MessageEvent<ToWorker>) => {
  if (message.type !== 'start') newest = message.id;
  queue = queue.then(() => handle(message));
};

async function handle(message: ToWorker): Promise<void> {
  if (message.type === 'start') {
    try {
      engine = await start(message.model, message.backend);
      post({ type: 'ready', backend: engine.session.backend, model: engine.model });
    } catch (error) {
      post({ type: 'start-failed', reason: words(error) });
    }
    return;
  }
  // A newer photo is waiting: nobody wants this one's answer any more.
  if (message.id !== newest) return;
  try {
    if (!engine) throw new Refusal('the program could not start');
    if (message.type === 'analyse') await analyse(engine, message.id, message.file);
    else await adoptModel(engine, message.id, message.file);
  } catch (error) {
    post({ type: 'refused', id: message.id, file: message.file.name, reason: words(error) });
  } finally {
    engine?.core.releasePhoto();
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

async function analyse(using: Engine, id: number, file: File): Promise<void> {
  const { core } = using;
  requests.restart();
  const started = performance.now();
  const bytes = await read(file);
  const info = core.inspect(bytes);
  await decodeInto(core, file, bytes, info);
  const decoded = performance.now();
  if (id !== newest) return;

  const { quality, crop, preview, tensor } = core.prepare(PREVIEW_SIDE);
  const prepared = performance.now();
  post({ type: 'preview', id, preview, crop }, [preview.data.buffer]);

  const seen = await infer(using, tensor);
  const inferred = performance.now();
  if (id !== newest) return;

  const { heatmap, ...decision } = core.decide(seen, HEATMAP_SIDE);
  const answer: Answer = {
    ...decision,
    file: file.name,
    quality,
    codec: info.codec,
    crop,
    timings: {
      decode: decoded - started,
      preprocess: prepared - decoded,
      inference: inferred - prepared,
      total: performance.now() - started,
    },
    backend: using.session.backend,
  };
  post({ type: 'requests', count: requests.count });
  post({ type: 'answer', id, answer, heatmap }, [heatmap.data.buffer]);
}

/** Runs the network; a graphics processor that is lost on the way is replaced by WebAssembly. */
async function infer(using: Engine, tensor: Float32Array<ArrayBuffer>) {
  if (using.session.backend.id === 'wasm') return using.session.run(tensor);
  // The tensor is a view on memory that a new session's self-test overwrites.
  const copy = tensor.slice();
  try {
    return await using.session.run(copy);
  } catch (error) {
    using.session = await Session.create(using.onnx, using.model, using.core, 'wasm', progress);
    using.session.backend.reason = `WebGPU failed: ${words(error)}`;
    return using.session.run(copy);
  }
}

/** Another model package instead of the one in use; when it is refused, the one in use stays. */
async function adoptModel(using: Engine, id: number, file: File): Promise<void> {
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
  post({ type: 'model-used', id, file: file.name, backend: using.session.backend, model });
}
