// The database on this device: one row that says how everything is kept (the vault), and the records.
// Every change is one transaction, so a full disk or a closed tab leaves the state before it.

import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPObjectStore } from 'idb';
import { Problem, problemOf } from './problem';
import type { Kdf, Sealed } from './seal';

const NAME = 'nevus-journal';
const VERSION = 1;

export const KINDS = ['spot', 'entry', 'thumb', 'photo'] as const;
export type Kind = (typeof KINDS)[number];

export interface Vault {
  /** Records of another generation are left over from a change that did not finish. */
  generation: string;
  /** null: no passphrase. */
  lock: { kdf: Kdf; check: Sealed } | null;
}

export interface Put {
  kind: Kind;
  id: string;
  sealed: Sealed;
}

interface Schema extends DBSchema {
  vault: { key: string; value: Vault };
  /** By "generation/kind/id". */
  records: { key: string; value: Sealed };
}

type Stores = ('records' | 'vault')[];
type Records = IDBPObjectStore<Schema, Stores, 'records', 'readwrite'>;
type Vaults = IDBPObjectStore<Schema, Stores, 'vault', 'readwrite'>;

function within(prefix: string): IDBKeyRange {
  return IDBKeyRange.bound(`${prefix}/`, `${prefix}0`, false, true);
}

export class Store {
  readonly #database: IDBPDatabase<Schema>;
  #closed = false;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  /**
   * @param create else undefined where there is none, and none is left behind
   * @param closed another tab deletes the database, or the browser took it away
   */
  static async open(create: boolean, closed: () => void): Promise<Store | undefined> {
    // Without both nothing can be kept: old browsers, addresses without https, some private windows.
    if (typeof indexedDB === 'undefined' || typeof crypto.subtle === 'undefined')
      throw new Problem('journal.error.unavailable');
    let none = false;
    let store: Store | undefined;
    const gone = () => {
      store?.close();
      closed();
    };
    try {
      const database = await openDB<Schema>(NAME, VERSION, {
        upgrade(fresh, _old, _new, transaction) {
          if (!create) {
            none = true;
            transaction.abort();
            // The abort is what open() reports; this one would be reported a second time.
            transaction.done.catch(() => {});
            return;
          }
          fresh.createObjectStore('vault');
          fresh.createObjectStore('records');
        },
        blocking: gone,
        terminated: gone,
      });
      store = new Store(database);
      return store;
    } catch (error) {
      if (none) return undefined;
      throw problemOf(error);
    }
  }

  get usable(): boolean {
    return !this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#database.close();
  }

  async vault(): Promise<Vault | undefined> {
    return this.#database.get('vault', NAME);
  }

  /** The first vault; nothing may be there. */
  async begin(vault: Vault): Promise<void> {
    await this.#change(async (records, vaults) => {
      await records.clear();
      await vaults.put(vault, NAME);
    });
  }

  async ids(generation: string, kind: Kind): Promise<string[]> {
    const prefix = `${generation}/${kind}`;
    const keys = await this.#database.getAllKeys('records', within(prefix));
    return keys.map((key) => key.slice(prefix.length + 1));
  }

  async get(generation: string, kind: Kind, id: string): Promise<Sealed> {
    const found = await this.#database.get('records', `${generation}/${kind}/${id}`);
    if (!found) throw new Problem('journal.error.missing');
    return found;
  }

  /** All or nothing. @throws Problem also where another tab has changed how everything is kept */
  async write(
    generation: string,
    puts: Put[],
    removals: Pick<Put, 'kind' | 'id'>[] = [],
  ): Promise<void> {
    await this.#change(async (records, vaults) => {
      if ((await vaults.get(NAME))?.generation !== generation)
        throw new Problem('journal.error.elsewhere');
      for (const { kind, id, sealed } of puts)
        await records.put(sealed, `${generation}/${kind}/${id}`);
      for (const { kind, id } of removals) await records.delete(`${generation}/${kind}/${id}`);
    });
  }

  /** A record of a generation that is not in use yet. */
  async prepare(generation: string, { kind, id, sealed }: Put): Promise<void> {
    await this.#change(async (records) => {
      await records.put(sealed, `${generation}/${kind}/${id}`);
    });
  }

  /** From now on `next` holds, and `count` records of it; what was kept before is gone. */
  async swap(from: string, next: Vault, count: number): Promise<void> {
    await this.#change(async (records, vaults) => {
      // What another tab has kept meanwhile must not get lost.
      if (
        (await vaults.get(NAME))?.generation !== from ||
        (await records.count(within(from))) !== count ||
        (await records.count(within(next.generation))) !== count
      )
        throw new Problem('journal.error.elsewhere');
      await vaults.put(next, NAME);
      await records.delete(within(from));
    });
  }

  /** Removes what changes that did not finish have left. */
  async tidy(generation: string): Promise<void> {
    await this.#change(async (records) => {
      await records.delete(IDBKeyRange.upperBound(`${generation}/`, true));
      await records.delete(IDBKeyRange.lowerBound(`${generation}0`));
    });
  }

  /** Everything, the database itself included. @throws Problem where another tab holds it */
  async erase(): Promise<void> {
    this.close();
    await new Promise<void>((resolve, reject) => {
      // Other tabs of the page close theirs when they are told; one that can't is closed by hand.
      deleteDB(NAME, {
        blocked: () => reject(new Problem('journal.error.blocked')),
      }).then(resolve, (error) => reject(problemOf(error)));
    });
  }

  async #change(work: (records: Records, vaults: Vaults) => Promise<unknown>): Promise<void> {
    const transaction = this.#database.transaction(['records', 'vault'], 'readwrite');
    // Reported below, by whichever fails first.
    transaction.done.catch(() => {});
    try {
      await work(transaction.objectStore('records'), transaction.objectStore('vault'));
      await transaction.done;
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It is over already.
      }
      throw problemOf(error);
    }
  }
}
