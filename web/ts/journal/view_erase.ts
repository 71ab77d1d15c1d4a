// "Delete everything": one question, and then nothing is left.

import { button, h } from './dom';
import { t } from './host';
import type { Panel } from './panel';
import { openView } from './view_open';
import { startView } from './view_start';

export function eraseView(panel: Panel): void {
  const { journal } = panel;
  panel.show({
    name: 'erase',
    title: t('journal.erase'),
    back: () => void openView(panel, 'list'),
    content: [
      h('p', {}, t('journal.erase_sure')),
      h(
        'div',
        { class: 'buttons' },
        button(
          'journal-erase-yes',
          t('journal.erase_yes'),
          () =>
            void panel.run(async () => {
              await journal.erase();
              startView(panel, false);
              panel.say(t('journal.erased'));
            }),
          { class: 'danger' },
        ),
        button('journal-erase-no', t('journal.cancel'), () => void openView(panel, 'list')),
      ),
    ],
  });
}
