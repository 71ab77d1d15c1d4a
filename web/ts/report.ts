// A sheet for the doctor: one photo with its heat-map and everything that was said of it, laid out for
// paper. It is made when something is printed (the button, or the browser's own command) and emptied
// afterwards; nothing but the printer sees it.

import { language, t, translate } from './i18n';
import { element } from './mirror';
import type { Answer, Crop, ModelPackage, Pixels } from './protocol';
import { backendName, outlinePoints, type Row, type Section, type View } from './view';

/** What is printed. */
export interface Sheet {
  answer: Answer;
  model: ModelPackage;
  view: Pick<View, 'headline' | 'paragraphs' | 'tone'>;
  sections: Section[];
  photo: Pixels;
  heatmap: Pixels | undefined;
  /** Of the heat-map over the photo, 0 to 1. */
  opacity: number;
  crop: Crop;
  version: string;
}

const sheet = element('report', HTMLElement);

/** @param make undefined where there is nothing to print but the page's text */
export function printable(make: () => Sheet | undefined): void {
  addEventListener('beforeprint', () => {
    const content = make();
    document.documentElement.classList.toggle('has-report', content !== undefined);
    sheet.replaceChildren(...(content ? build(content) : []));
  });
  // Pixels go with it.
  addEventListener('afterprint', () => sheet.replaceChildren());
}

function made(tag: string, text: string, name = ''): HTMLElement {
  const one = document.createElement(tag);
  one.textContent = text;
  if (name) one.className = name;
  return one;
}

function build(content: Sheet): HTMLElement[] {
  const { answer, model, view, version } = content;
  const date = new Intl.DateTimeFormat(language(), { dateStyle: 'long', timeStyle: 'short' });
  const head = document.createElement('header');
  head.append(made('h1', t('report.title')), made('p', date.format(new Date())));

  const outcome = document.createElement('section');
  outcome.className = `outcome ${view.tone}`;
  outcome.append(
    made('h2', view.headline, 'sentence'),
    ...view.paragraphs.map((text) => made('p', text)),
  );

  const pictures = document.createElement('div');
  pictures.className = 'pictures';
  pictures.append(figure(draw(content, false), t('report.photo', { file: answer.file })));
  if (content.heatmap) pictures.append(figure(draw(content, true), t('report.heatmap')));

  const origin = document.createElement('section');
  origin.append(
    made('h3', t('report.origin')),
    table([
      { label: t('compute.model'), value: model.name },
      { label: t('card.hash'), value: model.sha256 },
      { label: t('card.license'), value: model.license },
      { label: t('report.program'), value: t('report.version', { version }) },
      { label: t('compute.backend'), value: backendName(answer.backend) },
    ]),
  );
  const limits = document.createElement('ul');
  limits.append(...model.known_limits.map((text) => made('li', translate(text))));
  const known = document.createElement('section');
  known.append(made('h3', t('report.limits')), made('p', translate(model.intended_use)), limits);

  const notes = document.createElement('section');
  notes.className = 'notes';
  notes.append(made('h3', t('report.notes')));

  return [
    head,
    outcome,
    pictures,
    ...content.sections.map(figures),
    origin,
    known,
    notes,
    made('footer', `${t('disclaimer')} ${t('report.local')}`),
  ];
}

function figures({ title, rows, note }: Section): HTMLElement {
  const box = document.createElement('section');
  box.append(made('h3', title), table(rows));
  if (note !== undefined) box.append(made('p', note, 'note'));
  return box;
}

function table(rows: Row[]): HTMLElement {
  const list = document.createElement('dl');
  for (const { label, value, note } of rows) {
    list.append(made('dt', label), made('dd', value));
    if (note !== undefined) list.append(made('dd', note, 'note'));
  }
  return list;
}

function figure(picture: HTMLCanvasElement, words: string): HTMLElement {
  const box = document.createElement('figure');
  box.append(picture, made('figcaption', words));
  return box;
}

function canvasOf({ data, width, height }: Pixels): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  canvas
    .getContext('2d')
    ?.putImageData(new ImageData(new Uint8ClampedArray(data.buffer), width, height), 0, 0);
  return canvas;
}

/**
 * The photo, with the square that the network saw marked, and over it either the lesion's outline or
 * the heat-map.
 */
function draw({ answer, photo, heatmap, crop, opacity }: Sheet, hot: boolean): HTMLCanvasElement {
  const canvas = canvasOf(photo);
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  const { width, height } = canvas;
  const [x, y] = [crop.x * width, crop.y * height];
  const [w, h] = [crop.width * width, crop.height * height];
  if (hot && heatmap) {
    context.globalAlpha = opacity;
    context.drawImage(canvasOf(heatmap), x, y, w, h);
    context.globalAlpha = 1;
  }
  const points = hot ? [] : outlinePoints(answer);
  for (const [colour, line] of [
    ['#14141e', width / 150],
    ['#fff', width / 300],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = Math.max(1, line);
    context.beginPath();
    for (let i = 0; i + 1 < points.length; i += 2)
      context.lineTo((points[i] ?? 0) * width, (points[i + 1] ?? 0) * height);
    context.closePath();
    context.stroke();
  }
  context.strokeRect(x, y, w, h);
  return canvas;
}
