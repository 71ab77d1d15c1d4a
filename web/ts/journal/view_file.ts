// Everything to a file and back.

import { button, field, form, h, passwordInput } from './dom';
import { save } from '../export';
import { t } from './host';
import type { Panel } from './panel';
import { Problem } from './problem';
import { listView } from './view_list';
import { promiseWords, startView } from './view_start';

const FILE_NAME = 'nevus-photos.nevus-journal';

export function exportButton(panel: Panel): HTMLButtonElement {
  const { journal } = panel;
  const made = button(
    'journal-export',
    t('journal.export'),
    () =>
      void panel.run(async () => {
        save(FILE_NAME, 'application/octet-stream', await journal.exportFile());
        panel.say(t(journal.locks ? 'journal.exported_locked' : 'journal.exported_plain'));
      }),
  );
  made.disabled = journal.count === 0;
  return made;
}

export function importButton(panel: Panel): HTMLElement {
  const input = h('input', {
    type: 'file',
    id: 'journal-file',
    class: 'for-readers',
    tabindex: '-1',
    'aria-label': t('journal.import'),
  });
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    input.value = '';
    if (file) void panel.run(() => take(panel, file, undefined), t('journal.reading'));
  });
  return h(
    'span',
    { class: 'file' },
    button('journal-import', t('journal.import'), () => input.click()),
    input,
  );
}

async function take(panel: Panel, file: File, passphrase: string | undefined): Promise<void> {
  const { journal } = panel;
  const fresh = journal.state === 'off';
  try {
    const { added, known } = await journal.importFile(file, passphrase);
    await listView(panel);
    panel.say(
      [t('journal.imported', { added, known }), ...(fresh ? [await promiseWords(panel)] : [])].join(
        ' ',
      ),
    );
  } catch (error) {
    if (!(error instanceof Problem) || error.key !== 'journal.error.file_locked') throw error;
    askPassphrase(panel, file);
  }
}

/** The file is encrypted under a passphrase that is not in memory. */
function askPassphrase(panel: Panel, file: File): void {
  const input = passwordInput('journal-file-passphrase', 'current-password');
  panel.show({
    name: 'file',
    title: t('journal.import'),
    back: () => void (panel.journal.state === 'off' ? startView(panel, false) : listView(panel)),
    content: [
      form(
        () => void panel.run(() => take(panel, file, input.value), t('journal.opening')),
        field(t('journal.file_passphrase', { file: file.name }), input),
        h(
          'div',
          { class: 'buttons' },
          h(
            'button',
            { type: 'submit', id: 'journal-file-open', class: 'primary' },
            t('journal.import'),
          ),
        ),
      ),
    ],
  });
  input.focus();
}
