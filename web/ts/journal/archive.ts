// Everything in one file. docs/journal.md describes the format:
//   8 bytes "NEVUSJNL", the header's length (uint32, little-endian), the header (JSON, UTF-8), then the
//   records' bytes one after the other, in the header's order, and nothing else.
// Records are as they are kept: encrypted where there is a passphrase.

import { FORMAT_VERSION, ID, LIMITS } from './entry';
import { Problem } from './problem';
import {
  MOST_ITERATIONS,
  ITERATIONS,
  SALT_BYTES,
  sha256,
  type Bytes,
  type Kdf,
  type Sealed,
} from './seal';
import { KINDS, type Kind, type Put, type Vault } from './store';

const MAGIC = 'NEVUSJNL';
const PREFIX_BYTES = 12;
const FORMAT = 'nevus-journal';
const MOST_HEADER_BYTES = 8 << 20;
const MOST_BYTES: Record<Kind, number> = {
  spot: 4 << 10,
  entry: 256 << 10,
  thumb: 256 << 10,
  photo: 8 << 20,
};
const MOST_RECORDS = LIMITS.spots + 3 * LIMITS.entries;

interface Row {
  kind: Kind;
  id: string;
  /** Base64; absent: not encrypted. */
  iv?: string;
  length: number;
  /** Of the bytes in the file. */
  sha256: string;
}

interface Header {
  format: string;
  format_version: number;
  lock: { kdf: string; iterations: number; salt: string; iv: string; check: string } | null;
  records: Row[];
}

const toBase64 = (bytes: Bytes) => btoa(String.fromCharCode(...bytes));

function fromBase64(text: unknown, field: string, length?: number): Bytes {
  let bytes: Bytes | undefined;
  try {
    if (typeof text === 'string' && text.length < 200)
      bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    // not base64
  }
  if (!bytes || (length !== undefined && bytes.length !== length)) throw wrong(field);
  return bytes;
}

const wrong = (field: string) => new Problem('journal.error.field', { field });
const cut = () => new Problem('journal.error.cut');

const KDF = 'PBKDF2-HMAC-SHA-256';
const IV_BYTES = 12;

/** @param records each is asked for once, in turn: not all of them have to be in memory */
export async function writeArchive(vault: Vault, records: AsyncIterable<Put>): Promise<Blob> {
  const rows: Row[] = [];
  const contents: Blob[] = [];
  for await (const { kind, id, sealed } of records) {
    rows.push({
      kind,
      id,
      ...(sealed.iv ? { iv: toBase64(sealed.iv) } : {}),
      length: sealed.bytes.length,
      sha256: await sha256(sealed.bytes),
    });
    contents.push(new Blob([sealed.bytes]));
  }
  const { lock } = vault;
  const header: Header = {
    format: FORMAT,
    format_version: FORMAT_VERSION,
    lock: lock && {
      kdf: KDF,
      iterations: lock.kdf.iterations,
      salt: toBase64(lock.kdf.salt),
      iv: toBase64(lock.check.iv ?? new Uint8Array()),
      check: toBase64(lock.check.bytes),
    },
    records: rows,
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const prefix = new Uint8Array(PREFIX_BYTES);
  prefix.set(new TextEncoder().encode(MAGIC));
  new DataView(prefix.buffer).setUint32(MAGIC.length, json.length, true);
  return new Blob([prefix, json, ...contents], { type: 'application/octet-stream' });
}

/** A file whose header is sound; its records are checked as they are read. */
export interface Archive {
  lock: Vault['lock'];
  records: { kind: Kind; id: string; read(): Promise<Sealed> }[];
}

/** @throws Problem that names what is wrong */
export async function readArchive(file: Blob): Promise<Archive> {
  const bytes = async (from: number, to: number) =>
    new Uint8Array(await file.slice(from, to).arrayBuffer());
  const prefix = await bytes(0, PREFIX_BYTES);
  const magic = new TextDecoder('latin1').decode(prefix.subarray(0, MAGIC.length));
  if (magic !== MAGIC) throw new Problem('journal.error.format');
  if (prefix.length < PREFIX_BYTES) throw cut();
  const length = new DataView(prefix.buffer).getUint32(MAGIC.length, true);
  if (length > MOST_HEADER_BYTES) throw wrong('header');
  if (file.size < PREFIX_BYTES + length) throw cut();
  const header = parse(await bytes(PREFIX_BYTES, PREFIX_BYTES + length));
  if (header['format'] !== FORMAT) throw wrong('format');
  if (typeof header['format_version'] === 'number' && header['format_version'] > FORMAT_VERSION)
    throw new Problem('journal.error.newer_file');
  if (header['format_version'] !== FORMAT_VERSION) throw wrong('format_version');
  const lock = readLock(header['lock']);
  const rows = header['records'];
  if (!Array.isArray(rows) || rows.length > MOST_RECORDS) throw wrong('records');

  let offset = PREFIX_BYTES + length;
  const seen = new Set<string>();
  const records = rows.map((value: unknown, index) => {
    const row = readRow(value, `records[${index}]`, lock !== null);
    const name = `${row.kind}/${row.id}`;
    if (seen.has(name)) throw wrong(`records[${index}].id`);
    seen.add(name);
    const from = offset;
    offset += row.length;
    return {
      kind: row.kind,
      id: row.id,
      async read(): Promise<Sealed> {
        const content = await bytes(from, from + row.length);
        if ((await sha256(content)) !== row.sha256) throw wrong(`records[${index}].sha256`);
        return { iv: row.iv, bytes: content };
      },
    };
  });
  if (file.size < offset) throw cut();
  if (file.size > offset) throw wrong('length');
  return { lock, records };
}

function parse(bytes: Bytes): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw wrong('header');
  }
  return asObject(value, 'header');
}

function asObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(field);
  return value as Record<string, unknown>;
}

function readLock(value: unknown): Vault['lock'] {
  if (value === null) return null;
  const lock = asObject(value, 'lock');
  const { iterations } = lock;
  if (lock['kdf'] !== KDF) throw wrong('lock.kdf');
  if (
    typeof iterations !== 'number' ||
    !Number.isInteger(iterations) ||
    iterations < ITERATIONS ||
    iterations > MOST_ITERATIONS
  )
    throw wrong('lock.iterations');
  const kdf: Kdf = { iterations, salt: fromBase64(lock['salt'], 'lock.salt', SALT_BYTES) };
  return {
    kdf,
    check: {
      iv: fromBase64(lock['iv'], 'lock.iv', IV_BYTES),
      bytes: fromBase64(lock['check'], 'lock.check'),
    },
  };
}

function readRow(
  value: unknown,
  where: string,
  locked: boolean,
): Omit<Row, 'iv'> & { iv: Bytes | null } {
  const row = asObject(value, where);
  const kind = KINDS.find((known) => known === row['kind']);
  if (!kind) throw wrong(`${where}.kind`);
  const { id, length, sha256: hash } = row;
  if (typeof id !== 'string' || !ID.test(id)) throw wrong(`${where}.id`);
  if (
    typeof length !== 'number' ||
    !Number.isInteger(length) ||
    length < 1 ||
    length > MOST_BYTES[kind]
  )
    throw wrong(`${where}.length`);
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) throw wrong(`${where}.sha256`);
  if ('iv' in row !== locked) throw wrong(`${where}.iv`);
  const iv = locked ? fromBase64(row['iv'], `${where}.iv`, IV_BYTES) : null;
  return { kind, id, length, sha256: hash, iv };
}
