// The page's own thread: takes photos in, keeps the list and the one View, has it drawn. It does no
// work on pixels.

import createApp from 'nevus_app.mjs';
import { asset } from './assets';
import { Bridge, type Place, SLOTS, type SlotName } from './bridge';
import { Camera } from './camera';
import { diagnostics } from './diagnostics';
import { FIRST_PREVALENCE, PREVALENCES } from './explain';
import { language, preferredLanguage, setLanguage, t, translatePage, type Language } from './i18n';
import { save, toCsv, toJson } from './export';
import { fromClipboard, fromDrop, fromFiles, type Intake } from './intake';
import { JournalDoor } from './journal_door';
import { lesionOf } from './lesion';
import { element, Mirror, write } from './mirror';
import { Offline } from './offline';
import { Picture } from './picture';
import { PrivacyPanel } from './privacy';
import type {
  Answer,
  Backend,
  BackendChoice,
  Crop,
  FromWorker,
  ModelPackage,
  Photo,
  Pixels,
  ToWorker,
} from './protocol';
import { Queue, type QueueRow } from './queue';
import { QueueView } from './queue_view';
import { RequestCounter, type RequestCounts } from './requests';
import { printable } from './report';
import { Rival } from './rival';
import * as views from './view';

const app = element('app', HTMLElement);
const fileInput = element('file-input', HTMLInputElement);
const chooseButton = element('choose', HTMLButtonElement);
const heatmapToggle = element('heatmap-toggle', HTMLButtonElement);
const heatmapOpacity = element('heatmap-opacity', HTMLInputElement);
const wipe = element('wipe', HTMLInputElement);
const frameAround = element('frame-around', HTMLButtonElement);
const frameWidth = element('frame-width', HTMLInputElement);
const outlineToggle = element('outline-toggle', HTMLButtonElement);
const expertToggle = element('expert-toggle', HTMLButtonElement);
const prevalenceSlider = element('prevalence', HTMLInputElement);
const prevalenceValue = element('prevalence-value', HTMLOutputElement);
const textToggle = element('text-toggle', HTMLButtonElement);
const languageChoice = element('language', HTMLSelectElement);
const rivalControls = element('rival-controls', HTMLElement);
/** What only makes sense where there is an estimate to explain. */
const marksControls = [...document.querySelectorAll<HTMLElement>('.of-marks')];
const stage = element('stage', HTMLElement);
const canvas = element('canvas', HTMLCanvasElement);

/** The DOM's controls that the canvas leaves room for. */
const slots: Record<SlotName, HTMLElement> = {
  photo: element('heatmap-controls', HTMLElement),
  actions: element('actions', HTMLElement),
  expert: element('expert-controls', HTMLElement),
  picture: element('picture', HTMLElement),
};

setLanguage(preferredLanguage(location.search), false);

const queue = new Queue();
const mirror = new Mirror();
const list = new QueueView(queue, { select, remove, clear: removeAll, changed });
const choose = () => fileInput.click();
new Camera((shot) => take(fromFiles([shot])), choose);
const offlineUse = new Offline({
  // The camera's picture or a kept photo, where a dialog is open.
  photoOpen: () => queue.rows.length > 0 || document.querySelector('dialog[open]') !== null,
  photos: () => queue.rows.length,
});
const privacy = new PrivacyPanel(new URL('..', document.baseURI));
const rival = new Rival(
  send,
  () => countFromNow(),
  () => render(),
);
const picture = new Picture({ changed: () => render(), framed: reframe });
let bridge: Bridge | undefined;

let backend: Backend | undefined;
let model: ModelPackage | undefined;
/** The answer on screen; the selected row's. */
let answer: Answer | undefined;
/** The square that was judged. */
let crop: Crop | null = null;
/** Another square of the shown photo is being judged; the old answer's figures stay that long. */
let reframing = false;
/** The selected photo's pixels, for the report. */
let photo: Pixels | undefined;
let heatmap: Pixels | undefined;
let scene: views.Scene = () => views.loadingView('Loading the program.');
let shown = scene();
/** What a photo waits for that comes before `ready`: nothing is fetched while one is open. */
const COMPLETING = 'Making sure that the page is complete, before anything is opened.';
/** Everything is loaded, tested and stored: photos may be opened. */
let ready = false;
let ownRequests: RequestCounts = { sinceLoad: 0, sincePhoto: 0 };
let workerRequests: RequestCounts = { sinceLoad: 0, sincePhoto: 0 };
let drawnView = '';

/** Jobs that the worker has, by id: a photo's row, or the reading of a model. */
const jobs = new Map<number, { row: QueueRow | undefined; frame: Crop | null }>();
let newest = 0;
/** The job whose photo is on screen or will be. */
let showing = 0;
/** A model that was given before the program was ready. */
let waitingModel: Photo | undefined;

const requests = new RequestCounter((counts) => {
  ownRequests = counts;
  render();
});

const worker = new Worker(asset('worker.js'), { type: 'module', name: 'nevus' });

function send(message: ToWorker): void {
  worker.postMessage(message);
}

const journal = new JournalDoor(() => {
  const row = queue.selected;
  return answer && model && row && !reframing
    ? { file: row.file, name: row.name, answer, model }
    : undefined;
}, send);

const pressed = (button: HTMLButtonElement) => button.getAttribute('aria-pressed') === 'true';
const prevalence = () => PREVALENCES[prevalenceSlider.valueAsNumber] ?? 0;

function requestCounts(): RequestCounts {
  return {
    sinceLoad: ownRequests.sinceLoad + workerRequests.sinceLoad,
    sincePhoto: ownRequests.sincePhoto + workerRequests.sincePhoto,
  };
}

function show(next: views.Scene): void {
  scene = next;
  render();
}

function render(): void {
  shown = scene();
  const { sinceLoad, sincePhoto: count } = requestCounts();
  privacy.render(sinceLoad, count);
  rival.render();
  rivalControls.hidden = !pressed(expertToggle);
  offlineUse.render();
  const judged = answer !== undefined && answer.outcome !== 'cannot_judge';
  const outline = views.outlinePoints(answer);
  outlineToggle.hidden = outline.length === 0;
  for (const one of marksControls) one.hidden = !judged;
  const there: Record<SlotName, boolean> = {
    photo: answer !== undefined,
    actions: answer !== undefined,
    expert: shown.sections.some(({ slot }) => slot === 'expert'),
    picture: photo !== undefined,
  };
  const room = (name: SlotName) => (there[name] ? Math.max(48, slots[name].offsetHeight) : 0);
  for (const name of SLOTS) slots[name].hidden = !there[name];
  write(prevalenceValue, views.percent(prevalence()));
  const moved = picture.crop !== crop;
  const marks = !picture.held;
  const view: views.View = {
    ...(reframing ? views.reframingView(shown) : shown),
    sections: [...shown.sections, ...(answer ? [views.privacySection(count)] : [])],
    caption: judged ? t('caption') : '',
    prompt: model ? t('prompt') : '',
    footer: t('disclaimer'),
    crop: picture.crop,
    frame: shown.state === 'analysing' && queue.selected ? frameOf(queue.selected) : 0,
    heatmap: {
      available: judged,
      shown: judged && marks && !moved && pressed(heatmapToggle),
      opacity: heatmapOpacity.valueAsNumber / 100,
    },
    outline: { points: outline, shown: marks && pressed(outlineToggle) },
    wipe: wipe.valueAsNumber / 100,
    zoom: picture.zoom,
    slots: {
      photo: room('photo'),
      actions: room('actions'),
      expert: room('expert'),
      picture: there.picture ? 1 : 0,
    },
  };
  // The canvas first: when the DOM says "answered", the canvas has it too.
  const text = JSON.stringify(view);
  if (bridge && text !== drawnView) {
    drawnView = text;
    bridge.view(view);
  }
  const stability = answer ? queue.selected?.stability : undefined;
  const told = reframing ? undefined : answer;
  mirror.render({ ...view, sections: shown.sections }, told, stability, backend, count);
}

/** Width : height of a photo whose pixels are not there; 4 : 3 before anything is known of it. */
function frameOf({ answer: known }: QueueRow): number {
  return known ? known.quality.width / known.quality.height : 4 / 3;
}

/** Clears the old answer at once: no photo is ever seen beside another one's result. */
function clear(): void {
  answer = undefined;
  crop = null;
  photo = heatmap = undefined;
  reframing = false;
  rival.clear();
  picture.show(undefined, null);
  showing = 0;
  bridge?.photo(undefined);
  bridge?.heatmap(undefined);
}

function changed(): void {
  list.render();
  pump();
}

/** What was chosen, dropped or pasted: models are used, everything else joins the list. */
function take(photos: Photo[]): void {
  countFromNow();
  scrollTo(0, 0);
  const isModel = ({ name }: Photo) => name.toLowerCase().endsWith('.onnx');
  const models = photos.filter(isModel);
  const added = queue.add(photos.filter((photo) => !isModel(photo)));
  offlineUse.hurry();
  if (models[0]) useModel(models[0]);
  else select(added[0]);
  changed();
}

function countFromNow(): void {
  requests.restart();
  ownRequests = requests.counts;
  workerRequests = { ...workerRequests, sincePhoto: 0 };
  send({ type: 'photo-chosen' });
}

function takeIntake({ photos, reason }: Intake): void {
  if (photos.length > 0) take(photos);
  else refuse(t('refused.nothing'), reason);
}

/** Shows a row's answer, or has the photo judged; undefined: nothing is selected. */
function select(row: QueueRow | undefined): void {
  clear();
  queue.selected = row;
  if (shown.state === 'failed' && !ready && !model) {
    // The program did not start; that stays on screen.
  } else if (!model) {
    show(() => views.loadingView('Loading the program.', row?.name));
  } else if (!row) {
    showReady();
  } else if (!ready) {
    show(() => views.loadingView(COMPLETING, row.name));
  } else if (row.state === 'failed') {
    show(() => views.refusedView(row.name, row.reason));
  } else {
    show(() => views.analysingView(row.name));
    showing = judge(row, true);
  }
  list.render();
}

function judge(row: QueueRow, toShow: boolean): number {
  newest += 1;
  jobs.set(newest, { row, frame: row.frame });
  if (row.state === 'waiting') row.state = 'running';
  const { file, name, frame } = row;
  send({
    type: 'analyse',
    id: newest,
    row: row.id,
    photo: { file, name },
    show: toShow,
    thumbnail: row.picture === '',
    frame,
  });
  return newest;
}

/** The frame over the shown photo has been let go. */
function reframe(frame: Crop): void {
  const row = queue.selected;
  if (
    !row ||
    !photo ||
    (row.state === 'answered' && JSON.stringify(frame) === JSON.stringify(crop))
  )
    return;
  queue.reframe(row, frame);
  reframing = true;
  showing = judge(row, true);
  list.render();
  render();
}

/** Gives the worker the next photo of the list when it has nothing else to do. */
function pump(): void {
  if (!ready || jobs.size > 0) return;
  const row = queue.next();
  if (!row) return;
  judge(row, false);
  list.render();
}

function useModel(photo: Photo): void {
  queue.selected = undefined;
  clear();
  if (!ready) {
    waitingModel = photo;
    show(() => views.loadingView(model ? COMPLETING : 'Loading the program.', photo.name));
    return;
  }
  show(() => views.analysingView(photo.name, true));
  newest += 1;
  showing = newest;
  jobs.set(newest, { row: undefined, frame: null });
  send({ type: 'use-model', id: newest, photo });
}

function remove(row: QueueRow): void {
  const neighbour = queue.remove(row);
  if (row === queue.selected) select(neighbour);
  changed();
}

function removeAll(): void {
  queue.clear();
  select(undefined);
  changed();
}

function refuse(file: string, reason: string): void {
  clear();
  queue.selected = undefined;
  show(() => views.refusedView(file, reason));
  list.render();
}

function broken(reason: string): void {
  ready = false;
  model = undefined;
  clear();
  jobs.clear();
  show(() => views.brokenView(reason));
}

function showReady(notice?: () => string): void {
  if (!backend || !model) return;
  const [of, by] = [model, backend];
  show(() => views.readyView(by, of, notice?.()));
}

function showAnswer(row: QueueRow, of: ModelPackage): void {
  show(() => views.answerView(answer ?? (row.answer as Answer), of, explanation(row)));
}

function explanation({ stability }: QueueRow): views.Explanation {
  const { model: other, answer: its } = rival;
  return {
    stability,
    expert: pressed(expertToggle),
    prevalence: prevalence(),
    ...(other ? { rival: { model: other, answer: its } } : {}),
  };
}

/** The row of a job that is over, unless it has been removed meanwhile. */
function finish(id: number): QueueRow | undefined {
  const job = jobs.get(id);
  jobs.delete(id);
  // A frame that was moved on meanwhile is nobody's any more.
  return job?.row && queue.has(job.row) && job.frame === job.row.frame ? job.row : undefined;
}

/** Rows whose thumbnail is still to come, by job. */
const answeredJobs = new Map<number, QueueRow>();
/** The answer whose outline is still to come: only the shown photo's comes later than the answer. */
let unoutlined: { id: number; answer: Answer; row: QueueRow } | undefined;

worker.onmessage = ({ data: message }: MessageEvent<FromWorker>) => {
  const { selected } = queue;
  if (rival.hear(message, showing) && answer && selected)
    rival.judge(showing, selected.id, selected, selected.frame);
  switch (message.type) {
    case 'progress':
      if (ready && shown.state === 'analysing' && queue.selected) {
        const { text } = message;
        const { name } = queue.selected;
        show(() => views.analysingView(name, false, text));
      } else if (!ready && shown.state === 'loading') {
        const { text } = message;
        show(() => views.loadingView(text, queue.selected?.name));
      }
      break;
    case 'model-read':
      offline = offlineUse.start('../sw.js', '../');
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
      workerRequests = message.counts;
      render();
      break;
    case 'preview':
      if (message.id !== showing) break;
      crop = message.crop;
      photo = message.preview;
      picture.show(photo, crop);
      bridge?.photo(photo);
      render();
      break;
    case 'answer': {
      const row = finish(message.id);
      if (row && model) {
        if (row.picture === '') answeredJobs.set(message.id, row);
        const first = queue.answer(row, message.answer);
        if (first.lesion === '') unoutlined = { id: message.id, answer: first, row };
        backend = message.answer.backend;
        if (message.id === showing && message.heatmap) {
          answer = first;
          reframing = false;
          crop = first.crop;
          picture.judged(crop);
          giveScale(row);
          heatmap = message.heatmap;
          bridge?.heatmap(heatmap);
          rival.judge(message.id, row.id, row, row.frame);
          showAnswer(row, model);
          tryTurning(message.id, row);
        }
      }
      changed();
      break;
    }
    case 'outline':
      if (message.id !== unoutlined?.id) break;
      unoutlined.answer.lesion = message.lesion;
      if (message.id === showing) {
        giveScale(unoutlined.row);
        showAnswer(unoutlined.row, model as ModelPackage);
      }
      unoutlined = undefined;
      break;
    case 'thumbnail': {
      const row = answeredJobs.get(message.id);
      answeredJobs.delete(message.id);
      if (row && queue.has(row) && row.picture === '') {
        row.picture = URL.createObjectURL(message.picture);
        list.render();
      }
      break;
    }
    case 'stability':
      if (message.id === showing && queue.selected) {
        queue.selected.stability = message.stability;
        render();
      }
      break;
    case 'dropped': {
      const row = finish(message.id);
      if (row?.state === 'running') row.state = 'waiting';
      changed();
      break;
    }
    case 'refused': {
      const row = finish(message.id);
      if (row) queue.fail(row, message.reason);
      if (message.id === showing) {
        clear();
        show(() => views.refusedView(message.file, message.reason));
      }
      changed();
      break;
    }
    case 'journal':
      journal.done(message);
      break;
    case 'model-used':
      jobs.delete(message.id);
      backend = message.backend;
      model = message.model;
      queue.forgetAnswers();
      if (message.id === showing) {
        const again = queue.rows.length > 0;
        const { file } = message;
        showReady(() => t(again ? 'ready.model_again' : 'ready.model_used', { file }));
      } else if (queue.selected) {
        select(queue.selected);
      }
      changed();
      break;
  }
};
worker.onerror = (event) => {
  event.preventDefault();
  broken(`the worker stopped: ${event.message || 'its program did not load'}`);
};

/** Puts millimetres into an answer whose photo has a scale. */
function giveScale(row: QueueRow): void {
  frameAround.hidden = true;
  if (!row.answer) return;
  const { crop: judged, quality } = row.answer;
  frameWidth.value =
    row.mmPerPixel === undefined
      ? ''
      : String(Number((row.mmPerPixel * judged.width * quality.width).toPrecision(4)));
  const lesion = lesionOf(row.answer);
  if (!lesion?.found) return;
  frameAround.hidden = false;
  if (row.mmPerPixel === undefined) delete lesion.measures.diameter_mm;
  else lesion.measures.diameter_mm = lesion.measures.diameter_px * row.mmPerPixel;
  row.answer.lesion = JSON.stringify(lesion);
}

/** The other views of the shown photo, a moment after its answer: a next photo comes first. */
function tryTurning(id: number, row: QueueRow): void {
  if (row.stability || row.answer?.outcome === 'cannot_judge') return;
  setTimeout(() => {
    if (id === showing) send({ type: 'stability', id });
  }, 200);
}

let offline: Promise<string> = Promise.resolve('not started');

async function becomeReady(): Promise<void> {
  const waiting = waitingModel ?? queue.selected;
  if (waiting) show(() => views.loadingView(COMPLETING, waiting.name));
  else showReady();
  const stored = await offline;
  await journal.load();
  // The worker may have stopped meanwhile.
  if (!model) return;
  ready = true;
  app.dataset['offline'] = stored;
  // A photo that was chosen meanwhile has not been opened yet: what was fetched was the program.
  if (queue.selected) countFromNow();
  if (waitingModel) useModel(waitingModel);
  else if (queue.selected) select(queue.selected);
  changed();
}

// Photos: chosen, dropped anywhere, or pasted.
chooseButton.addEventListener('click', choose);
fileInput.addEventListener('change', () => {
  const photos = fromFiles(fileInput.files ?? []);
  if (photos.length > 0) take(photos);
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
  // The old answer goes at once, however long a folder takes to read.
  select(undefined);
  void fromDrop(event.dataTransfer).then(takeIntake);
});
window.addEventListener('paste', (event) => {
  takeIntake(fromClipboard(event.clipboardData));
});

// The controls of photo and answer.
for (const toggle of [heatmapToggle, outlineToggle, expertToggle])
  toggle.addEventListener('click', () => {
    toggle.setAttribute('aria-pressed', String(!pressed(toggle)));
    render();
  });
heatmapOpacity.addEventListener('input', render);
wipe.addEventListener('input', render);
frameAround.addEventListener('click', () => {
  const lesion = answer && lesionOf(answer);
  if (lesion?.found && answer) picture.put(views.inShares(lesion.crop, answer.quality));
});
frameWidth.addEventListener('change', () => {
  const row = queue.selected;
  if (!row?.answer || !answer) return;
  const millimetres = frameWidth.valueAsNumber;
  const given = frameWidth.validity.valid && millimetres > 0;
  row.mmPerPixel = given ? millimetres / (answer.crop.width * answer.quality.width) : undefined;
  giveScale(row);
  render();
});
prevalenceSlider.max = String(PREVALENCES.length - 1);
prevalenceSlider.value = String(FIRST_PREVALENCE);
prevalenceSlider.addEventListener('input', () => {
  prevalenceSlider.setAttribute('aria-valuetext', views.percent(prevalence()));
  render();
});

// The report and the files.
printable(() => {
  const row = queue.selected;
  if (!answer || !model || !photo || !crop || !row) return undefined;
  return {
    answer,
    model,
    view: shown,
    sections: views.reportSections(answer, model, explanation(row)),
    photo,
    heatmap: answer.outcome === 'cannot_judge' ? undefined : heatmap,
    opacity: heatmapOpacity.valueAsNumber / 100,
    crop,
    version: app.dataset['version'] ?? '',
  };
});
element('print', HTMLButtonElement).addEventListener('click', () => print());
const today = () => new Date().toISOString().slice(0, 10);
element('save-csv', HTMLButtonElement).addEventListener('click', () => {
  if (model) save(`nevus-${today()}.csv`, 'text/csv', toCsv(queue.ordered(), model));
});
element('save-json', HTMLButtonElement).addEventListener('click', () => {
  if (model) save(`nevus-${today()}.json`, 'application/json', toJson(queue.ordered(), model));
});

// Diagnostics: shown, then copied, so that everybody sees what is copied.
const diagnosticsText = element('diagnostics-text', HTMLTextAreaElement);
const diagnosticsStatus = element('diagnostics-status', HTMLElement);
async function copyDiagnostics(): Promise<void> {
  diagnosticsText.value = await diagnostics({
    version: app.dataset['version'] ?? '',
    backend,
    model,
    timings: answer?.timings,
    counts: queue.counts(),
    requests: requestCounts(),
    offline: await offline,
    state: shown.state,
    language: language(),
    frames: bridge?.frames,
  });
  diagnosticsText.hidden = false;
  try {
    await navigator.clipboard.writeText(diagnosticsText.value);
    write(diagnosticsStatus, t('diagnostics.copied'));
  } catch {
    diagnosticsText.select();
    write(diagnosticsStatus, t('diagnostics.select'));
  }
}
element('diagnostics-copy', HTMLButtonElement).addEventListener('click', () => {
  void copyDiagnostics();
});

function showText(visible: boolean): void {
  app.classList.toggle('text', visible);
  textToggle.setAttribute('aria-expanded', String(visible));
  textToggle.textContent = t(visible ? 'toolbar.text_hide' : 'toolbar.text');
}
textToggle.addEventListener('click', () => showText(!app.classList.contains('text')));

function speak(to: Language, remember: boolean): void {
  setLanguage(to, remember);
  languageChoice.value = to;
  translatePage();
  showText(app.classList.contains('text'));
  prevalenceSlider.setAttribute('aria-valuetext', views.percent(prevalence()));
  list.render();
  render();
}
languageChoice.addEventListener('change', () => {
  speak(languageChoice.value === 'de' ? 'de' : 'en', true);
});

function layout(contentHeight: number): void {
  stage.style.height = `${contentHeight}px`;
}

function place(name: SlotName, { x, y, width, height }: Place): void {
  if (width === 0) return;
  if (name === 'picture') picture.place(height);
  slots[name].style.transform = `translate(${x}px, ${y}px)`;
  slots[name].style.width = `${width}px`;
}

async function startCanvas(): Promise<void> {
  try {
    bridge = await Bridge.load(createApp, canvas, { choose, layout, slot: place });
    Object.defineProperty(canvas, 'nevusFrames', { get: () => bridge?.frames });
  } catch (error) {
    // The page works by its DOM alone.
    console.warn(`no canvas: ${error instanceof Error ? error.message : String(error)}`);
    app.classList.add('no-canvas');
    showText(true);
  }
  render();
}

const asked = new URLSearchParams(location.search);
if (asked.has('diagnostics')) privacy.open();
const choice = asked.get('backend');
const backendChoice: BackendChoice = choice === 'wasm' || choice === 'webgpu' ? choice : 'auto';
// A page in another language leads here with its own, which then holds for the next visits too.
speak(preferredLanguage(location.search), asked.has('lang'));
// Controls that wrap need more room, and say so.
const controls = new ResizeObserver(() => render());
for (const name of SLOTS) controls.observe(slots[name]);
void startCanvas();
send({
  type: 'start',
  model: new URL(app.dataset['model'] ?? '', document.baseURI).href,
  backend: backendChoice,
});
