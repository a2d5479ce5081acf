/** What is in a file that was handed over: a text, or what the QR code of a picture says. Nothing leaves the page. */
import type { ReadFile } from '../../../stores/import-box.ts';
import { isPicture, pictureSize } from './picture-size.ts';

/** Bytes of a profile, as the contract has it (which is not loaded here, nor is zod). */
export const maxFileBytes = 8 * 1024 * 1024;
/** Pictures are looked at no larger than so many pixels wide or high: a QR code needs no more. */
const maxSide = 1600;
/** Pixels of a picture that is decoded at all, at four bytes each: those of a good camera. */
export const maxPixels = 50_000_000;
/** Milliseconds that the search for a QR code may take, for each size that is looked at. */
const searchMs = 1500;

export async function readFile(file: Blob): Promise<ReadFile> {
  if (file.size > maxFileBytes) return { trouble: 'TOO_LARGE' };
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isPicture(bytes)) return await readPicture(bytes);
  try {
    return { text: decodeText(bytes), isPicture: false };
  } catch {
    return { trouble: 'NOT_TEXT' };
  }
}

/** UTF-8, or UTF-16 where a byte order mark says so. Throws for anything else. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  if (text.includes('\0')) throw new Error('not a text');
  return text;
}

async function readPicture(bytes: Uint8Array<ArrayBuffer>): Promise<ReadFile> {
  const size = pictureSize(bytes);
  if (size === undefined) return { trouble: 'NOT_IMAGE' };
  if (size.width * size.height > maxPixels) return { trouble: 'PICTURE_TOO_LARGE' };
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes]));
  } catch {
    return { trouble: 'NOT_IMAGE' };
  }
  try {
    const whole = Math.min(1, maxSide / Math.max(bitmap.width, bitmap.height));
    for (const scale of [whole, whole / 2]) {
      const text = await textIn(pixelsOf(bitmap, scale));
      if (text !== undefined) return { text, isPicture: true };
    }
    return { trouble: 'NO_QR' };
  } finally {
    bitmap.close();
  }
}

/** On white: a code on nothing has no contrast. */
function pixelsOf(bitmap: ImageBitmap, scale: number): ImageData {
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (context === null) throw new Error('no canvas');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The decoder is loaded when the first picture comes. */
async function textIn(pixels: ImageData): Promise<string | undefined> {
  const { default: decodeQr } = await import('qr/decode.js');
  try {
    const text = decodeQr(pixels, { timeLimit: searchMs });
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}
