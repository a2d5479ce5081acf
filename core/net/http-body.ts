/** Where the body of an HTTP/1.x message ends (RFC 9112 section 6), told while its bytes pass. It changes no byte. */
import { fieldTokens, latin1 } from './http-fields.ts';
import type { HttpRequestHead } from './http-request.ts';

export type HttpBodyLength = { readonly kind: 'bytes'; readonly bytes: number } | { readonly kind: 'chunked' };

/**
 * Of a request. Undefined when the length is ambiguous or cannot be read: such a request must not be passed on. Equal lengths are
 * one (section 6.3); other codings may stand before a single `chunked`, the last one (section 6.1).
 */
export function httpBodyLength({ headers, version }: HttpRequestHead): HttpBodyLength | undefined {
  const codings = fieldTokens(headers, 'transfer-encoding');
  const hasCoding = headers.some(([name]) => name.toLowerCase() === 'transfer-encoding');
  const lengths = fieldTokens(headers, 'content-length');
  const hasLength = headers.some(([name]) => name.toLowerCase() === 'content-length');
  if (hasCoding) {
    const isFramed =
      codings.indexOf('chunked') === codings.length - 1 && codings.every((coding) => /^[a-z0-9-]+$/.test(coding));
    return isFramed && codings.length > 0 && !hasLength && version === '1.1' ? { kind: 'chunked' } : undefined;
  }
  if (!hasLength) return { kind: 'bytes', bytes: 0 };
  const [length = ''] = lengths;
  return new Set(lengths).size === 1 && /^\d{1,15}$/.test(length)
    ? { kind: 'bytes', bytes: Number(length) }
    : undefined;
}

const lineFeed = 0x0a;
/** Characters of a chunk's size with its extensions, and of a trailer. */
const maxLine = 4096;

type ChunkPart = 'size' | 'data' | 'data-end' | 'trailer';

/** Follows one body. Feed it every byte behind the head, in order. */
export class HttpBodyEnd {
  /** Bytes still to come of the present part: the whole body, or a chunk's data. */
  #left: number;
  #part: ChunkPart | 'plain' | 'over';
  /** The line being read: a chunk's size, or a trailer. */
  #line = '';

  constructor(length: HttpBodyLength) {
    this.#left = length.kind === 'bytes' ? length.bytes : 0;
    this.#part = length.kind === 'chunked' ? 'size' : length.bytes === 0 ? 'over' : 'plain';
  }

  get over(): boolean {
    return this.#part === 'over';
  }

  /** How many of these bytes belong to the body; undefined when its framing is broken. */
  take(bytes: Uint8Array): number | undefined {
    let place = 0;
    while (place < bytes.length && this.#part !== 'over') {
      if (this.#part === 'plain' || this.#part === 'data') {
        const step = Math.min(this.#left, bytes.length - place);
        this.#left -= step;
        place += step;
        if (this.#left === 0) this.#part = this.#part === 'plain' ? 'over' : 'data-end';
      } else {
        const feed = bytes.indexOf(lineFeed, place);
        const end = feed < 0 ? bytes.length : feed + 1;
        if (this.#line.length + end - place > maxLine) return undefined;
        this.#line += latin1(bytes, place, end);
        place = end;
        if (feed >= 0 && !this.#takeLine(this.#line)) return undefined;
      }
    }
    return place;
  }

  /** A whole line of the framing; false when it cannot stand there. */
  #takeLine(line: string): boolean {
    this.#line = '';
    if (this.#part === 'size') {
      const [, size] = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r\n]*)?\r\n$/.exec(line) ?? [];
      if (size === undefined) return false;
      this.#left = Number.parseInt(size, 16);
      this.#part = this.#left === 0 ? 'trailer' : 'data';
      return true;
    }
    if (this.#part === 'data-end') {
      this.#part = 'size';
      return line === '\r\n';
    }
    if (line === '\r\n') this.#part = 'over';
    return line.endsWith('\r\n');
  }
}
