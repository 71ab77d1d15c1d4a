// A photo file to upright RGBA pixels in the core's memory, by the browser's own decoder.

import { Refusal, type Core, type EncodedInfo } from './core';

/** nevus::kMaxPixels, for the containers that hide their size from the core. */
const MAX_PIXELS = 64_000_000;

/** Decodes, applies the EXIF orientation, writes the pixels into `core`. @throws Refusal */
export async function decodeInto(core: Core, file: Blob, info: EncodedInfo): Promise<void> {
  let bitmap: ImageBitmap;
  try {
    // Pixels as stored: no colour management, no premultiplied alpha, as the native program reads them.
    bitmap = await createImageBitmap(file, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch {
    throw new Refusal(
      ['AVIF', 'HEIC', 'TIFF'].includes(info.codec)
        ? `this browser can't read ${info.codec} pictures; save it as a JPEG`
        : `the browser can't decode it (damaged ${info.codec}?)`,
    );
  }
  try {
    const { width, height } = bitmap;
    if (width * height > MAX_PIXELS)
      throw new Refusal(`${width} x ${height} pixels; at most 64 megapixels can be judged`);
    if (!(await copyByFrame(core, bitmap))) copyByCanvas(core, bitmap);
  } finally {
    bitmap.close();
  }
}

/** WebCodecs copies straight into WebAssembly memory. False where it isn't there or can't. */
async function copyByFrame(core: Core, bitmap: ImageBitmap): Promise<boolean> {
  if (typeof VideoFrame === 'undefined') return false;
  let frame: VideoFrame | undefined;
  try {
    frame = new VideoFrame(bitmap, { timestamp: 0 });
    // Formats without alpha say so with an X; copyTo converts, or throws where it can't.
    const layout = { format: 'RGBA', colorSpace: 'srgb' } as VideoFrameCopyToOptions;
    const { width, height } = bitmap;
    if (frame.displayWidth !== width || frame.displayHeight !== height) return false;
    if (frame.allocationSize(layout) !== width * height * 4) return false;
    await frame.copyTo(core.photo(width, height), layout);
    return true;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return false;
  } finally {
    frame?.close();
  }
}

function copyByCanvas(core: Core, bitmap: ImageBitmap): void {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Refusal('not enough memory for this photo');
  context.globalCompositeOperation = 'copy';
  context.drawImage(bitmap, 0, 0);
  core.photo(width, height).set(context.getImageData(0, 0, width, height).data);
}
