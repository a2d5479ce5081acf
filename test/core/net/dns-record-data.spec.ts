import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage } from '../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../core/net/dns-encoder.ts';
import type { DnsRecord } from '../../../core/net/dns-message.ts';

/** A response with one answer whose owner and class are given, and whose data begins at offset 30. */
function response(type: number, data: readonly number[], rclass = 1): Uint8Array {
  const question = [1, 0x61, 1, 0x62, 0, type >> 8, type & 255, 0, 1]; // a.b
  const head = [
    0xc0,
    12,
    type >> 8,
    type & 255,
    rclass >> 8,
    rclass & 255,
    0,
    0,
    0,
    9,
    data.length >> 8,
    data.length & 255,
  ];
  return Uint8Array.from([0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...question, ...head, ...data]);
}

function answerOf(bytes: Uint8Array): DnsRecord | undefined {
  const decoded = decodeMessage(bytes);
  return decoded.ok ? decoded.message.answers[0] : undefined;
}

function again(bytes: Uint8Array): Uint8Array | undefined {
  const decoded = decodeMessage(bytes);
  return decoded.ok ? encodeMessage(decoded.message) : undefined;
}

const taken = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 17, 18, 21, 24, 26, 28, 30, 33, 35, 36, 39, 41, 46, 47]);

describe('data that is not taken apart', () => {
  test('of any type, class and content goes on as the same bytes (RFC 3597)', () => {
    const type = fc.nat(65_535).filter((number) => number > 0 && !taken.has(number));
    const data = fc.array(fc.nat(255), { maxLength: 80 });
    fc.assert(
      fc.property(type, data, fc.constantFrom(1, 3, 4, 254, 255), (number, bytes, rclass) => {
        const message = response(number, bytes, rclass);
        expect(again(message)).toEqual(message);
      }),
    );
  });

  test.each([
    ['SSHFP of an unassigned kind', 44, [4, 9, 1, 2, 3]],
    ['SSHFP without a fingerprint', 44, []],
    ['TXT whose strings do not fill it', 16, [200, 1]],
    ['CAA that is cut', 257, [0]],
    ['HTTPS with a parameter nobody knows', 65, [0, 1, 0, 0xff, 0, 0, 1, 7]],
    ['NSEC3 of an unknown algorithm', 50, [9, 0, 0, 1, 0, 1, 0xaa]],
    ['LOC of another version', 29, [1]],
    ['TYPE65280', 65_280, [0xc0, 12]],
    ['NAPTR that is cut', 35, [0, 1, 0, 2, 9]],
    ['RP with one name', 17, [0]],
  ])('%s', (_, number, data) => {
    const message = response(number, data);
    expect(again(message)).toEqual(message);
  });

  test('an A record of another class is not an address', () => {
    const message = response(1, [1, 98, 0, 0, 7], 3); // Chaosnet: a name and an address
    expect(again(message)).toEqual(message);
    expect(answerOf(message)).toMatchObject({ class: 3, data: Uint8Array.of(1, 98, 0, 0, 7) });
  });
});

describe('names that a server has compressed', () => {
  test.each([
    ['RP', 17, [0xc0, 12, 0xc0, 14], [1, 97, 1, 98, 0, 1, 98, 0]],
    ['AFSDB', 18, [0, 1, 0xc0, 12], [0, 1, 1, 97, 1, 98, 0]],
    ['NAPTR', 35, [0, 1, 0, 2, 1, 0x75, 0, 0, 0xc0, 14], [0, 1, 0, 2, 1, 0x75, 0, 0, 1, 98, 0]],
    ['TYPE14', 14, [0xc0, 12, 0xc0, 12], [1, 97, 1, 98, 0, 1, 97, 1, 98, 0]],
    ['RRSIG', 46, [...new Uint8Array(18).fill(7), 0xc0, 14, 1, 2], [...new Uint8Array(18).fill(7), 1, 98, 0, 1, 2]],
    ['NSEC', 47, [0xc0, 14, 0, 1, 0x40], [1, 98, 0, 0, 1, 0x40]],
  ])('are whole in %s, which may stand anywhere then', (type, number, data, plain) => {
    expect(answerOf(response(number, data))).toMatchObject({ type, data: Uint8Array.from(plain) });
  });
});

test.each([
  ['A of three bytes', 1, [1, 2, 3]],
  ['AAAA of four bytes', 28, [1, 2, 3, 4]],
  ['CNAME with something behind the name', 5, [1, 97, 0, 7]],
  ['CNAME without end', 5, [1, 97]],
  ['CNAME that goes beyond its data', 5, [3, 97, 98]],
  ['MX without a name', 15, [0, 1]],
  ['SRV that is cut', 33, [0, 1, 0, 2, 0]],
  ['SOA that is cut', 6, [0, 0, 1, 2, 3]],
  ['SOA with more', 6, [0, 0, ...new Uint8Array(21).fill(1)]],
  ['a forward pointer', 2, [0xc0, 60]],
])('%s is malformed', (_, number, data) => {
  expect(decodeMessage(response(number, data))).toMatchObject({ ok: false, reason: 'a record is malformed' });
});
