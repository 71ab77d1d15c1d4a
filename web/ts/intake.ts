// How photos come in: chosen, dropped (files and folders), pasted.

import type { Photo } from './protocol';

/** Of a folder's files, those that may be photos; a file that was chosen itself is always taken. */
const PHOTO = /\.(jpe?g|jfif|png|webp|avif|hei[cf]|bmp|gif|tiff?)$/i;

/** What a choice holds; nothing at all has a reason. */
export interface Intake {
  photos: Photo[];
  /** In English, as the core's sentences are. */
  reason: string;
}

export function fromFiles(files: Iterable<File>): Photo[] {
  return [...files].map((file) => ({ file, name: file.name }));
}

export async function fromDrop(data: DataTransfer | null): Promise<Intake> {
  // Everything must be asked for before the first wait: the drop is over then.
  const entries = [...(data?.items ?? [])].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...(data?.files ?? [])];
  const folders = entries.filter((entry) => entry?.isDirectory);
  if (folders.length === 0)
    return {
      photos: fromFiles(files),
      reason: 'what was dropped is not a file; save the photo first',
    };
  const photos: Photo[] = [];
  for (const entry of entries) {
    if (entry?.isDirectory) await walk(entry as FileSystemDirectoryEntry, photos);
    else if (entry?.isFile) photos.push(await open(entry as FileSystemFileEntry, entry.name));
  }
  return { photos, reason: 'the folder holds no photos' };
}

export function fromClipboard(data: DataTransfer | null): Intake {
  return { photos: fromFiles(data?.files ?? []), reason: 'the clipboard holds no picture' };
}

/** Depth first, by name. A photo's name is its path within the folder that was dropped. */
async function walk(folder: FileSystemDirectoryEntry, photos: Photo[]): Promise<void> {
  const inside: FileSystemEntry[] = [];
  const reader = folder.createReader();
  // readEntries gives a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve) =>
      reader.readEntries(resolve, () => resolve([])),
    );
    if (some.length === 0) break;
    inside.push(...some);
  }
  inside.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of inside) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry, photos);
    else if (PHOTO.test(entry.name))
      photos.push(await open(entry as FileSystemFileEntry, entry.fullPath.replace(/^\//, '')));
  }
}

/** A file that is gone already is taken as an empty one: it keeps its row and its name. */
async function open(entry: FileSystemFileEntry, name: string): Promise<Photo> {
  const file = await new Promise<File>((resolve) =>
    entry.file(resolve, () => resolve(new File([], entry.name))),
  );
  return { file, name };
}
