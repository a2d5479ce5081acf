/**
 * Just enough of the D-Bus wire format (D-Bus Specification, "Message Protocol") to call a method with string arguments and
 * read a boolean out of the reply. Pure: bytes in, values out.
 */
import { AppError } from '../core/base/app-error.ts';

export interface MethodCall {
  serial: number;
  destination: string;
  path: string;
  interface: string;
  member: string;
  /** Strings, the only type of argument that is needed. */
  args: readonly string[];
}

export interface Reply {
  kind: 'return' | 'error' | 'other';
  /** Serial of the call that is answered; 0 for what answers none. */
  replySerial: number;
  body: Buffer;
}

const methodCall = 1;
const methodReturn = 2;
const errorReply = 3;
const field = { path: 1, interface: 2, member: 3, replySerial: 5, destination: 6, signature: 8 } as const;
/** Larger ones than any reply we ask for. */
const maxMessage = 1 << 20;

/** A little-endian METHOD_CALL message. */
export function encodeCall(call: MethodCall): Buffer {
  const body = new Writer();
  for (const text of call.args) body.string(text);
  const fields = new Writer();
  fields.field(field.path, 'o', call.path);
  fields.field(field.interface, 's', call.interface);
  fields.field(field.member, 's', call.member);
  fields.field(field.destination, 's', call.destination);
  if (call.args.length > 0) fields.field(field.signature, 'g', 's'.repeat(call.args.length));
  const message = new Writer();
  message.bytes([0x6c, methodCall, 0, 1]);
  message.uint32(body.length);
  message.uint32(call.serial);
  message.uint32(fields.length);
  message.bytes(fields.buffer());
  message.align(8);
  message.bytes(body.buffer());
  return message.buffer();
}

/** The first whole message of `data` and how many bytes it took, or undefined when more must come. Throws on nonsense. */
export function decodeMessage(data: Buffer): { reply: Reply; length: number } | undefined {
  if (data.length < 16) return undefined;
  if (data[0] !== 0x6c) throw new AppError('INTERNAL', 'the message bus speaks big-endian');
  const bodyLength = data.readUInt32LE(4);
  const fieldsEnd = 16 + data.readUInt32LE(12);
  const bodyStart = align(fieldsEnd, 8);
  const length = bodyStart + bodyLength;
  if (length > maxMessage) throw new AppError('INTERNAL', 'the message bus sent too much');
  if (data.length < length) return undefined;
  const kinds: Record<number, Reply['kind']> = { [methodReturn]: 'return', [errorReply]: 'error' };
  const reply: Reply = {
    kind: kinds[data[1] ?? 0] ?? 'other',
    replySerial: findReplySerial(data.subarray(0, fieldsEnd)),
    body: data.subarray(bodyStart, length),
  };
  return { reply, length };
}

/** Reads a body of signature `v` that holds a boolean; undefined when it holds something else. */
export function booleanVariant(body: Buffer): boolean | undefined {
  const isBoolean = body.length >= 8 && body[0] === 1 && body[1] === 0x62 && body[2] === 0;
  return isBoolean ? body.readUInt32LE(4) === 1 : undefined;
}

function findReplySerial(header: Buffer): number {
  let at = 16;
  while (at + 8 <= header.length) {
    at = align(at, 8);
    const code = header[at];
    const signature = String.fromCharCode(header[at + 2] ?? 0);
    at += 4;
    if (signature === 'u') {
      if (code === field.replySerial) return header.readUInt32LE(at);
      at += 4;
    } else if (signature === 'g') {
      at += 2 + (header[at] ?? 0);
    } else {
      at += 5 + header.readUInt32LE(at);
    }
  }
  return 0;
}

function align(at: number, to: number): number {
  return Math.ceil(at / to) * to;
}

class Writer {
  readonly #data: number[] = [];

  get length(): number {
    return this.#data.length;
  }

  buffer(): Buffer {
    return Buffer.from(this.#data);
  }

  bytes(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#data.push(byte);
  }

  align(to: number): void {
    while (this.#data.length % to !== 0) this.#data.push(0);
  }

  uint32(value: number): void {
    this.align(4);
    this.bytes([value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255]);
  }

  string(text: string): void {
    const bytes = Buffer.from(text);
    this.uint32(bytes.length);
    this.bytes([...bytes, 0]);
  }

  /** One header field: a structure of code and variant. Fields begin at an offset of 16, which keeps the alignment. */
  field(code: number, signature: 's' | 'o' | 'g', value: string): void {
    this.align(8);
    this.bytes([code, 1, signature.charCodeAt(0), 0]);
    if (signature === 'g') this.bytes([value.length, ...Buffer.from(value), 0]);
    else this.string(value);
  }
}
