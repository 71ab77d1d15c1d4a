// What is kept: the spots, each with its photos by date. Two of them can be chosen to be compared.

import type { Entry, Spot } from './entry';
import { button, field, form, h, picture } from './dom';
import { current, dateWords, number, percent, sentence, t, tone } from './host';
import type { Panel } from './panel';
import { compareView } from './view_compare';
import { eraseView } from './view_erase';
import { exportButton, importButton } from './view_file';
import { keepView } from './view_keep';
import { passphraseView } from './view_passphrase';
import { unlockView } from './view_start';

/** @param at is scrolled to */
export async function listView(panel: Panel, at?: Entry): Promise<void> {
  const { journal } = panel;
  const spots = journal.spots;
  const photo = current();
  const space = await journal.space();
  const sections = spots.map((spot) => spotSection(panel, spot));
  panel.show({
    name: 'list',
    title: t('journal.title'),
    content: [
      photo &&
        !journal.has(photo.file) &&
        h(
          'div',
          { class: 'buttons' },
          button('journal-keep-this', t('journal.keep'), () => keepView(panel), {
            class: 'primary',
          }),
        ),
      spots.length === 0 && h('p', { id: 'journal-empty' }, t('journal.empty')),
      ...sections,
      h(
        'section',
        { class: 'settings', 'aria-labelledby': 'journal-settings' },
        h('h3', { id: 'journal-settings' }, t('journal.settings')),
        h(
          'p',
          { class: 'hint' },
          [
            t(journal.locks ? 'journal.encrypted' : 'journal.plain'),
            space ? t('journal.space', { used: size(space.used), left: size(space.left) }) : '',
          ].join(' '),
        ),
        h(
          'div',
          { class: 'buttons' },
          exportButton(panel),
          importButton(panel),
          button('journal-passphrase-open', t('journal.passphrase_open'), () =>
            passphraseView(panel),
          ),
          journal.locks &&
            button('journal-lock', t('journal.lock'), () => {
              journal.lock();
              unlockView(panel, 'list');
            }),
          button('journal-erase', t('journal.erase'), () => eraseView(panel)),
        ),
      ),
    ],
  });
  if (at) document.getElementById(`entry-${at.id}`)?.scrollIntoView({ block: 'center' });
}

function size(bytes: number): string {
  if (bytes >= 1e9) return t('journal.gigabytes', { value: number(bytes / 1e9, 1) });
  return t('journal.megabytes', { value: number(bytes / 1e6, bytes < 1e7 ? 1 : 0) });
}

function spotSection(panel: Panel, spot: Spot): HTMLElement {
  const { journal } = panel;
  const entries = journal.entries(spot.id);
  /** In the order of choosing; of three the first goes. */
  let chosen: Entry[] = entries.length === 2 ? [...entries] : [];
  const cards = new Map<Entry, HTMLButtonElement>();
  const head = h('div', { class: 'spot-head' });
  const compare = button(
    undefined,
    t('journal.compare'),
    () => {
      const [first, second] = [...chosen].sort((a, b) => entries.indexOf(a) - entries.indexOf(b));
      if (first && second) void panel.run(() => compareView(panel, spot, first, second));
    },
    { class: 'compare' },
  );
  const remove = button(undefined, t('journal.remove'), () => confirmRemoval(), {
    class: 'remove',
  });
  const show = () => {
    for (const [entry, card] of cards)
      card.setAttribute('aria-pressed', String(chosen.includes(entry)));
    compare.disabled = chosen.length !== 2;
    remove.disabled = chosen.length === 0;
  };
  const normal = () => {
    head.replaceChildren(
      h('h3', { id: `spot-${spot.id}` }, spot.name),
      h(
        'div',
        { class: 'buttons' },
        compare,
        button(undefined, t('journal.rename'), renaming, {
          class: 'rename',
          'aria-label': t('journal.rename_spot', { spot: spot.name }),
        }),
        remove,
      ),
    );
  };
  const renaming = () => {
    const input = h('input', { type: 'text', id: `name-${spot.id}`, maxlength: '60' });
    input.value = spot.name;
    head.replaceChildren(
      form(
        () =>
          void panel.run(async () => {
            await journal.rename(spot, input.value);
            await listView(panel);
          }),
        field(t('journal.name'), input),
        h(
          'div',
          { class: 'buttons' },
          h('button', { type: 'submit' }, t('journal.save')),
          button(undefined, t('journal.cancel'), normal),
        ),
      ),
    );
    input.focus();
  };
  const confirmRemoval = () => {
    const yes = button(
      undefined,
      t('journal.remove_yes', { count: chosen.length }),
      () =>
        void panel.run(async () => {
          await journal.remove(chosen);
          await listView(panel);
          panel.say(t('journal.removed'));
        }),
      { class: 'danger' },
    );
    head.replaceChildren(
      h('p', {}, t('journal.remove_sure', { count: chosen.length })),
      h('div', { class: 'buttons' }, yes, button(undefined, t('journal.cancel'), normal)),
    );
    yes.focus();
  };
  const list = h('ul', { class: 'entries', 'aria-labelledby': `spot-${spot.id}` });
  for (const entry of entries) {
    const { outcome, malignancy } = entry.answer;
    const frame = h('span', { class: 'thumb' });
    const card = button(
      `entry-${entry.id}`,
      '',
      () => {
        chosen = chosen.includes(entry)
          ? chosen.filter((one) => one !== entry)
          : [...chosen, entry].slice(-2);
        show();
      },
      { class: 'entry', 'data-tone': tone(outcome), 'data-date': entry.date },
    );
    card.append(
      frame,
      h('span', { class: 'date' }, dateWords(entry.date)),
      h('span', { class: 'words' }, sentence(outcome)),
      ...(outcome === 'cannot_judge' ? [] : [h('span', { class: 'number' }, percent(malignancy))]),
    );
    // One that can't be read leaves its frame empty; comparing it says why.
    journal.picture('thumb', entry.id).then(
      (blob) => frame.append(picture(blob, '')),
      () => frame.classList.add('missing'),
    );
    cards.set(entry, card);
    list.append(h('li', {}, card));
  }
  normal();
  show();
  return h(
    'section',
    { class: 'spot', 'data-spot': spot.name },
    head,
    h('p', { class: 'hint' }, t(entries.length < 2 ? 'journal.one' : 'journal.choose_two')),
    list,
  );
}
