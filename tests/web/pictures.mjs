// Picture files made byte by byte for the tests: PNGs of every kind, EXIF orientations, and files
// that must be refused.

import { readFile } from 'node:fs/promises';
import { crc32 as zlibCrc32, deflateSync } from 'node:zlib';

/** CRC-32 of ISO 3309 (PNG specification, annex D); Node's own where it has one. */
function crc32(bytes) {
  if (zlibCrc32) return zlibCrc32(bytes);
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function chunk(type, data) {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

function header(width, height, depth, type) {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data[8] = depth;
  data[9] = type;
  return chunk('IHDR', data);
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const CHANNELS = { grey: 1, rgb: 3, rgba: 4 };
const TYPES = { grey: 0, rgb: 2, rgba: 6 };

/** A PNG; `sample(x, y, channel)` gives 0 to 2^depth - 1. */
export function png(width, height, kind, depth, sample) {
  const channels = CHANNELS[kind];
  const stride = 1 + (width * channels * depth) / 8;
  const rows = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < channels; c += 1) {
        const at = y * stride + 1 + ((x * channels + c) * depth) / 8;
        if (depth === 16) rows.writeUInt16BE(sample(x, y, c), at);
        else rows[at] = sample(x, y, c);
      }
    }
  }
  return Buffer.concat([
    SIGNATURE,
    header(width, height, depth, TYPES[kind]),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A brown blob with a fine pattern on skin: sharp and bright enough to be judged. 0 to 255. */
export function lesion(x, y, c) {
  const skin = [226, 182, 156];
  const spot = [112, 70, 50];
  const distance = Math.hypot((x - 205) / 1.2, y - 190);
  const inside = Math.min(1, Math.max(0, (110 - distance) / 10));
  const pattern = 14 * Math.sin(x / 3) * Math.cos(y / 4) + ((x * 7 + y * 13) % 11);
  return Math.round(skin[c] * (1 - inside) + spot[c] * inside + pattern);
}

/** A JPEG with an EXIF orientation put into it, as cameras do (Exif 2.32, 4.5.4 and tag 0x0112). */
export function withOrientation(jpeg, orientation) {
  const tiff = Buffer.from(
    'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0',
    'latin1',
  );
  tiff.writeUInt16LE(orientation, 18);
  const exif = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
  const marker = Buffer.from([0xff, 0xe1, 0, 0]);
  marker.writeUInt16BE(exif.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), marker, exif, jpeg.subarray(2)]);
}

/** Two frames of one pixel each. */
function animatedGif() {
  const frame = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
  const start = [...Buffer.from('GIF89a'), 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255];
  return Buffer.from([...start, ...frame, ...frame, 0x3b]);
}

/** A JPEG whose frame header declares four components, as CMYK files do. */
function cmykJpeg() {
  const frame = [
    0xff, 0xc0, 0, 20, 8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0,
  ];
  const scan = [0xff, 0xda, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0, 0];
  return Buffer.from([0xff, 0xd8, ...frame, ...scan, 0xff, 0xd9]);
}

/** A box of ISO/IEC 14496-12; a full box where `version` is given (with flags 0). */
function box(type, content, version) {
  const head = Buffer.alloc(version === undefined ? 8 : 12);
  const body = Buffer.concat([content].flat());
  head.writeUInt32BE(head.length + body.length, 0);
  head.write(type, 4, 'latin1');
  if (version !== undefined) head.writeUInt8(version, 8);
  return Buffer.concat([head, body]);
}
const u16 = (...values) => Buffer.from(values.flatMap((v) => [v >> 8, v & 255]));
const u32 = (...values) => u16(...values.flatMap((v) => [v >>> 16, v & 0xffff]));
const ascii = (text) => Buffer.from(text, 'latin1');

/** One coded picture in the container of AVIF and HEIC (ISO/IEC 23008-12; AV1 Image File Format 1.1). */
function heif({ brand, item, properties, width, height, coded }) {
  const file = (offset) =>
    Buffer.concat([
      box('ftyp', [ascii(brand), u32(0), ascii(`mif1${brand}`)]),
      box(
        'meta',
        [
          box('hdlr', [u32(0), ascii('pict'), u32(0, 0, 0), Buffer.alloc(1)], 0),
          box('pitm', u16(1), 0),
          // One item, one extent: 32-bit offset and length, no base.
          box('iloc', [u16(0x4400, 1, 1, 0, 1), u32(offset, coded.length)], 0),
          box('iinf', [u16(1), box('infe', [u16(1, 0), ascii(item), Buffer.alloc(1)], 2)], 0),
          box('iprp', [
            box('ipco', [
              box('ispe', u32(width, height), 0),
              box('pixi', Buffer.from([3, 8, 8, 8]), 0),
              ...properties,
            ]),
            // The last one, the decoder's configuration, is essential.
            box('ipma', [u32(1), u16(1), Buffer.from([3, 1, 2, 0x83])], 0),
          ]),
        ],
        0,
      ),
      box('mdat', coded),
    ]);
  const { length } = file(0);
  return file(length - coded.length);
}

/** An AVIF of one AV1 key frame: 8 bits, 4:2:0, profile 0. */
export function avif(width, height, coded) {
  const properties = [box('av1C', Buffer.from([0x81, 0x08, 0x0c, 0x00]))];
  return heif({ brand: 'avif', item: 'av01', properties, width, height, coded });
}

/** A HEIC by all that its headers say; the picture in it is none. */
export function heic() {
  const properties = [box('hvcC', Buffer.alloc(23))];
  const coded = Buffer.alloc(64, 0x26);
  return heif({ brand: 'heic', item: 'hvc1', properties, width: 64, height: 64, coded });
}

/** Files that both the page and `nevus predict` must refuse, in the same words. */
export async function badFiles(photo) {
  const jpeg = await readFile(photo);
  const file = (name, buffer, mimeType = 'image/jpeg') => ({ name, mimeType, buffer });
  const huge = Buffer.concat([
    SIGNATURE,
    header(20_000, 20_000, 8, 2),
    chunk('IDAT', deflateSync(Buffer.alloc(100))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
  return [
    file('empty.jpg', Buffer.alloc(0)),
    file('letter.jpg', Buffer.from('Dear Sir or Madam,\n'.repeat(50))),
    file('cut.jpg', jpeg.subarray(0, jpeg.length >> 1)),
    file('huge.png', huge, 'image/png'),
    file('moving.gif', animatedGif(), 'image/gif'),
    file('print.jpg', cmykJpeg()),
  ];
}
