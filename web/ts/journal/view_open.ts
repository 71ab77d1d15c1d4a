// Which view comes first: it depends on what is on this device.

import { h } from './dom';
import { current, t } from './host';
import type { Panel } from './panel';
import { problemOf } from './problem';
import { keepView } from './view_keep';
import { listView } from './view_list';
import { startView, unlockView } from './view_start';

/** @param wish keep: the photo on screen; list: what is there */
export async function openView(panel: Panel, wish: 'keep' | 'list'): Promise<void> {
  const { journal } = panel;
  let lost = false;
  try {
    lost = await journal.look();
  } catch (error) {
    panel.show({
      name: 'broken',
      title: t('journal.title'),
      content: [h('p', { class: 'notice', role: 'alert' }, problemOf(error).words)],
    });
    return;
  }
  if (journal.state === 'off') startView(panel, lost);
  else if (journal.state === 'locked') unlockView(panel, wish);
  else if (wish === 'keep' && current()) keepView(panel);
  else await listView(panel);
}
