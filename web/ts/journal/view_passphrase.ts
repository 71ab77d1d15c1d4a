// Setting, changing and removing the passphrase; everything is encrypted anew.

import { button, form, h } from './dom';
import { t } from './host';
import type { Panel } from './panel';
import { listView } from './view_list';
import { newPassphrase } from './view_start';

export function passphraseView(panel: Panel): void {
  const { journal } = panel;
  const passphrase = newPassphrase(false);
  const set = (words: () => string) =>
    panel.run(async () => {
      await journal.setPassphrase(words());
      await listView(panel);
      panel.say(t(journal.locks ? 'journal.passphrase_set' : 'journal.passphrase_removed'));
    }, t('journal.encrypting'));
  panel.show({
    name: 'passphrase',
    title: t('journal.passphrase_open'),
    back: () => void listView(panel),
    content: [
      h('p', {}, t('journal.passphrase_why')),
      form(
        () => void set(() => passphrase.read()),
        ...passphrase.fields,
        h(
          'div',
          { class: 'buttons' },
          h(
            'button',
            { type: 'submit', id: 'journal-passphrase-save', class: 'primary' },
            t('journal.passphrase_save'),
          ),
          journal.locks &&
            button(
              'journal-passphrase-remove',
              t('journal.passphrase_remove'),
              () => void set(() => ''),
            ),
        ),
      ),
    ],
  });
}
