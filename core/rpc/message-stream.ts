/**
 * Messages to and from bytes. One that is too large for a frame (a configuration with 100,000 rules) travels as `part`
 * frames that hold pieces of its JSON text; other messages may come between them, another part message may not.
 */
import { z } from 'zod';
import { AppError } from '../base/app-error.ts';
import { maxConfigBytes } from '../contract/config.ts';
import { encodeFrame, FrameDecoder, frameText, maxFrameBytes, parseJson } from './frame.ts';

/** Bytes of JSON in one message, in however many parts: a configuration, and what says whose it is. */
export const maxMessageBytes = maxConfigBytes + 1024 * 1024;

/** UTF-16 units a part; at most three bytes each, escapes included (JSON text holds no control characters). */
const partUnits = 1024 * 1024;

const partSchema = z.strictObject({ kind: z.literal('part'), last: z.boolean(), text: z.string().max(partUnits) });

/** The frames of a message, in order. Throws RPC_TOO_LARGE beyond `maxMessageBytes`. */
export function encodeMessage(message: object): Buffer[] {
  const text = JSON.stringify(message);
  const length = Buffer.byteLength(text);
  if (length <= maxFrameBytes) return [frameText(text)];
  if (length > maxMessageBytes) throw tooLarge();
  const frames: Buffer[] = [];
  for (let at = 0; at < text.length; at += partUnits) {
    const last = at + partUnits >= text.length;
    frames.push(encodeFrame({ kind: 'part', last, text: text.slice(at, at + partUnits) }));
  }
  return frames;
}

/** Frames and parts to messages; what a message means is not looked at. */
export class MessageDecoder {
  readonly #frames = new FrameDecoder();
  #parts: string[] = [];
  #partsBytes = 0;

  /** Yields every message that `chunk` completes; consume it whole. Throws as `FrameDecoder.push`. */
  *push(chunk: Uint8Array): Generator<unknown, void, undefined> {
    for (const value of this.#frames.push(chunk)) {
      if (!isPart(value)) {
        yield value;
        continue;
      }
      const part = partSchema.safeParse(value);
      if (!part.success) throw new AppError('RPC_BAD_FRAME', 'a part of a message is malformed');
      this.#partsBytes += Buffer.byteLength(part.data.text);
      if (this.#partsBytes > maxMessageBytes) throw tooLarge();
      this.#parts.push(part.data.text);
      if (part.data.last) yield this.#join();
    }
  }

  #join(): unknown {
    const text = this.#parts.join('');
    this.#parts = [];
    this.#partsBytes = 0;
    const message = parseJson(text);
    if (isPart(message)) throw new AppError('RPC_BAD_FRAME', 'a part inside of parts');
    return message;
  }
}

function isPart(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'part';
}

function tooLarge(): AppError {
  return new AppError('RPC_TOO_LARGE', `a message of more than ${maxMessageBytes} bytes`, {
    expected: 'a smaller configuration',
  });
}
