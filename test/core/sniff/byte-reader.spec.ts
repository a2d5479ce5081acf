import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from '../../../core/sniff/byte-reader.ts';

test('integers in network order, of QUIC by their first two bits (RFC 9000 appendix A.1)', () => {
  expect(new ByteReader(Buffer.from('01020304', 'hex')).uint(3)).toBe(0x010203);
  expect(new ByteReader(Buffer.from('25', 'hex')).varint()).toBe(37);
  expect(new ByteReader(Buffer.from('7bbd', 'hex')).varint()).toBe(15_293);
  expect(new ByteReader(Buffer.from('9d7f3e7d', 'hex')).varint()).toBe(494_878_333);
  const large = new ByteReader(Buffer.from('c2197c5eff14e88c', 'hex'));
  expect([large.varint(), large.failed]).toEqual([0, true]); // beyond what a number holds exactly
});

test('after a field that is not whole nothing is read any more', () => {
  const reader = new ByteReader(Buffer.from([1, 2, 3]));
  expect(reader.bytes(4)).toHaveLength(0);
  expect([reader.failed, reader.left, reader.uint(1)]).toEqual([true, 0, 0]);
});

test('any bytes, any order of fields: never beyond the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(fc.nat(6)), (bytes, steps) => {
      const reader = new ByteReader(bytes);
      for (const step of steps) {
        if (step === 0) reader.varint();
        else if (step <= 4) reader.uint(step as 1 | 2 | 3 | 4);
        else reader.bytes(step);
        expect(reader.at).toBeLessThanOrEqual(bytes.length);
        expect(reader.left).toBe(reader.failed ? 0 : bytes.length - reader.at);
      }
    }),
  );
});
