/** Where the body of an HTTP/1.x request ends (RFC 9112 section 6), told while its bytes pass. It changes no byte. */
import { type HttpRequestHead, headerValues } from './http-request.ts';

export type HttpBodyLength = { readonly kind: 'bytes'; readonly bytes: number } | { readonly kind: 'chunked' };

/** Undefined when the length is ambiguous or cannot be read: such a request must not be passed on. */
export function httpBodyLength(head: HttpRequestHead): HttpBodyLength | undefined {
  const codings = headerValues(head, 'transfer-encoding');
  const lengths = headerValues(head, 'content-length');
  if (codings.length > 0) {
    const chunked =
      lengths.length === 0 && head.version === '1.1' && codings.join(',').trim().toLowerCase() === 'chunked';
    return chunked ? { kind: 'chunked' } : undefined;
  }
  const [length = '0'] = lengths;
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) return undefined;
  return { kind: 'bytes', bytes: Number(length) };
}

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
        this.#line += String.fromCharCode(bytes[place] ?? 0);
        place += 1;
        if (this.#line.endsWith('\n') && !this.#takeLine(this.#line)) return undefined;
        if (this.#line.length > 4096) return undefined;
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
