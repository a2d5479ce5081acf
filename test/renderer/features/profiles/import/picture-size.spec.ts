import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPicture, pictureSize } from '../../../../../renderer/features/profiles/import/picture-size.ts';
import { maxPixels, readFile } from '../../../../../renderer/features/profiles/import/read-file.ts';

const bytes = (...values: (number | string)[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values.flatMap((value) => (typeof value === 'string' ? [...Buffer.from(value, 'latin1')] : [value])));
const big = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const little = (value: number): number[] => big(value).toReversed();

const png = (width: number, height: number) =>
  bytes('\x89PNG\r\n\x1a\n', 0, 0, 0, 13, 'IHDR', ...big(width), ...big(height), 8, 6, 0, 0, 0);
const jpeg = (width: number, height: number) =>
  // A segment whose contents look like a frame, a fill byte, and the frame.
  bytes('\xff\xd8\xff\xe0\0\x04\xff\xc0', '\xff\xff\xc2\0\x0b\x08', ...big(height * 0x1_00_00 + width), 1, 1, 0x11, 0);
const gif = (width: number, height: number) =>
  bytes('GIF89a', width & 255, width >> 8, height & 255, height >> 8, 0, 0, 0);
const webp = (kind: string, ...rest: number[]) => bytes('RIFF', 0, 0, 0, 0, 'WEBP', kind, 0, 0, 0, 0, ...rest);
const bmp = (width: number, height: number) =>
  bytes('BM', 0, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, ...little(width), ...little(height));

describe('the size of a picture', () => {
  test.each([
    ['PNG', png(640, 480), 640, 480],
    ['a PNG of 3.6 thousand million pixels', png(60_000, 60_000), 60_000, 60_000],
    ['JPEG', jpeg(4000, 3000), 4000, 3000],
    ['GIF', gif(300, 200), 300, 200],
    ['BMP', bmp(300, 200), 300, 200],
    ['BMP, top row first', bmp(300, -200), 300, 200],
    ['WebP, extended', webp('VP8X', 0, 0, 0, 0, 0xff, 0x0f, 0, 0xff, 0x01, 0), 4096, 512],
    ['WebP, without loss', webp('VP8L', 0x2f, 0x7f, 0x42, 0x16, 0), 640, 90],
    ['WebP, with loss', webp('VP8 ', 0, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01), 640, 480],
  ])('%s', (_, picture, width, height) => {
    expect(isPicture(picture)).toBe(true);
    expect(pictureSize(picture)).toEqual({ width, height });
  });

  test.each([
    ['no picture', bytes('rules: []')],
    ['a text that begins as a picture', bytes('BMW: x, RIFF: y')],
    ['one that ends in its head', png(1, 1).subarray(0, 20)],
    ['a JPEG without a frame', bytes(0xff, 0xd8, 0xff, 0xda, 0, 2)],
    ['no pixels', png(0, 5)],
  ])('%s has none', (_, picture) => expect(pictureSize(picture)).toBeUndefined());

  test('texts are no pictures', () => {
    for (const other of [bytes(), bytes('BMW: x'), bytes('RIFF: x'), bytes('rules: []'), bytes(0x89)])
      expect(isPicture(other)).toBe(false);
  });

  test('whatever the bytes are, there is an end and no throw', () => {
    const heads = fc.constantFrom(png(1, 1), jpeg(1, 1), gif(1, 1), bmp(1, 1), webp('VP8X'), bytes(0xff, 0xd8, 0xff));
    fc.assert(
      fc.property(heads, fc.nat(40), fc.uint8Array({ maxLength: 200 }), (head, keep, rest) => {
        const size = pictureSize(new Uint8Array([...head.subarray(0, keep), ...rest]));
        if (size !== undefined) expect(Math.min(size.width, size.height)).toBeGreaterThan(0);
      }),
    );
  });
});

test('one with too many pixels is refused before anything decodes it, whatever it is called', async () => {
  // There is no decoder here: whoever reached for one would fail with NOT_IMAGE.
  expect(await readFile(new Blob([png(60_000, 60_000)]))).toEqual({ trouble: 'PICTURE_TOO_LARGE' });
  expect(await readFile(new Blob([jpeg(65_535, 65_535)]))).toEqual({ trouble: 'PICTURE_TOO_LARGE' });
  expect(await readFile(new Blob([png(maxPixels, 1)]))).toEqual({ trouble: 'NOT_IMAGE' });
  expect(await readFile(new Blob([bytes('\x89PNG')]))).toEqual({ trouble: 'NOT_IMAGE' });
});
