// The page's own thread: takes photos in, keeps the one View, has it drawn. It does no work on pixels.

import createApp from 'nevus_app.mjs';
import { asset } from './assets';
import { Bridge, type Slot } from './bridge';
import { element, Mirror } from './mirror';
import { startServiceWorker } from './offline';
import type {
  Answer,
  Backend,
  BackendChoice,
  Crop,
  FromWorker,
  ModelPackage,
  ToWorker,
} from './protocol';
import { RequestCounter } from './requests';
import * as views from './view';

const app = element('app', HTMLElement);
const fileInput = element('file-input', HTMLInputElement);
const chooseButton = element('choose', HTMLButtonElement);
const heatmapControls = element('heatmap-controls', HTMLElement);
const heatmapToggle = element('heatmap-toggle', HTMLButtonElement);
const heatmapOpacity = element('heatmap-opacity', HTMLInputElement);
const textToggle = element('text-toggle', HTMLButtonElement);
const stage = element('stage', HTMLElement);
const canvas = element('canvas', HTMLCanvasElement);

const mirror = new Mirror();
let bridge: Bridge | undefined;

let backend: Backend | undefined;
let model: ModelPackage | undefined;
let answer: Answer | undefined;
let crop: Crop | null = null;
let shown = views.loadingView('Loading the program.');
/** Everything is loaded, tested and stored: photos may be judged. */
let ready = false;
let newest = 0;
let queued: File | undefined;
let ownRequests = 0;
let workerRequests = 0;
let drawnView = '';

const requests = new RequestCounter((count) => {
  ownRequests = count;
  render();
});

const worker = new Worker(asset('worker.js'), { type: 'module', name: 'nevus' });

function send(message: ToWorker): void {
  worker.postMessage(message);
}

function render(): void {
  const count = ownRequests + workerRequests;
  const heatmapThere = answer !== undefined && answer.outcome !== 'cannot_judge';
  const view: views.View = {
    ...shown,
    sections: [...shown.sections, ...(answer ? [views.privacySection(count)] : [])],
    caption: heatmapThere ? views.CAPTION : '',
    prompt: ready ? views.PROMPT : '',
    footer: views.DISCLAIMER,
    crop,
    heatmap: {
      available: heatmapThere,
      shown: heatmapThere && heatmapToggle.getAttribute('aria-pressed') === 'true',
      opacity: heatmapOpacity.valueAsNumber / 100,
    },
  };
  // The canvas first: when the DOM says "answered", the canvas has it too.
  const text = JSON.stringify(view);
  if (bridge && text !== drawnView) {
    drawnView = text;
    bridge.view(view);
  }
  mirror.render({ ...view, sections: shown.sections }, answer, backend, count);
}

/** Clears the old answer at once: no photo is ever seen beside another one's result. */
function clear(): void {
  answer = undefined;
  crop = null;
  bridge?.photo(undefined);
  bridge?.heatmap(undefined);
}

function take(files: FileList | File[] | null | undefined, none: string): void {
  const file = files?.[0];
  if (!file) {
    if (none) refuse('Nothing to judge', none);
    return;
  }
  newest += 1;
  clear();
  scrollTo(0, 0);
  if (!ready) {
    queued = file;
    shown = shown.state === 'failed' ? shown : views.loadingView('Loading the program.', file.name);
    render();
    return;
  }
  judge(file);
}

function judge(file: File): void {
  queued = undefined;
  ownRequests = workerRequests = 0;
  requests.restart();
  if (file.name.toLowerCase().endsWith('.onnx')) {
    shown = { ...views.analysingView(file.name), headline: 'Reading the model' };
    render();
    send({ type: 'use-model', id: newest, file });
    return;
  }
  shown = views.analysingView(file.name);
  render();
  send({ type: 'analyse', id: newest, file });
}

function refuse(file: string, reason: string): void {
  newest += 1;
  clear();
  shown = views.refusedView(file, reason);
  render();
}

function broken(reason: string): void {
  ready = false;
  clear();
  shown = views.brokenView(reason);
  render();
}

worker.onmessage = ({ data: message }: MessageEvent<FromWorker>) => {
  switch (message.type) {
    case 'progress':
      if (!ready && shown.state === 'loading') {
        shown = views.loadingView(message.text, queued?.name);
        render();
      }
      break;
    case 'model-read':
      offline = startServiceWorker('../sw.js', '../');
      break;
    case 'ready':
      backend = message.backend;
      model = message.model;
      void becomeReady();
      break;
    case 'start-failed':
      broken(message.reason);
      break;
    case 'requests':
      workerRequests = message.count;
      render();
      break;
    case 'preview':
      if (message.id !== newest) break;
      crop = message.crop;
      bridge?.photo(message.preview);
      render();
      break;
    case 'answer':
      if (message.id !== newest || !model) break;
      answer = message.answer;
      backend = answer.backend;
      bridge?.heatmap(message.heatmap);
      shown = views.answerView(answer, model);
      render();
      break;
    case 'refused':
      if (message.id === newest) {
        clear();
        shown = views.refusedView(message.file, message.reason);
        render();
      }
      break;
    case 'model-used':
      backend = message.backend;
      model = message.model;
      if (message.id === newest) {
        shown = views.readyView(backend, model, `Using the model in ${message.file}.`);
        render();
      }
      break;
  }
};
worker.onerror = (event) => {
  event.preventDefault();
  broken(`the worker stopped: ${event.message || 'its program did not load'}`);
};

let offline: Promise<string> = Promise.resolve('not started');

async function becomeReady(): Promise<void> {
  app.dataset['offline'] = await offline;
  ready = true;
  if (queued) {
    judge(queued);
  } else if (backend && model) {
    shown = views.readyView(backend, model);
    render();
  }
}

// Photos: chosen, dropped anywhere, or pasted.
const choose = () => fileInput.click();
chooseButton.addEventListener('click', choose);
fileInput.addEventListener('change', () => {
  take(fileInput.files, '');
  // The same file may be chosen again.
  fileInput.value = '';
});
window.addEventListener('dragover', (event) => {
  event.preventDefault();
  app.classList.add('dropping');
});
window.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) app.classList.remove('dropping');
});
window.addEventListener('drop', (event) => {
  event.preventDefault();
  app.classList.remove('dropping');
  take(event.dataTransfer?.files, 'what was dropped is not a file; save the photo first');
});
window.addEventListener('paste', (event) => {
  take(event.clipboardData?.files, 'the clipboard holds no picture');
});

// The heat-map's controls.
heatmapToggle.addEventListener('click', () => {
  const pressed = heatmapToggle.getAttribute('aria-pressed') === 'true';
  heatmapToggle.setAttribute('aria-pressed', String(!pressed));
  render();
});
heatmapOpacity.addEventListener('input', render);

function showText(visible: boolean): void {
  app.classList.toggle('text', visible);
  textToggle.setAttribute('aria-expanded', String(visible));
  textToggle.textContent = visible ? 'Hide text' : 'Read as text';
}
textToggle.addEventListener('click', () => showText(!app.classList.contains('text')));

function layout(contentHeight: number, slot: Slot): void {
  stage.style.height = `${contentHeight}px`;
  heatmapControls.hidden = slot.width === 0;
  heatmapControls.style.transform = `translate(${slot.x}px, ${slot.y}px)`;
  heatmapControls.style.width = `${slot.width}px`;
}

async function startCanvas(): Promise<void> {
  try {
    bridge = await Bridge.load(createApp, canvas, { choose, layout });
    Object.defineProperty(canvas, 'nevusFrames', { get: () => bridge?.frames });
  } catch (error) {
    // The page works by its DOM alone.
    console.warn(`no canvas: ${error instanceof Error ? error.message : String(error)}`);
    app.classList.add('no-canvas');
    heatmapControls.hidden = true;
    showText(true);
  }
  render();
}

const choice = new URLSearchParams(location.search).get('backend');
const backendChoice: BackendChoice = choice === 'wasm' || choice === 'webgpu' ? choice : 'auto';
render();
void startCanvas();
send({
  type: 'start',
  model: new URL(app.dataset['model'] ?? '', document.baseURI).href,
  backend: backendChoice,
});
