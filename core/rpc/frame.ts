/** The outermost form on the control socket: 4 bytes big-endian length, then that many bytes of JSON. Knows no messages. */
import { AppError } from '../base/app-error.ts';

/** Bytes of JSON in one frame, the header not counted. */
export const maxFrameBytes = 4 * 1024 * 1024;

const headerBytes = 4;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** One frame of a JSON value. Throws RPC_TOO_LARGE beyond `maxFrameBytes`. */
export function encodeFrame(value: unknown): Buffer {
  return frameText(JSON.stringify(value));
}

/** One frame of what is JSON text already. Throws RPC_TOO_LARGE beyond `maxFrameBytes`. */
export function frameText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  if (length > maxFrameBytes) throw tooLarge(length);
  // Not from the pool of small buffers: one that waits for a slow reader would keep 64 KiB of it.
  const frame = Buffer.allocUnsafeSlow(headerBytes + length);
  frame.writeUInt32BE(length, 0);
  frame.write(text, headerBytes);
  return frame;
}

/** Finds frames in a byte stream that arrives in any pieces. Holds at most one frame, whatever the other end announces. */
export class FrameDecoder {
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #body: Buffer | undefined;
  #bodyFilled = 0;

  /**
   * Yields the value of every frame that `chunk` completes; consume it whole before the next call. Throws RPC_BAD_FRAME or
   * RPC_TOO_LARGE; the stream has lost its place then and must be closed.
   */
  *push(chunk: Uint8Array): Generator<unknown, void, undefined> {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#body === undefined) {
        offset += this.#readHeader(chunk, offset);
        if (this.#body === undefined) return;
      }
      const piece = chunk.subarray(offset, offset + this.#body.length - this.#bodyFilled);
      this.#body.set(piece, this.#bodyFilled);
      this.#bodyFilled += piece.length;
      offset += piece.length;
      if (this.#bodyFilled < this.#body.length) return;
      const body = this.#body;
      this.#body = undefined;
      this.#headerFilled = 0;
      yield parseJson(decodeText(body));
    }
  }

  /** Takes what belongs to the header; allocates the body once its length is known and allowed. Answers the bytes taken. */
  #readHeader(chunk: Uint8Array, offset: number): number {
    const piece = chunk.subarray(offset, offset + headerBytes - this.#headerFilled);
    this.#header.set(piece, this.#headerFilled);
    this.#headerFilled += piece.length;
    if (this.#headerFilled === headerBytes) {
      const length = this.#header.readUInt32BE(0);
      if (length > maxFrameBytes) throw tooLarge(length);
      if (length === 0) throw new AppError('RPC_BAD_FRAME', 'the frame is empty');
      this.#body = Buffer.allocUnsafeSlow(length);
      this.#bodyFilled = 0;
    }
    return piece.length;
  }
}

/**
 * Reads JSON from the other end. A key `__proto__` is refused: as an own property it is harmless until somebody copies it
 * by assignment, and nobody has a reason to send it.
 */
export function parseJson(text: string): unknown {
  try {
    return /__proto__|\\u005f/i.test(text) ? JSON.parse(text, refuseProto) : JSON.parse(text);
  } catch (error) {
    throw AppError.from(error, 'RPC_BAD_FRAME', 'the frame is not JSON');
  }
}

function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new AppError('RPC_BAD_FRAME', 'the frame has a key "__proto__"');
  return value;
}

export function decodeText(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch (error) {
    throw new AppError('RPC_BAD_FRAME', 'the frame is not UTF-8', { cause: error });
  }
}

function tooLarge(length: number): AppError {
  return new AppError('RPC_TOO_LARGE', `a frame of ${length} bytes is more than the ${maxFrameBytes} allowed`);
}
