/**
 * How many pixels a picture has, by its first bytes: whoever decodes one pays for its pixels, not for its bytes. Knows PNG, JPEG,
 * GIF, WebP and BMP; decodes nothing. Pure.
 */

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Undefined for what is none of these, or ends before it says. */
export function pictureSize(bytes: Uint8Array): PictureSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = readers.find(({ begins }) => begins.every(([at, text]) => isAt(bytes, at, text)));
  try {
    const size = read?.size(view);
    return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined;
  } catch {
    return undefined; // it ends too soon
  }
}

/** Whether the first bytes are those of a picture; what it is called says nothing. */
export function isPicture(bytes: Uint8Array): boolean {
  return readers.some(({ begins }) => begins.every(([at, text]) => isAt(bytes, at, text)));
}

interface Reader {
  readonly begins: readonly (readonly [at: number, text: string])[];
  /** Throws a RangeError where the bytes end. */
  readonly size: (view: DataView) => PictureSize | undefined;
}

const readers: readonly Reader[] = [
  // PNG (third edition) section 11.2.1: IHDR is the first chunk.
  {
    begins: [[0, '\x89PNG']],
    size: (view) =>
      view.getUint32(12) === 0x49_48_44_52 ? { width: view.getUint32(16), height: view.getUint32(20) } : undefined,
  },
  { begins: [[0, '\xff\xd8\xff']], size: jpegSize },
  // GIF89a section 18: the logical screen.
  { begins: [[0, 'GIF8']], size: (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }) },
  {
    begins: [
      [0, 'RIFF'],
      [8, 'WEBP'],
    ],
    size: webpSize,
  },
  // BITMAPFILEHEADER, whose bytes 6 to 9 are 0, then a header that begins with its own size.
  {
    begins: [
      [0, 'BM'],
      [6, '\0\0\0\0'],
    ],
    size: (view) =>
      view.getUint32(14, true) === 12
        ? { width: view.getUint16(18, true), height: view.getUint16(20, true) }
        : { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) },
  },
];

/** ITU T.81 annex B.1.1.4: segments with their lengths, until the one that begins a frame. */
function jpegSize(view: DataView): PictureSize | undefined {
  for (let at = 2; ; ) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // fill bytes
    } else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    } else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2; // without a length
    } else if (marker === 0xd9 || marker === 0xda) {
      return undefined; // its data begin, or it ends
    } else {
      at += 2 + Math.max(2, view.getUint16(at + 2));
    }
  }
}

/** RFC 9649 section 2: the first chunk is VP8X, VP8L or VP8. */
function webpSize(view: DataView): PictureSize | undefined {
  const kind = view.getUint32(12);
  const uint24 = (at: number): number => view.getUint16(at, true) + view.getUint8(at + 2) * 0x1_00_00;
  if (kind === 0x56_50_38_58) return { width: uint24(24) + 1, height: uint24(27) + 1 };
  if (kind === 0x56_50_38_4c) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (kind !== 0x56_50_38_20) return undefined;
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

function isAt(bytes: Uint8Array, at: number, text: string): boolean {
  return Array.from(text).every((character, i) => bytes[at + i] === character.charCodeAt(0));
}
