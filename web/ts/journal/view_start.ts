// The views before anything is open: what keeping means, and the passphrase that opens what is kept.

import { button, field, form, h, passwordInput } from './dom';
import { current, t } from './host';
import { importButton } from './view_file';
import { eraseView } from './view_erase';
import { keepFields, keepView } from './view_keep';
import { listView } from './view_list';
import type { Panel } from './panel';
import { Problem } from './problem';
import { LEAST_PASSPHRASE } from './seal';

/** Two fields for a new passphrase. */
export function newPassphrase(optional: boolean): { fields: HTMLElement[]; read(): string } {
  const first = passwordInput('journal-passphrase', 'new-password');
  const second = passwordInput('journal-passphrase-again', 'new-password');
  return {
    fields: [
      field(
        t(optional ? 'journal.passphrase_optional' : 'journal.passphrase_new'),
        first,
        t('journal.passphrase_hint', { least: LEAST_PASSPHRASE }),
      ),
      field(t('journal.passphrase_again'), second),
    ],
    read() {
      if (first.value !== second.value) {
        second.focus();
        throw new Problem('journal.error.differ');
      }
      if (first.value === '' && optional) return '';
      if (first.value.length < LEAST_PASSPHRASE) {
        first.focus();
        throw new Problem('journal.error.short', { least: LEAST_PASSPHRASE });
      }
      return first.value;
    },
  };
}

/** Keeping is off: what it would do, and the switch. */
export function startView(panel: Panel, lost: boolean): void {
  const photo = current();
  const passphrase = newPassphrase(true);
  const keep = photo && keepFields(panel, photo);
  const submit = () =>
    panel.run(async () => {
      const words = passphrase.read();
      const take = keep?.read();
      await panel.journal.begin(words);
      // What was asked for is kept first, so that a browser that asks back knows what for.
      if (take) await take();
      else await listView(panel);
      const promised = await promiseWords(panel);
      panel.say(take ? `${t('journal.kept')} ${promised}` : promised);
    });
  panel.show({
    name: 'start',
    title: t('journal.title'),
    content: [
      lost && h('p', { class: 'notice', id: 'journal-lost' }, t('journal.lost')),
      h('p', {}, t('journal.off')),
      h(
        'ul',
        { class: 'facts' },
        ...(['what', 'where', 'private', 'evicted', 'passphrase'] as const).map((fact) =>
          h('li', {}, t(FACTS[fact])),
        ),
      ),
      form(
        () => void submit(),
        ...(keep?.fields ?? []),
        ...passphrase.fields,
        h(
          'div',
          { class: 'buttons' },
          h(
            'button',
            { type: 'submit', id: 'journal-begin', class: 'primary' },
            t(photo ? 'journal.begin_keep' : 'journal.begin'),
          ),
          importButton(panel),
        ),
      ),
    ],
  });
}

const FACTS = {
  what: 'journal.fact_what',
  where: 'journal.fact_where',
  private: 'journal.fact_private',
  evicted: 'journal.fact_evicted',
  passphrase: 'journal.fact_passphrase',
} as const;

/** Asks the browser to keep the photos, and says what it answered. */
export async function promiseWords({ journal }: Panel): Promise<string> {
  const answers = {
    yes: 'journal.promise_yes',
    no: 'journal.promise_no',
    unknown: 'journal.promise_unknown',
  } as const;
  return t(answers[await journal.promise()]);
}

/** @param then keep: the photo on screen; list: what is there */
export function unlockView(panel: Panel, then: 'keep' | 'list'): void {
  const input = passwordInput('journal-passphrase', 'current-password');
  const submit = () =>
    panel.run(async () => {
      try {
        await panel.journal.unlock(input.value);
      } catch (error) {
        input.select();
        throw error;
      }
      if (then === 'keep' && current()) keepView(panel);
      else await listView(panel);
    }, t('journal.opening'));
  panel.show({
    name: 'locked',
    title: t('journal.title'),
    content: [
      h('p', {}, t('journal.locked')),
      form(
        () => void submit(),
        field(t('journal.passphrase'), input),
        h(
          'div',
          { class: 'buttons' },
          h(
            'button',
            { type: 'submit', id: 'journal-unlock', class: 'primary' },
            t('journal.unlock'),
          ),
          button('journal-erase', t('journal.erase'), () => eraseView(panel)),
        ),
      ),
      h('p', { class: 'hint' }, t('journal.forgotten')),
    ],
  });
  input.focus();
}
