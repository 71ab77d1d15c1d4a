// Two dates beside each other, or one over the other behind a line that can be moved.

import type { Alignment } from '../protocol';
import { differences } from './differences';
import { h } from './dom';
import type { Entry, Spot } from './entry';
import { ask, dateWords, number, sentence, t, tone, translate } from './host';
import { draw, places, type Shown } from './overlay';
import type { Panel } from './panel';
import { Problem } from './problem';
import { listView } from './view_list';

export async function compareView(
  panel: Panel,
  spot: Spot,
  first: Entry,
  second: Entry,
): Promise<void> {
  const blobs = [
    await panel.journal.picture('photo', first.id),
    await panel.journal.picture('photo', second.id),
  ] as const;
  const shown: Shown[] = [];
  for (const [index, entry] of [first, second].entries()) {
    const bitmap = await createImageBitmap(blobs[index] ?? blobs[0]).catch(() => {
      throw new Problem('journal.error.damaged');
    });
    shown.push({ entry, bitmap });
  }
  const [a, b] = shown;
  if (!a || !b) return;

  /** undefined: it could not be tried, for `reason`. */
  let alignment: Alignment | undefined;
  let reason = '';
  try {
    alignment = await ask({
      kind: 'align',
      fixed: { photo: blobs[0], outline: first.answer.figures?.outline ?? [] },
      moving: { photo: blobs[1], outline: second.answer.figures?.outline ?? [] },
    });
    reason = alignment.issue ? translate(alignment.issue.sentence) : '';
  } catch (error) {
    reason = translate(error instanceof Error ? error.message : String(error));
  }
  const aligned = alignment?.aligned ? alignment : undefined;
  // Refused for having too little in common: it may be looked at all the same.
  const possible = aligned ?? (alignment?.issue?.id === 'no_match' ? alignment : undefined);

  const check = (id: string, label: string, on: boolean) => {
    const input = h('input', { type: 'checkbox', id, checked: on });
    input.addEventListener('change', redraw);
    return { input, box: h('label', { class: 'choice', for: id }, input, label) };
  };
  const radio = (id: string, label: string, on: boolean) => {
    const input = h('input', { type: 'radio', id, name: 'journal-mode', checked: on });
    input.addEventListener('change', redraw);
    return { input, box: h('label', { class: 'choice', for: id }, input, label) };
  };
  const side = radio('journal-side', t('journal.side'), true);
  const wipe = radio('journal-wipe', t('journal.wipe'), false);
  const outlines = check('journal-outlines', t('journal.outlines'), true);
  const align = check('journal-align', t('journal.align'), aligned !== undefined);
  align.input.disabled = !possible;

  const pictures = [a, b].map(({ entry }, index) => {
    const { outcome } = entry.answer;
    const canvas = h('canvas', { role: 'img', 'data-which': String(index) });
    const caption = h(
      'figcaption',
      { 'data-tone': tone(outcome) },
      h('strong', {}, dateWords(entry.date)),
      h('span', {}, sentence(outcome)),
    );
    return { canvas, figure: h('figure', {}, canvas, caption) };
  });
  const both = h('div', { class: 'pair' }, ...pictures.map(({ figure }) => figure));

  const over = h('canvas', { role: 'img', 'data-which': 'both' });
  const line = h('input', {
    type: 'range',
    id: 'journal-line',
    min: '0',
    max: '100',
    value: '50',
    step: '1',
    'aria-label': t('journal.line'),
  });
  line.addEventListener('input', redraw);
  // The picture itself can be wiped, too; the slider is there for the keyboard.
  const follow = (event: PointerEvent) => {
    if (event.type === 'pointermove' && event.buttons === 0) return;
    const box = over.getBoundingClientRect();
    line.value = String(Math.round((100 * (event.clientX - box.left)) / box.width));
    redraw();
  };
  over.addEventListener('pointerdown', (event) => {
    over.setPointerCapture(event.pointerId);
    follow(event);
  });
  over.addEventListener('pointermove', follow);
  const one = h(
    'div',
    { class: 'over' },
    over,
    h(
      'div',
      { class: 'line' },
      h('span', {}, dateWords(first.date)),
      line,
      h('span', {}, dateWords(second.date)),
    ),
  );

  function redraw(): void {
    both.hidden = !side.input.checked;
    one.hidden = side.input.checked;
    const by = align.input.checked ? possible : undefined;
    const alt = (entry: Entry) =>
      t('journal.photo_of', { spot: spot.name, date: dateWords(entry.date) });
    if (side.input.checked) {
      for (const [index, { canvas }] of pictures.entries()) {
        const one = shown[index];
        const size = sized(canvas);
        const context = canvas.getContext('2d');
        const place = places(first, second, by, size)[index];
        if (!one || !context || !place) continue;
        draw(context, one, place, outlines.input.checked);
        canvas.setAttribute('aria-label', alt(one.entry));
      }
      return;
    }
    const size = sized(over);
    const context = over.getContext('2d');
    if (!context || !a || !b) return;
    const [below, above] = places(first, second, by, size);
    const at = (size * line.valueAsNumber) / 100;
    for (const [photo, place, from, to] of [
      [a, below, 0, at],
      [b, above, at, size],
    ] as const) {
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, size);
      context.clip();
      draw(context, photo, place, outlines.input.checked);
      context.restore();
    }
    context.fillStyle = '#fff';
    context.fillRect(at - devicePixelRatio, 0, 2 * devicePixelRatio, size);
    line.setAttribute(
      'aria-valuetext',
      t('journal.line_at', {
        first: dateWords(first.date),
        second: dateWords(second.date),
        share: line.value,
      }),
    );
    over.setAttribute('aria-label', `${alt(first)} ${alt(second)}`);
  }

  const resized = new ResizeObserver(redraw);
  panel.show({
    name: 'compare',
    title: spot.name,
    back: () => void listView(panel, first),
    left() {
      resized.disconnect();
      for (const { bitmap } of shown) bitmap.close();
    },
    content: [
      h(
        'fieldset',
        { class: 'choices' },
        h('legend', { class: 'for-readers' }, t('journal.show_as')),
        ...[side, wipe, outlines, align].map(({ box }) => box),
      ),
      both,
      one,
      h(
        'p',
        {
          id: 'journal-alignment',
          'data-aligned': String(aligned !== undefined),
          'data-alignment': JSON.stringify(alignment ?? null),
        },
        aligned
          ? alignmentWords(aligned)
          : [t('journal.not_aligned', { reason }), possible ? t('journal.try') : ''].join(' '),
      ),
      ...table(first, second),
      h('p', { class: 'notice', id: 'journal-note' }, t('journal.note')),
    ],
  });
  redraw();
  for (const canvas of [...pictures.map((one) => one.canvas), over]) resized.observe(canvas);
}

/** As many pixels as the screen has. @return the side, pixels */
function sized(canvas: HTMLCanvasElement): number {
  const size = Math.max(1, Math.min(1600, Math.round(canvas.clientWidth * devicePixelRatio)));
  canvas.width = canvas.height = size;
  return size;
}

function alignmentWords({ transform, before, after }: Alignment): string {
  const degrees = Math.round(Math.abs(transform.degrees));
  return [
    t('journal.aligned', {
      degrees,
      way: t(transform.degrees < 0 ? 'journal.left' : 'journal.right'),
      scale: number(transform.scale, 2),
    }),
    t('journal.likeness', { before: number(before, 2), after: number(after, 2) }),
    t('journal.scale'),
  ].join(' ');
}

function table(first: Entry, second: Entry): Node[] {
  const rows = differences(first, second);
  if (rows.length === 0) return [h('p', {}, t('journal.no_figures'))];
  const head = (text: string) => h('th', { scope: 'col' }, text);
  return [
    h(
      'table',
      { id: 'journal-differences' },
      h('caption', {}, t('journal.measured')),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('td', {}),
          head(dateWords(first.date)),
          head(dateWords(second.date)),
          head(t('journal.difference')),
        ),
      ),
      h(
        'tbody',
        {},
        ...rows.map((row) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, row.label),
            ...[row.first, row.second, row.words].map((text) => h('td', {}, text)),
          ),
        ),
      ),
    ),
  ];
}
