// A photo's small picture for the list, compressed: a few kilobytes, whatever the photo's size.

import type { Pixels } from './protocol';

/** CSS pixels of the longer side in the list, for screens of twice the density. */
const SIDE = 2 * 56;

/** @param pixels the photo, reduced or not; anything above it is laid over white */
export async function thumbnail({ data, width, height }: Pixels): Promise<Blob> {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const small = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const [w, h] = [small[0] ?? 1, small[1] ?? 1];
  const image = new ImageData(new Uint8ClampedArray(data.buffer), width, height);
  const bitmap = await createImageBitmap(image, {
    resizeWidth: w,
    resizeHeight: h,
    resizeQuality: 'medium',
  });
  try {
    const canvas = new OffscreenCanvas(w, h);
    const context = canvas.getContext('2d');
    if (!context) throw new Error('no canvas');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, w, h);
    context.drawImage(bitmap, 0, 0);
    return await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.75 });
  } finally {
    bitmap.close();
  }
}
