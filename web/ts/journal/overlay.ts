// Two kept photos in one frame: which part is shown, and how the later one is laid over the earlier.

import type { Alignment } from '../protocol';
import type { Entry } from './entry';

/** A kept photo, decoded. */
export interface Shown {
  entry: Entry;
  bitmap: ImageBitmap;
}

/** As CanvasTransform.setTransform takes it. */
type Matrix = [number, number, number, number, number, number];

/** A square of the photo, pixels: around the lesion, else all of it. */
interface Frame {
  x: number;
  y: number;
  side: number;
}

export function frameOf({ photo, answer }: Entry): Frame {
  const crop = answer.figures?.crop;
  if (!crop) {
    const side = Math.max(photo.width, photo.height);
    return { x: (photo.width - side) / 2, y: (photo.height - side) / 2, side };
  }
  const side = Math.max(crop.width, crop.height);
  return {
    x: crop.x + crop.width / 2 - side / 2,
    y: crop.y + crop.height / 2 - side / 2,
    side,
  };
}

/** A photo's pixels to a canvas of `size` pixels that shows `frame`. */
function intoFrame({ x, y, side }: Frame, size: number): Matrix {
  const scale = size / side;
  return [scale, 0, 0, scale, -x * scale, -y * scale];
}

/** The later photo's pixels to a canvas that shows `frame` of the earlier one. */
function over({ x, y, side }: Frame, size: number, { transform }: Alignment): Matrix {
  const scale = size / side;
  const { a, b, tx, ty } = transform;
  return [scale * a, scale * b, -scale * b, scale * a, scale * (tx - x), scale * (ty - y)];
}

/** Where each photo lies on a canvas of `size` pixels. @param alignment undefined: each by itself */
export function places(
  first: Entry,
  second: Entry,
  alignment: Alignment | undefined,
  size: number,
): [Matrix, Matrix] {
  const frame = frameOf(first);
  return [
    intoFrame(frame, size),
    alignment ? over(frame, size, alignment) : intoFrame(frameOf(second), size),
  ];
}

export function draw(
  context: CanvasRenderingContext2D,
  { entry, bitmap }: Shown,
  place: Matrix,
  outlined: boolean,
): void {
  context.save();
  context.transform(...place);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, entry.photo.width, entry.photo.height);
  const outline = entry.answer.figures?.outline;
  if (outlined && outline) {
    context.beginPath();
    for (const [x, y] of outline) context.lineTo(x, y);
    context.closePath();
    const scale = Math.hypot(place[0], place[1]);
    // Dark below light: seen on light skin and on a dark spot.
    for (const [width, colour] of [
      [4, 'rgb(0 0 0 / 55%)'],
      [1.75, '#fff'],
    ] as const) {
      context.lineWidth = (width * devicePixelRatio) / scale;
      context.strokeStyle = colour;
      context.stroke();
    }
  }
  context.restore();
}
