// Does turning the photo change the answer? The network's input under the eight symmetries of the
// square: four quarter turns, each also mirrored.

/**
 * One of the eight views of a planar picture.
 * @param tensor channels * side * side values, channel by channel, rows from the top
 * @param view 0 (as it is) to 7; bit 2 transposes, bit 1 mirrors top to bottom, bit 0 left to right
 */
export function turned(
  tensor: Float32Array,
  side: number,
  view: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(tensor.length);
  const last = side - 1;
  const area = side * side;
  for (let plane = 0; plane < tensor.length; plane += area) {
    for (let y = 0; y < side; y += 1) {
      for (let x = 0; x < side; x += 1) {
        const u = view & 1 ? last - x : x;
        const v = view & 2 ? last - y : y;
        const from = view & 4 ? u * side + v : v * side + u;
        out[plane + y * side + x] = tensor[plane + from] ?? 0;
      }
    }
  }
  return out;
}

export const VIEWS = 8;
