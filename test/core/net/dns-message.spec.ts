import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage } from '../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../core/net/dns-encoder.ts';
import { addressOf, type DnsMessage, isEncodableName, queryFor, responseTo } from '../../../core/net/dns-message.ts';
import { fairClock } from '../../support/fair-clock.ts';

const edns = { udpSize: 1232, version: 0, dnssecOk: false };

function decoded(bytes: Uint8Array): DnsMessage {
  const result = decodeMessage(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.message;
}

const label = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzABCDEFXYZ0123456789-_éß'.split('')),
  minLength: 1,
  maxLength: 20,
});
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const type = fc.constantFrom('A', 'AAAA', 'TXT', 'HTTPS', 'SVCB', 'MX', 'PTR', 'TYPE4711');
const record = fc.oneof(
  fc.record({ name, type: fc.constant('A'), ttl: fc.nat(100_000), data: fc.ipV4() }),
  fc.record({ name, type: fc.constant('CNAME'), ttl: fc.nat(100_000), data: name }),
  fc.record({
    name,
    type: fc.constantFrom('HTTPS', 'TYPE4711'),
    ttl: fc.nat(100_000),
    data: fc.uint8Array({ maxLength: 40 }),
  }),
);
const message: fc.Arbitrary<DnsMessage> = fc.record({
  id: fc.nat(65_535),
  response: fc.boolean(),
  opcode: fc.nat(15),
  rcode: fc.constantFrom('NOERROR', 'NXDOMAIN', 'REFUSED', 'RCODE12'),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  authenticData: fc.boolean(),
  checkingDisabled: fc.boolean(),
  questions: fc.array(fc.record({ name, type, class: fc.nat(65_535) }), { maxLength: 2 }),
  answers: fc.array(record, { maxLength: 4 }),
  authorities: fc.array(record, { maxLength: 2 }),
  additionals: fc.array(record, { maxLength: 2 }),
  edns: fc.record({ udpSize: fc.nat(65_535), version: fc.constant(0), dnssecOk: fc.boolean() }),
});

describe('round trip', () => {
  test('whatever is encoded is decoded the same, with case, class and types without a name', () => {
    fc.assert(
      fc.property(message, (original) => {
        expect(decoded(encodeMessage(original))).toEqual(original);
      }),
    );
  });

  test('HTTPS and SVCB have their numbers on the wire', () => {
    const bytes = encodeMessage(queryFor(7, 'example.com', 'HTTPS', undefined));
    expect(Buffer.from(bytes).readUInt16BE(bytes.length - 4)).toBe(65);
    expect(decoded(bytes).questions).toEqual([{ name: 'example.com', type: 'HTTPS', class: 1 }]);
  });

  test('the root is a name', () => {
    expect(decoded(encodeMessage(queryFor(1, '', 'NS', undefined))).questions[0]?.name).toBe('.');
  });

  test('an extended rcode travels in the OPT record', () => {
    const query = queryFor(3, 'example.com', 'A', edns);
    expect(decoded(encodeMessage(responseTo(query, 'BADVERS'))).rcode).toBe('BADVERS');
  });

  test('a response keeps id, case of the question, RD and CD', () => {
    const query = { ...queryFor(0xbeef, 'ExAmPlE.cOm', 'A', edns), checkingDisabled: true };
    expect(decoded(encodeMessage(responseTo(query, 'NXDOMAIN')))).toMatchObject({
      id: 0xbeef,
      response: true,
      rcode: 'NXDOMAIN',
      recursionDesired: true,
      recursionAvailable: true,
      checkingDisabled: true,
      questions: [{ name: 'ExAmPlE.cOm', type: 'A', class: 1 }],
    });
  });
});

test('a response has EDNS where the query has it, with the DO bit copied (RFC 3225)', () => {
  for (const dnssecOk of [false, true]) {
    const query = queryFor(7, 'example.com', 'A', { ...edns, dnssecOk });
    expect(decoded(encodeMessage(responseTo(query, 'NOERROR'))).edns).toEqual({ ...edns, dnssecOk });
  }
  expect(responseTo(queryFor(7, 'example.com', 'A', undefined), 'NOERROR').edns).toBeUndefined();
});

describe('foreign bytes', () => {
  test('never throw and never hang', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), (bytes) => {
        const result = decodeMessage(bytes);
        expect(result.ok || result.reason.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('a damaged message never throws, and what is accepted can be encoded again', () => {
    const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(message, damage, (original, places) => {
        const bytes = encodeMessage(original);
        for (const [offset, value] of places) bytes[offset % bytes.length] = value;
        const result = decodeMessage(bytes);
        if (!result.ok) return;
        const again = decodeMessage(encodeMessage({ ...result.message, edns: { ...edns } }));
        expect(again.ok && again.message.questions).toEqual(result.message.questions);
      }),
      { numRuns: 2000 },
    );
  });

  test('shorter than a header has no header to answer with', () => {
    expect(decodeMessage(new Uint8Array(11))).toEqual({ ok: false, reason: 'shorter than a header' });
  });

  test.each([
    ['a pointer to itself', [0xc0, 12, 0, 1, 0, 1]],
    ['a forward pointer', [0xc0, 20, 0, 1, 0, 1]],
    ['a reserved label type', [0x80, 1, 0, 0, 1, 0, 1]],
    ['a label past the end', [63, 97, 0, 0, 1, 0, 1]],
    ['no class', [1, 97, 0, 0, 1]],
  ])('%s is refused, with the header kept', (_, question) => {
    const bytes = Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question]);
    expect(decodeMessage(bytes)).toMatchObject({ ok: false, header: { id: 0x1234, recursionDesired: true } });
  });

  test.each([
    ['a label with a dot', [3, 97, 0x2e, 97, 0, 0, 1, 0, 1], String.raw`a\046a`],
    ['a label that is no UTF-8', [2, 0xff, 0xfe, 0, 0, 1, 0, 1], String.raw`\255\254`],
    ['NUL', [2, 0, 97, 0, 0, 1, 0, 1], String.raw`\000a`],
  ])('%s is carried, and goes on as the same bytes', (_, question, name) => {
    const bytes = Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question]);
    const decoded = decodeMessage(bytes);
    expect(decoded).toMatchObject({ ok: true, message: { questions: [{ name, type: 'A', class: 1 }] } });
    expect(decoded.ok && Uint8Array.from(encodeMessage(decoded.message))).toEqual(bytes);
  });

  test('a name of 253 characters passes, one of 255 is refused', () => {
    const longest = [...Array.from({ length: 3 }, () => 'a'.repeat(63)), 'a'.repeat(61)].join('.');
    expect(longest).toHaveLength(253);
    expect(decoded(encodeMessage(queryFor(1, longest, 'A', undefined))).questions[0]?.name).toBe(longest);
    const tooLong = Buffer.concat([
      Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      ...Array.from({ length: 4 }, () => Buffer.from(`\x3f${'a'.repeat(63)}`)),
      Buffer.from([0, 0, 1, 0, 1]),
    ]);
    expect(decodeMessage(tooLong).ok).toBe(false);
  });

  test('65,535 counted records in a small message cost nothing', () => {
    const bytes = new Uint8Array(40);
    bytes.set([0, 0, 1, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    expect(decodeMessage(bytes)).toMatchObject({ ok: false, reason: 'counts more entries than it can hold' });
  });

  test('64 KiB of pointers chained to pointers are refused in time', () => {
    const bytes = Buffer.alloc(65_535);
    bytes.writeUInt16BE(0x8180, 2);
    const records = 2_000;
    bytes.writeUInt16BE(records, 6);
    // One record of 32 KB of data: each pair points two bytes back; then records whose names enter the chain at its end.
    let offset = 12;
    bytes.writeUInt16BE(10, offset + 1);
    bytes.writeUInt16BE(16_000, offset + 9);
    const chain = offset + 11;
    for (let i = 2; i < 16_000; i += 2) bytes.writeUInt16BE(0xc000 | (chain + i - 2), chain + i);
    offset = chain + 16_000;
    for (let i = 1; i < records; i++) {
      bytes.writeUInt16BE(0xc000 | (chain + 15_998), offset);
      bytes.writeUInt16BE(1, offset + 2);
      bytes.writeUInt16BE(4, offset + 10);
      offset += 16;
    }
    const begun = fairClock.monotonic();
    expect(decodeMessage(bytes).ok).toBe(false);
    expect(fairClock.monotonic() - begun).toBeLessThan(50);
  });

  test('a second EDNS record is refused, and one whose options do not end where it does (RFC 6891)', () => {
    const withOpt = (...opts: number[][]): Uint8Array =>
      Uint8Array.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, opts.length, 1, 97, 0, 0, 1, 0, 1, ...opts.flat()]);
    const opt = (...data: number[]): number[] => [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, data.length, ...data];
    for (const one of [opt(), opt(0, 10, 0, 0), opt(0, 10, 0, 2, 1, 2, 0xfd, 0xe9, 0, 1, 7)])
      expect(decodeMessage(withOpt(one)).ok).toBe(true);
    for (const bad of [opt(0), opt(0, 10, 0), opt(0, 10, 0, 3, 1, 2), opt(0, 10, 0, 1, 1, 2)])
      expect(decodeMessage(withOpt(bad))).toMatchObject({ ok: false, reason: 'an EDNS option is malformed' });
    expect(decodeMessage(withOpt(opt(), opt()))).toMatchObject({ ok: false, reason: 'more than one EDNS record' });
    // An answer is good without it.
    for (const flawed of [withOpt(opt(0)), withOpt(opt(0, 10, 0, 3, 1, 2)), withOpt(opt(), opt())]) {
      flawed[2] = 0x81;
      expect(decodeMessage(flawed)).toMatchObject({ ok: true, message: { questions: [{ name: 'a' }] } });
    }
  });

  test('a TTL above the greatest one is a week (RFC 8767 section 4)', () => {
    const ttls = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map((ttl) => {
      const bytes = encode({ type: 'response', answers: [{ type: 'A', name: 'a', ttl, data: '192.0.2.1' }] });
      return decoded(bytes).answers[0]?.ttl;
    });
    expect(ttls).toEqual([0x7fff_ffff, 604_800, 604_800]);
  });

  test('the length of an address, and names inside data, are checked', () => {
    const bytes = encode({
      type: 'response',
      answers: [{ type: 'A', name: 'a', ttl: 1, data: '192.0.2.1' }],
    });
    expect(decode(bytes).answers).toHaveLength(1);
    bytes.writeUInt16BE(3, bytes.length - 6);
    expect(decodeMessage(bytes).ok).toBe(false);
    const alias = encode({ type: 'response', answers: [{ type: 'CNAME', name: 'a', ttl: 1, data: 'bcd.ef' }] });
    alias.writeUInt8(4, alias.indexOf('bcd') - 1);
    expect(decodeMessage(alias).ok).toBe(false);
  });
});

test('names that no message can carry are refused, never written wrongly', () => {
  for (const bad of ['', 'a..b', `${'a'.repeat(64)}.com`, 'a\n.b', `${'a.'.repeat(127)}a`]) {
    expect(isEncodableName(bad), bad).toBe(false);
  }
  for (const good of ['.', 'a', 'a.b.', '_dns.resolver.arpa', 'ü.example', 'a b.example']) {
    expect(isEncodableName(good), good).toBe(true);
  }
  expect(() => encodeMessage(queryFor(1, 'a..b', 'A', undefined))).toThrow('not a name that DNS can carry');
});

test('addresses are canonical, other records have none', () => {
  expect(addressOf({ name: 'a', type: 'AAAA', ttl: 1, data: '2001:DB8:0:0::1' })).toBe('2001:db8::1');
  expect(addressOf({ name: 'a', type: 'CNAME', ttl: 1, data: '192.0.2.1' })).toBeUndefined();
});
