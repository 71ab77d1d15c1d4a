// "Keep this photo": of which spot, and when it was taken.

import { LIMITS } from './entry';
import { field, form, h } from './dom';
import { current, t, type Current } from './host';
import type { Panel } from './panel';
import { Problem } from './problem';
import { listView } from './view_list';

const NEW = 'new';

/** "2026-03-07" here. */
function dayOf(time: number): string {
  const day = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

interface Keep {
  fields: HTMLElement[];
  /** Checks the fields. @return keeps the photo and shows it in the list */
  read(): () => Promise<void>;
}

/** The fields for the photo on screen. */
export function keepFields(panel: Panel, photo: Current): Keep {
  const { journal } = panel;
  const { spots } = journal;
  const name = h('input', {
    type: 'text',
    id: 'journal-name',
    maxlength: String(LIMITS.name),
    autocomplete: 'off',
    required: true,
  });
  const named = field(t('journal.name'), name, t('journal.name_hint'));
  const choice = h(
    'select',
    { id: 'journal-spot' },
    ...spots.map((spot) => h('option', { value: spot.id }, spot.name)),
    h('option', { value: NEW }, t('journal.new_spot')),
  );
  const toggle = () => {
    named.hidden = choice.value !== NEW;
  };
  choice.addEventListener('change', toggle);
  toggle();
  // Cameras and phones leave the day in the file; it may be set right.
  const today = dayOf(Date.now());
  const taken = dayOf(photo.file.lastModified);
  const date = h('input', { type: 'date', id: 'journal-date', max: today, required: true });
  date.value = photo.file.lastModified > 0 && taken < today ? taken : today;
  return {
    fields: [
      ...(spots.length > 0 ? [field(t('journal.spot'), choice)] : []),
      named,
      field(t('journal.date'), date, t('journal.date_hint')),
    ],
    read() {
      const fresh = choice.value === NEW;
      if (fresh && name.value.trim() === '') {
        name.focus();
        throw new Problem('journal.error.name');
      }
      if (!/^(19|2\d)\d\d-\d\d-\d\d$/.test(date.value) || date.value > today) {
        date.focus();
        throw new Problem('journal.error.date');
      }
      return async () => {
        const entry = await journal.keep(
          photo,
          fresh ? { name: name.value } : { id: choice.value },
          date.value,
        );
        await listView(panel, entry);
        panel.say(t('journal.kept'));
      };
    },
  };
}

export function keepView(panel: Panel): void {
  const photo = current();
  if (!photo) return;
  const keep = keepFields(panel, photo);
  panel.show({
    name: 'keep',
    title: t('journal.keep'),
    back: () => void listView(panel),
    content: [
      h('p', {}, t('journal.keep_what', { file: photo.name, side: LIMITS.side })),
      form(
        () => void panel.run(async () => keep.read()()),
        ...keep.fields,
        h(
          'div',
          { class: 'buttons' },
          h('button', { type: 'submit', id: 'journal-save', class: 'primary' }, t('journal.save')),
        ),
      ),
    ],
  });
}
