// The journal itself: spots and their photos, kept on this device only, once somebody asked for it.
// No DOM. Everything that goes wrong is a Problem, and what was there before stays.

import { readArchive, writeArchive, type Archive } from './archive';
import {
  byDate,
  LIMITS,
  readEntry,
  readSpot,
  tidyName,
  wrong,
  type Entry,
  type Figures,
  type Spot,
} from './entry';
import { ask, type Current } from './host';
import { isPicture, jpegBlob, jpegSize } from './picture';
import { Problem } from './problem';
import {
  deriveKey,
  fromBytes,
  newKdf,
  opens,
  seal,
  sealCheck,
  sha256,
  toBytes,
  unseal,
  type Bytes,
} from './seal';
import { KINDS, Store, type Kind, type Put, type Vault } from './store';
import { lesionOf } from '../lesion';
import type { Lesion } from '../protocol';

/** Says that there were photos, and nothing about them: how their loss is noticed. */
const MARKER = 'nevus.journal';

export type State = 'off' | 'locked' | 'open';

/** Whether the browser has promised not to throw the photos away when space runs short. */
export type Promised = 'yes' | 'no' | 'unknown';

export interface Imported {
  added: number;
  /** Were here already. */
  known: number;
}

/** One tab at a time: what a long change has prepared belongs to nobody until it is finished. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks.request('nevus-journal', work) as Promise<T>;
}

const label = (kind: Kind, id: string) => `nevus-journal/1/${kind}/${id}`;

export class Journal {
  #store: Store | undefined;
  #vault: Vault | undefined;
  #key: CryptoKey | null = null;
  #opened = false;
  #spots = new Map<string, Spot>();
  #entries = new Map<string, Entry>();
  /** Ids of the copies that were made of files since the page was loaded. */
  readonly #copies = new WeakMap<File, string>();
  /** Another tab deleted everything, or the browser took the database away. */
  readonly #gone: () => void;

  constructor(gone: () => void) {
    this.#gone = gone;
  }

  get state(): State {
    if (!this.#vault) return 'off';
    return this.#opened ? 'open' : 'locked';
  }

  /** With a passphrase. */
  get locks(): boolean {
    return Boolean(this.#vault?.lock);
  }

  get spots(): Spot[] {
    return [...this.#spots.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** By date, of one spot. */
  entries(spot: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.spot === spot).sort(byDate);
  }

  /** Whether a copy of it was kept since the page was loaded, and is still there. */
  has(file: File): boolean {
    return this.#entries.has(this.#copies.get(file) ?? '');
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Looks at what is on this device. @return whether there were photos that are gone */
  async look(): Promise<boolean> {
    if (!this.#store?.usable) {
      this.#forget();
      this.#store = await Store.open(false, () => {
        this.#forget();
        this.#gone();
      });
    }
    const vault = await this.#store?.vault();
    if (!this.#store || !vault) {
      this.#store?.close();
      this.#forget();
      return takeMarker();
    }
    // Another tab may have changed the passphrase.
    if (vault.generation !== this.#vault?.generation) {
      this.#forgetContent();
      this.#vault = vault;
    }
    if (!vault.lock) this.#opened = true;
    if (this.#opened) await this.#load();
    return false;
  }

  /** Switches keeping on. @param passphrase empty: none */
  async begin(passphrase: string): Promise<void> {
    const [lock, key] = await newLock(passphrase);
    await this.#beginWith(lock, key);
  }

  async #beginWith(lock: Vault['lock'], key: CryptoKey | null): Promise<void> {
    const store = await Store.open(true, () => {
      this.#forget();
      this.#gone();
    });
    if (!store) throw new Problem('journal.error.unavailable');
    const vault: Vault = { generation: crypto.randomUUID(), lock };
    try {
      if (await store.vault()) throw new Problem('journal.error.elsewhere');
      await store.begin(vault);
    } catch (error) {
      store.close();
      throw error;
    }
    this.#store = store;
    this.#vault = vault;
    this.#key = key;
    this.#opened = true;
  }

  /** @throws Problem where the passphrase is another one */
  async unlock(passphrase: string): Promise<void> {
    const { lock } = this.#kept().vault;
    if (!lock) return;
    const key = await deriveKey(passphrase, lock.kdf);
    if (!(await opens(key, lock.check))) throw new Problem('journal.error.passphrase');
    this.#key = key;
    this.#opened = true;
    await this.#load();
  }

  /** Forgets the key and what it opened. */
  lock(): void {
    this.#forgetContent();
  }

  /** Keeps a copy of the photo on screen. @param spot an id, or the name of a new one */
  async keep(
    current: Current,
    spot: { id: string } | { name: string },
    date: string,
  ): Promise<Entry> {
    if (this.#entries.size >= LIMITS.entries)
      throw new Problem('journal.error.many', { limit: LIMITS.entries });
    const copy = await ask({ kind: 'copy', photo: current.file, side: LIMITS.side });
    const photo = await bytesOf(copy.photo);
    const hash = await sha256(photo);
    const place = 'id' in spot ? this.#spots.get(spot.id) : this.#named(spot.name);
    if (!place) throw new Problem('journal.error.missing');
    const again = this.entries(place.id).find((entry) => entry.photo.sha256 === hash);
    if (again) throw new Problem('journal.error.again', { spot: place.name });
    const { answer, model } = current;
    const entry: Entry = {
      id: crypto.randomUUID(),
      spot: place.id,
      date,
      added: Date.now(),
      photo: { width: copy.width, height: copy.height, sha256: hash },
      answer: {
        outcome: answer.outcome,
        malignancy: answer.malignancy,
        model: { name: model.name.slice(0, 200), sha256: model.sha256 },
        figures: figuresOf(lesionOf(answer), copy.width / answer.quality.width, copy),
      },
    };
    await this.#write([
      ...(this.#spots.has(place.id) ? [] : [await this.#sealed('spot', place.id, toBytes(place))]),
      await this.#sealed('photo', entry.id, photo),
      await this.#sealed('thumb', entry.id, await bytesOf(copy.thumbnail)),
      await this.#sealed('entry', entry.id, toBytes(entry)),
    ]);
    this.#spots.set(place.id, place);
    this.#entries.set(entry.id, entry);
    this.#copies.set(current.file, entry.id);
    this.#mark();
    return entry;
  }

  async rename(spot: Spot, name: string): Promise<void> {
    const tidy = tidyName(name);
    if (!tidy) throw new Problem('journal.error.name');
    const renamed: Spot = { ...spot, name: tidy };
    await this.#write([await this.#sealed('spot', spot.id, toBytes(renamed))]);
    this.#spots.set(spot.id, renamed);
  }

  /** A spot without photos goes with its last one. */
  async remove(entries: Entry[]): Promise<void> {
    const ids = new Set(entries.map(({ id }) => id));
    const empty = this.spots.filter(({ id }) => this.entries(id).every((one) => ids.has(one.id)));
    await this.#write(
      [],
      [
        ...entries.flatMap(({ id }) =>
          (['photo', 'thumb', 'entry'] as const).map((kind) => ({ kind, id })),
        ),
        ...empty.map(({ id }) => ({ kind: 'spot' as const, id })),
      ],
    );
    for (const id of ids) this.#entries.delete(id);
    for (const { id } of empty) this.#spots.delete(id);
    this.#mark();
  }

  async picture(kind: 'photo' | 'thumb', id: string): Promise<Blob> {
    return jpegBlob(await this.#read(kind, id));
  }

  /**
   * Everything anew under another passphrase (empty: none): copies first, then one change that puts
   * them in the place of the others.
   */
  setPassphrase(passphrase: string): Promise<void> {
    return alone(() => this.#setPassphrase(passphrase));
  }

  async #setPassphrase(passphrase: string): Promise<void> {
    await this.#sweep();
    const { store, vault } = this.#kept();
    const [lock, key] = await newLock(passphrase);
    const next: Vault = { generation: crypto.randomUUID(), lock };
    let count = 0;
    try {
      for await (const { kind, id, sealed } of this.#records()) {
        const bytes = await unseal(this.#key, label(kind, id), sealed);
        const again = await seal(key, label(kind, id), bytes);
        await store.prepare(next.generation, { kind, id, sealed: again });
        count += 1;
      }
      await store.swap(vault.generation, next, count);
    } catch (error) {
      await store.tidy(vault.generation).catch(() => {});
      throw error;
    }
    this.#vault = next;
    this.#key = key;
  }

  async exportFile(): Promise<Blob> {
    return writeArchive(this.#kept().vault, this.#records());
  }

  /**
   * Adds what a file holds; what is here already is left out. Switches keeping on where it was off,
   * under the file's passphrase.
   * @param passphrase the file's; asked for by a Problem "journal.error.file_locked"
   */
  importFile(file: Blob, passphrase: string | undefined): Promise<Imported> {
    return alone(() => this.#importFile(file, passphrase));
  }

  async #importFile(file: Blob, passphrase: string | undefined): Promise<Imported> {
    const archive = await readArchive(file);
    const key = await this.#keyOf(archive, passphrase);
    const content = await readContent(archive, key);
    if (this.state === 'off') {
      if (content.entries.length === 0) throw new Problem('journal.error.empty_file');
      await this.#beginWith(archive.lock, key);
    }
    const { store, vault } = this.#kept();

    const spots = new Map<string, Spot>();
    for (const spot of content.spots) {
      const here = this.#spots.get(spot.id) ?? this.spots.find(({ name }) => same(name, spot.name));
      spots.set(spot.id, here ?? spot);
    }
    let known = 0;
    const added: Entry[] = [];
    const puts: Put[] = [];
    const prepared: Put[] = [];
    try {
      for (const { entry, read } of content.entries) {
        const spot = spots.get(entry.spot) ?? { id: entry.spot, name: '' };
        const there = [...this.entries(spot.id), ...added.filter((one) => one.spot === spot.id)];
        if (there.some(({ photo }) => photo.sha256 === entry.photo.sha256)) {
          known += 1;
          continue;
        }
        if (this.#entries.size + added.length >= LIMITS.entries)
          throw new Problem('journal.error.many', { limit: LIMITS.entries });
        const id = this.#entries.has(entry.id) ? crypto.randomUUID() : entry.id;
        const fresh: Entry = { ...entry, id, spot: spot.id };
        for (const kind of ['photo', 'thumb'] as const) {
          const put = await this.#sealed(kind, id, await read(kind));
          // Large ones at once: nothing points to them before the last step.
          await store.write(vault.generation, [put]);
          prepared.push(put);
        }
        puts.push(await this.#sealed('entry', id, toBytes(fresh)));
        added.push(fresh);
      }
      const used = new Set(added.map(({ spot }) => spot));
      const fresh = [...spots.values()].filter(({ id }) => used.has(id) && !this.#spots.has(id));
      for (const spot of fresh) puts.push(await this.#sealed('spot', spot.id, toBytes(spot)));
      await store.write(vault.generation, puts);
      for (const spot of fresh) this.#spots.set(spot.id, spot);
    } catch (error) {
      await store.write(vault.generation, [], prepared).catch(() => {});
      throw error;
    }
    for (const entry of added) this.#entries.set(entry.id, entry);
    this.#mark();
    return { added: added.length, known };
  }

  /** Photos, names, dates, the database: all of it, and keeping is off. */
  async erase(): Promise<void> {
    // First: other tabs must not take it for a loss.
    takeMarker();
    try {
      await this.#store?.erase();
    } catch (error) {
      setMarker();
      throw error;
    }
    this.#forget();
  }

  /** Asks the browser not to throw the photos away. */
  async promise(): Promise<Promised> {
    try {
      return (await navigator.storage.persist()) ? 'yes' : 'no';
    } catch {
      return 'unknown';
    }
  }

  /** Bytes; undefined where the browser doesn't tell. */
  async space(): Promise<{ used: number; left: number } | undefined> {
    try {
      const { usage = 0, quota = 0 } = await navigator.storage.estimate();
      return quota > 0 ? { used: usage, left: Math.max(0, quota - usage) } : undefined;
    } catch {
      return undefined;
    }
  }

  #kept(): { store: Store; vault: Vault } {
    if (!this.#store?.usable || !this.#vault) throw new Problem('journal.error.elsewhere');
    return { store: this.#store, vault: this.#vault };
  }

  #named(name: string): Spot {
    const tidy = tidyName(name);
    if (!tidy) throw new Problem('journal.error.name');
    const known = this.spots.find((spot) => same(spot.name, tidy));
    if (!known && this.#spots.size >= LIMITS.spots)
      throw new Problem('journal.error.many', { limit: LIMITS.spots });
    return known ?? { id: crypto.randomUUID(), name: tidy };
  }

  async #sealed(kind: Kind, id: string, bytes: Bytes): Promise<Put> {
    return { kind, id, sealed: await seal(this.#key, label(kind, id), bytes) };
  }

  async #read(kind: Kind, id: string): Promise<Bytes> {
    const { store, vault } = this.#kept();
    return unseal(this.#key, label(kind, id), await store.get(vault.generation, kind, id));
  }

  async #write(puts: Put[], removals: Pick<Put, 'kind' | 'id'>[] = []): Promise<void> {
    const { store, vault } = this.#kept();
    await store.write(vault.generation, puts, removals);
  }

  async *#records(): AsyncGenerator<Put> {
    const { store, vault } = this.#kept();
    for (const kind of KINDS)
      for (const id of [...(kind === 'spot' ? this.#spots : this.#entries).keys()])
        yield { kind, id, sealed: await store.get(vault.generation, kind, id) };
  }

  /** Removes what an import or a change of passphrase has left that did not finish. */
  async #sweep(): Promise<void> {
    const { store, vault } = this.#kept();
    await store.tidy(vault.generation);
    for (const kind of ['photo', 'thumb'] as const) {
      const stray = (await store.ids(vault.generation, kind)).filter(
        (id) => !this.#entries.has(id),
      );
      if (stray.length > 0)
        await store.write(
          vault.generation,
          [],
          stray.map((id) => ({ kind, id })),
        );
    }
  }

  #mark(): void {
    if (this.count > 0) setMarker();
    else takeMarker();
  }

  async #load(): Promise<void> {
    const { store, vault } = this.#kept();
    const spots = new Map<string, Spot>();
    const entries = new Map<string, Entry>();
    for (const id of await store.ids(vault.generation, 'spot'))
      spots.set(id, readSpot(fromBytes(await this.#read('spot', id), 'spot'), 'spot'));
    for (const id of await store.ids(vault.generation, 'entry'))
      entries.set(id, readEntry(fromBytes(await this.#read('entry', id), 'entry'), 'entry'));
    this.#spots = spots;
    this.#entries = entries;
  }

  async #keyOf({ lock }: Archive, passphrase: string | undefined): Promise<CryptoKey | null> {
    if (!lock) return null;
    // Made here, and the passphrase has not been changed since.
    if (this.#key && (await opens(this.#key, lock.check))) return this.#key;
    if (passphrase === undefined) throw new Problem('journal.error.file_locked');
    const key = await deriveKey(passphrase, lock.kdf);
    if (!(await opens(key, lock.check))) throw new Problem('journal.error.passphrase');
    return key;
  }

  #forgetContent(): void {
    this.#key = null;
    this.#opened = false;
    this.#spots.clear();
    this.#entries.clear();
  }

  #forget(): void {
    this.#forgetContent();
    this.#store = undefined;
    this.#vault = undefined;
  }
}

const same = (a: string, b: string) => a.toLocaleLowerCase() === b.toLocaleLowerCase();

async function newLock(passphrase: string): Promise<[Vault['lock'], CryptoKey | null]> {
  if (!passphrase) return [null, null];
  const kdf = newKdf();
  const key = await deriveKey(passphrase, kdf);
  return [{ kdf, check: await sealCheck(key) }, key];
}

async function bytesOf(blob: Blob): Promise<Bytes> {
  return new Uint8Array(await blob.arrayBuffer());
}

/** @param scale pixels of the kept copy for one of the photo */
function figuresOf(
  lesion: Lesion | undefined,
  scale: number,
  { width, height }: { width: number; height: number },
): Figures | null {
  if (!lesion?.found) return null;
  const within = (value: number, most: number) =>
    Math.min(most, Math.max(0, Math.round(value * scale * 100) / 100));
  const { crop, measures, confidence, outline } = lesion;
  return {
    outline: outline.map(([x, y]) => [within(x, width), within(y, height)]),
    crop: {
      x: within(crop.x, width),
      y: within(crop.y, height),
      width: Math.max(1, within(crop.width, width)),
      height: Math.max(1, within(crop.height, height)),
    },
    confidence,
    measures: {
      asymmetry: measures.asymmetry,
      compactness: measures.compactness,
      colour_count: measures.colour_count,
      ...(measures.diameter_mm === undefined ? {} : { diameter_mm: measures.diameter_mm }),
    },
  };
}

interface Content {
  spots: Spot[];
  entries: { entry: Entry; read(kind: 'photo' | 'thumb'): Promise<Bytes> }[];
}

/** Every record of a file is opened and checked before anything of it is kept. */
async function readContent({ records }: Archive, key: CryptoKey | null): Promise<Content> {
  const open = new Map(
    records.map(({ kind, id, read }) => [
      `${kind}/${id}`,
      async () => unseal(key, label(kind, id), await read()),
    ]),
  );
  const spots = new Map<string, Spot>();
  const content: Content = { spots: [], entries: [] };
  for (const [index, { kind, id }] of records.entries()) {
    if (kind !== 'spot') continue;
    const where = `records[${index}]`;
    const spot = readSpot(
      fromBytes((await open.get(`spot/${id}`)?.()) ?? new Uint8Array(), where),
      where,
    );
    if (spot.id !== id) throw wrong(`${where}.id`);
    spots.set(id, spot);
    content.spots.push(spot);
  }
  let pictures = 0;
  for (const [index, { kind, id }] of records.entries()) {
    if (kind !== 'entry') continue;
    const where = `records[${index}]`;
    const bytes = (await open.get(`entry/${id}`)?.()) ?? new Uint8Array();
    const entry = readEntry(fromBytes(bytes, where), where);
    if (entry.id !== id) throw wrong(`${where}.id`);
    if (!spots.has(entry.spot)) throw wrong(`${where}.spot`);
    const read = async (part: 'photo' | 'thumb') => {
      const content = await open.get(`${part}/${id}`)?.();
      if (!content) throw wrong(`${where}.${part}`);
      return content;
    };
    const photo = await read('photo');
    if ((await sha256(photo)) !== entry.photo.sha256) throw wrong(`${where}.photo.sha256`);
    if (!(await isPicture(photo, entry.photo))) throw wrong(`${where}.photo`);
    const thumb = await read('thumb');
    const size = jpegSize(thumb);
    if (
      !size ||
      Math.max(size.width, size.height) > LIMITS.thumb ||
      !(await isPicture(thumb, size))
    )
      throw wrong(`${where}.thumb`);
    pictures += 2;
    content.entries.push({ entry, read });
  }
  if (content.spots.length > LIMITS.spots || content.entries.length > LIMITS.entries)
    throw wrong('records');
  // A photo without an entry would be kept and never shown.
  if (records.length !== content.spots.length + content.entries.length + pictures)
    throw wrong('records');
  return content;
}

function setMarker(): void {
  try {
    localStorage.setItem(MARKER, 'kept');
  } catch {
    // Then a loss goes unnoticed.
  }
}

/** @return whether it was there; it is gone afterwards */
function takeMarker(): boolean {
  try {
    const there = localStorage.getItem(MARKER) !== null;
    localStorage.removeItem(MARKER);
    return there;
  } catch {
    return false;
  }
}
