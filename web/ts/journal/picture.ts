// A JPEG's size without decoding it: a file that claims to be a photo is looked at before the browser
// sets memory aside for it.

import type { Bytes } from './seal';

export interface Size {
  width: number;
  height: number;
}

/** Width and height of the first frame header (ITU-T T.81, B.2.2); undefined: no JPEG. */
export function jpegSize(bytes: Bytes): Size | undefined {
  const at = (offset: number) => bytes[offset] ?? 0;
  if (at(0) !== 0xff || at(1) !== 0xd8) return undefined;
  for (let offset = 2; offset + 9 < bytes.length && at(offset) === 0xff;) {
    const marker = at(offset + 1);
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame)
      return {
        height: (at(offset + 5) << 8) + at(offset + 6),
        width: (at(offset + 7) << 8) + at(offset + 8),
      };
    if (marker === 0xda) return undefined;
    offset += 2 + (at(offset + 2) << 8) + at(offset + 3);
  }
  return undefined;
}

export function jpegBlob(bytes: Bytes): Blob {
  return new Blob([bytes], { type: 'image/jpeg' });
}

/** Whether the browser can show it, at the size that it is said to have. */
export async function isPicture(bytes: Bytes, { width, height }: Size): Promise<boolean> {
  const size = jpegSize(bytes);
  if (size?.width !== width || size.height !== height) return false;
  try {
    const bitmap = await createImageBitmap(jpegBlob(bytes));
    const right = bitmap.width === width && bitmap.height === height;
    bitmap.close();
    return right;
  } catch {
    return false;
  }
}
