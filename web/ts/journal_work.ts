// The worker's part of the journal: copies of photos to keep, and two kept photos laid over each other.

import { Refusal, type Core, type Outlined } from './core';
import type { JournalAnswer, JournalAsk, KeptPhoto } from './protocol';

/** Pixels of the small picture's longer side: a third of a phone's width at twice the density. */
const THUMBNAIL_SIDE = 240;

export function journalWork(
  core: Core,
  ask: JournalAsk,
): Promise<JournalAnswer[JournalAsk['kind']]> {
  return ask.kind === 'copy' ? copy(ask.photo, ask.side) : align(core, ask.fixed, ask.moving);
}

async function copy(photo: File, side: number): Promise<JournalAnswer['copy']> {
  const bitmap = await opened(photo);
  try {
    const large = drawn(bitmap, side);
    // From the copy, in two steps: a large photo shrunk at once flickers.
    const small = drawn(large, THUMBNAIL_SIDE);
    return {
      photo: await large.convertToBlob({ type: 'image/jpeg', quality: 0.9 }),
      thumbnail: await small.convertToBlob({ type: 'image/jpeg', quality: 0.8 }),
      width: large.width,
      height: large.height,
    };
  } finally {
    bitmap.close();
  }
}

async function align(
  core: Core,
  fixed: KeptPhoto,
  moving: KeptPhoto,
): Promise<JournalAnswer['align']> {
  return core.register(await outlined(fixed), await outlined(moving));
}

async function outlined({ photo, outline }: KeptPhoto): Promise<Outlined> {
  const bitmap = await opened(photo);
  try {
    const { width, height } = bitmap;
    const context = contextOf(new OffscreenCanvas(width, height));
    context.drawImage(bitmap, 0, 0);
    return { pixels: context.getImageData(0, 0, width, height).data, width, height, outline };
  } finally {
    bitmap.close();
  }
}

async function opened(photo: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(photo);
  } catch {
    throw new Refusal("the file can't be read (moved, deleted, or a folder)");
  }
}

/** At most `side` pixels, over white: JPEGs have no transparency. */
function drawn(from: ImageBitmap | OffscreenCanvas, side: number): OffscreenCanvas {
  const scale = Math.min(1, side / Math.max(from.width, from.height));
  const size = (length: number) => Math.max(1, Math.round(length * scale));
  const canvas = new OffscreenCanvas(size(from.width), size(from.height));
  const context = contextOf(canvas);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(from, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (!context) throw new Refusal('not enough memory for this photo');
  return context;
}
