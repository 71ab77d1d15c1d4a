// Encryption of what is kept: AES-GCM with 256 bits and a fresh random 96-bit IV a record (NIST SP
// 800-38D, 8.2.2), under a key made of the passphrase by PBKDF2-HMAC-SHA-256. Without a passphrase
// records are kept as they are.

import { Problem } from './problem';

export type Bytes = Uint8Array<ArrayBuffer>;

/** How the key is made. */
export interface Kdf {
  iterations: number;
  salt: Bytes;
}

/** A record's content; iv null: not encrypted. */
export interface Sealed {
  iv: Bytes | null;
  bytes: Bytes;
}

/** OWASP Password Storage Cheat Sheet, 2023, for PBKDF2-HMAC-SHA-256. */
export const ITERATIONS = 600_000;
/** A file that asks for more would only keep the device busy. */
export const MOST_ITERATIONS = 10_000_000;
export const SALT_BYTES = 16;
const IV_BYTES = 12;
/** NIST SP 800-63B, 5.1.1.2. */
export const LEAST_PASSPHRASE = 8;

const text = new TextEncoder();

export function newKdf(): Kdf {
  return { iterations: ITERATIONS, salt: crypto.getRandomValues(new Uint8Array(SALT_BYTES)) };
}

/** The key stays in memory and can't be read out. */
export async function deriveKey(passphrase: string, { iterations, salt }: Kdf): Promise<CryptoKey> {
  // The same words in another normal form (another keyboard) are the same passphrase.
  const raw = text.encode(passphrase.normalize('NFKC'));
  const material = await crypto.subtle.importKey('raw', raw, 'PBKDF2', false, ['deriveKey']);
  return crypto.subtle.deriveKey(
    { name: 'PBKDF2', hash: 'SHA-256', iterations, salt },
    material,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
}

/** @param label what the record is; it opens under no other */
export async function seal(key: CryptoKey | null, label: string, bytes: Bytes): Promise<Sealed> {
  if (!key) return { iv: null, bytes };
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const algorithm = { name: 'AES-GCM', iv, additionalData: text.encode(label) };
  return { iv, bytes: new Uint8Array(await crypto.subtle.encrypt(algorithm, key, bytes)) };
}

/** @throws Problem where the key is another one, or the record was changed */
export async function unseal(
  key: CryptoKey | null,
  label: string,
  { iv, bytes }: Sealed,
): Promise<Bytes> {
  if ((iv === null) !== (key === null)) throw new Problem('journal.error.damaged');
  if (!key || !iv) return bytes;
  const algorithm = { name: 'AES-GCM', iv, additionalData: text.encode(label) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, bytes));
  } catch {
    throw new Problem('journal.error.damaged');
  }
}

const CHECK = 'nevus-journal';

/** Something to try a passphrase on. */
export function sealCheck(key: CryptoKey): Promise<Sealed> {
  return seal(key, CHECK, text.encode(CHECK));
}

export async function opens(key: CryptoKey, check: Sealed): Promise<boolean> {
  return unseal(key, CHECK, check).then(
    () => true,
    () => false,
  );
}

export async function sha256(bytes: Bytes): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function toBytes(value: unknown): Bytes {
  return text.encode(JSON.stringify(value));
}

export function fromBytes(bytes: Bytes, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new Problem('journal.error.field', { field: where });
  }
}
