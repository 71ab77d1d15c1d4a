// A photo that the core doesn't decode itself (all but JPEG) to upright RGBA pixels in its memory, by the
// browser's own decoder.

import { Refusal, type Core, type EncodedInfo } from './core';

/** nevus::kMaxPixels, for the containers that hide their size from the core. */
const MAX_PIXELS = 64_000_000;

/**
 * Decodes, applies the EXIF orientation, writes the pixels into `core`.
 * @param info what the core says of it
 * @return when decoding ended and copying began, by performance.now()
 * @throws Refusal
 */
export async function decodeInto(core: Core, file: Blob, info: EncodedInfo): Promise<number> {
  let bitmap: ImageBitmap;
  try {
    // Pixels as stored: no colour management, no premultiplied alpha, as the native program reads them.
    bitmap = await createImageBitmap(file, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch {
    throw new Refusal(await undecodable(info.codec));
  }
  const decoded = performance.now();
  try {
    const { width, height } = bitmap;
    if (width * height > MAX_PIXELS)
      throw new Refusal(`${width} x ${height} pixels; at most 64 megapixels can be judged`);
    if (!(await copyByFrame(core, bitmap, info.orientation))) copyByCanvas(core, bitmap);
    return decoded;
  } finally {
    bitmap.close();
  }
}

/** Formats that not every browser reads, with their media types. */
const UNCOMMON: Record<string, string> = {
  AVIF: 'image/avif',
  HEIC: 'image/heic',
  TIFF: 'image/tiff',
};

/** Why this browser did not decode a picture of this format, and what to do. */
async function undecodable(codec: string): Promise<string> {
  const type = UNCOMMON[codec];
  if (type === undefined || (await decodes(type)))
    return `the browser can't decode it (damaged ${codec}?)`;
  return codec === 'HEIC'
    ? "this browser can't read HEIC pictures; save it as a JPEG. An iPhone takes JPEGs after Settings > Camera > Formats > Most Compatible"
    : `this browser can't read ${codec} pictures; save it as a JPEG`;
}

/** Whether the browser says that it decodes pictures of the type; where it can't say, it counts as no. */
async function decodes(type: string): Promise<boolean> {
  return typeof ImageDecoder !== 'undefined' && (await ImageDecoder.isTypeSupported(type));
}

/** WebCodecs copies straight into WebAssembly memory. False where it isn't there or can't. */
async function copyByFrame(core: Core, bitmap: ImageBitmap, orientation: number): Promise<boolean> {
  if (typeof VideoFrame === 'undefined') return false;
  let frame: VideoFrame | undefined;
  try {
    frame = new VideoFrame(bitmap, { timestamp: 0 });
    // Formats without alpha say so with an X; copyTo converts, or throws where it can't.
    const layout = { format: 'RGBA', colorSpace: 'srgb' } as VideoFrameCopyToOptions;
    // A bitmap decoded from a photo with an EXIF orientation keeps the stored pixels, and its frame
    // carries the turn as metadata, which copyTo leaves out (Chromium): then the core turns it.
    const { rotation, flip } = frame as VideoFrame & { rotation?: number; flip?: boolean };
    const stored = Boolean(rotation) || Boolean(flip);
    const { width, height } = (stored ? frame.visibleRect : null) ?? bitmap;
    if (stored ? orientation === 1 : frame.displayWidth !== width || frame.displayHeight !== height)
      return false;
    if (frame.allocationSize(layout) !== width * height * 4) return false;
    await frame.copyTo(core.photo(width, height), layout);
    if (stored) core.orient(orientation);
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
