// Photos of the same spot over time, kept on this device: the entrance of a bundle of its own
// (web/ts/journal_door.ts loads it).

import { setHost, t, type Host } from './host';
import { Journal } from './journal';
import { Panel } from './panel';
import { openView } from './view_open';

export interface JournalApp {
  /** Opens the dialog. @param wish keep: the photo on screen; list: what is there */
  open(wish: 'keep' | 'list'): void;
}

export function createJournal(host: Host, parent: HTMLElement): JournalApp {
  setHost(host);
  const journal = new Journal(() => {
    if (!panel.open) return;
    void openView(panel, 'list').then(() => panel.say(t('journal.error.elsewhere'), 'wrong'));
  });
  const panel = new Panel(journal, parent);
  return { open: (wish) => void openView(panel, wish) };
}
