// Model packages made of the shipped one, byte by byte (protobuf, ONNX's onnx.proto), for tests.

import { createHash } from 'node:crypto';

function varint(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
function part(field, content) {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

/** The fields of a message whose fields are all numbers or byte strings. */
function* fields(bytes) {
  let at = 0;
  const read = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const key = read();
    const length = read();
    const content = (key & 7) === 2 ? bytes.subarray(at, (at += length)) : undefined;
    yield { field: key >> 3, content, whole: bytes.subarray(start, at) };
  }
}

function node(type, input, output, attributes = []) {
  return part(
    1,
    Buffer.concat([
      part(1, input),
      part(2, output),
      part(4, type),
      ...attributes.map((a) => part(5, a)),
    ]),
  );
}
const INT = 2;
const INTS = 7;

/**
 * The package with an output \`distance\` that is the photo's mean brightness in the network's own units,
 * and a typicality that accepts up to \`limit\`: bright photos are unlike the training photos.
 */
export function withBrightnessLimit(onnx, limit) {
  const parts = [];
  let hash;
  let description;
  for (const { field, content, whole } of fields(onnx)) {
    if (field === 7) {
      const axes = Buffer.concat([part(1, 'axes'), number(8, 1), number(8, 2), number(20, INTS)]);
      const keep = Buffer.concat([part(1, 'keepdims'), number(3, 0), number(20, INT)]);
      const side = (value) => part(1, value === undefined ? part(2, 'N') : number(1, value));
      const shape = Buffer.concat([side(), side(1)]);
      const type = part(1, Buffer.concat([number(1, 1), part(2, shape)]));
      const graph = Buffer.concat([
        content,
        node('GlobalAveragePool', 'image', 'mean_of_channels'),
        node('ReduceMean', 'mean_of_channels', 'distance', [axes, keep]),
        part(12, Buffer.concat([part(1, 'distance'), part(2, type)])),
      ]);
      hash = createHash('sha256').update(graph).digest('hex');
      parts.push(part(7, graph));
    } else if (field === 14) {
      description = JSON.parse([...fields(content)].find((one) => one.field === 2).content);
    } else {
      parts.push(whole);
    }
  }
  // What the self-test's input (seed 1) gives.
  const typicality = { limit, accepted: 0.5, self_test: 0.0711 };
  const text = JSON.stringify({ ...description, sha256: hash, typicality });
  parts.push(part(14, Buffer.concat([part(1, 'nevus.model'), part(2, text)])));
  return Buffer.concat(parts);
}
