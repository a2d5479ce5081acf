/** Fields of a Protocol Buffers message (https://protobuf.dev/programming-guides/encoding), one after the other. */
import { notReadable } from './format-error.ts';

export type ProtobufField =
  | { readonly number: number; readonly kind: 'number'; readonly value: number; readonly offset: number }
  /** `start` to `end` of the bytes that were read. */
  | {
      readonly number: number;
      readonly kind: 'bytes';
      readonly start: number;
      readonly end: number;
      readonly offset: number;
    };

/** Throws `FormatError` with the offset of what is malformed. Numbers above 2^53 are cut. */
export function* fieldsOf(bytes: Buffer, start = 0, end = bytes.length): Generator<ProtobufField> {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let i = 0; ; i++) {
      const byte = at < end ? bytes[at] : undefined;
      if (byte === undefined || i === 10) throw notReadable('a number is cut off', at);
      at += 1;
      if (i < 8) value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
  };
  while (at < end) {
    const offset = at;
    const key = varint();
    const number = Math.floor(key / 8);
    const wire = key % 8;
    if (number === 0) throw notReadable('a field without a number', offset);
    if (wire === 0) {
      yield { number, kind: 'number', value: varint(), offset };
      continue;
    }
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : undefined;
    if (length === undefined) throw notReadable(`a field of the unknown type ${wire}`, offset);
    if (length > end - at) throw notReadable('a field is longer than what it is in', offset);
    if (wire === 2) yield { number, kind: 'bytes', start: at, end: at + length, offset };
    at += length;
  }
}
