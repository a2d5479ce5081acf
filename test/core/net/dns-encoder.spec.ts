import { decode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage } from '../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../core/net/dns-encoder.ts';
import { type DnsMessage, type DnsRecord, queryFor, responseTo } from '../../../core/net/dns-message.ts';

const edns = { udpSize: 1232, version: 0, dnssecOk: false };
const query = queryFor(9, 'many.example', 'A', edns);

function decoded(bytes: Uint8Array): DnsMessage {
  const result = decodeMessage(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.message;
}

const response = (parts: Partial<DnsMessage>): DnsMessage => ({ ...responseTo(query, 'NOERROR'), ...parts });
const record = (name: string, type: string, data: unknown): DnsRecord => ({ name, type, ttl: 1, data });
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

describe('compression', () => {
  test('ten addresses of a name of 63 characters fit without EDNS', () => {
    const name = `${'a'.repeat(40)}.${'b'.repeat(14)}.example`;
    const answers = Array.from({ length: 10 }, (_, i) => record(name, 'A', `192.0.2.${i}`));
    const bytes = encodeMessage({ ...responseTo(queryFor(1, name, 'A', undefined), 'NOERROR'), answers }, 512);
    expect(bytes.length).toBe(12 + 65 + 4 + 10 * 16);
    expect(decoded(bytes)).toMatchObject({ truncated: false, answers });
  });

  test.each<[string, DnsRecord[], number]>([
    ['a shared end of names', [record('www.many.example', 'A', '192.0.2.1')], 4 + 2 + 14],
    ['an alias', [record('many.example', 'CNAME', 'web.many.example')], 2 + 10 + 6],
    ['a mail exchange', [record('many.example', 'MX', { preference: 1, exchange: 'mx.many.example' })], 2 + 12 + 5],
    ['the root is no pointer', [record('.', 'NS', '.')], 1 + 10 + 1],
    ['names in another case stay so', [record('Many.example', 'A', '192.0.2.1')], 5 + 2 + 14],
    // RFC 3597 section 4: only the types of RFC 1035.
    [
      'the target of a service is written whole',
      [record('many.example', 'SRV', { priority: 1, weight: 2, port: 3, target: 'many.example' })],
      2 + 10 + 6 + 14,
    ],
    ['and that of DNAME', [record('many.example', 'DNAME', 'many.example')], 2 + 10 + 14],
    [
      'and names in types that are bytes',
      [record('many.example', 'RP', bytesOf('\x04many\x07example\0\0'))],
      2 + 10 + 15,
    ],
  ])('%s', (_, answers, length) => {
    const bytes = encodeMessage(response({ answers }));
    const empty = encodeMessage(response({}));
    expect(bytes.length - empty.length).toBe(length);
    expect(decoded(bytes).answers).toEqual(answers);
  });

  test('names beyond the reach of pointers are whole, and what follows them too', () => {
    const filler = record('many.example', 'TXT', new Uint8Array(20_000));
    const answers = [
      filler,
      record('far.test', 'A', '192.0.2.1'),
      record('far.test', 'A', '192.0.2.2'),
      record('x.many.example', 'A', '192.0.2.3'),
    ];
    expect(decoded(encodeMessage(response({ answers }))).answers).toEqual(answers);
  });

  test('another implementation reads the same names', () => {
    const label = fc.constantFrom('a', 'b', 'www', 'Example', 'example', 'com', 'x'.repeat(63));
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    const answer = fc.oneof(
      fc.tuple(name, fc.constantFrom('CNAME', 'NS', 'PTR', 'DNAME'), name),
      fc.tuple(name, fc.constant('A'), fc.ipV4()),
      fc.tuple(name, fc.constant('MX'), fc.record({ preference: fc.nat(65_535), exchange: name })),
      fc.tuple(
        name,
        fc.constant('SRV'),
        fc.record({ priority: fc.nat(9), weight: fc.nat(9), port: fc.nat(9), target: name }),
      ),
    );
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 12 }), (list) => {
        const answers = list.map(([owner, type, data]) => record(owner, type, data));
        const packet = decode(Buffer.from(encodeMessage(response({ answers }))));
        const seen = packet.answers?.map((one) => 'data' in one && [one.name, one.type, one.data]);
        expect(seen).toEqual(list);
      }),
    );
  });
});

describe('what does not fit', () => {
  const addresses = Array.from({ length: 9 }, (_, i) => record('many.example', 'A', `192.0.2.${i}`));
  const nameServers = Array.from({ length: 3 }, (_, i) => record('example', 'NS', `ns${i}.example`));
  const glue = [0, 0, 1, 1].map((n, i) =>
    record(`ns${n}.example`, i % 2 === 0 ? 'A' : 'AAAA', i % 2 === 0 ? '192.0.2.1' : '2001:db8::1'),
  );
  const full = response({ answers: addresses, authorities: nameServers, additionals: glue });
  const whole = encodeMessage(full).length;

  test('at every size: as many whole records as fit, in order; TC unless only additional records are missing', () => {
    let last = -1;
    for (let most = 300; most <= whole; most++) {
      const bytes = encodeMessage(full, most);
      const cut = decoded(bytes);
      expect(bytes.length).toBeLessThanOrEqual(most);
      expect(cut).toMatchObject({ questions: query.questions, edns });
      expect(cut.answers).toEqual(addresses.slice(0, cut.answers.length));
      expect(cut.authorities).toEqual(nameServers.slice(0, cut.authorities.length));
      expect(cut.additionals).toEqual(glue.slice(0, cut.additionals.length));
      const required = cut.answers.length === 9 && cut.authorities.length === 3;
      expect(cut.truncated).toBe(!required);
      if (cut.authorities.length > 0) expect(cut.answers).toHaveLength(9);
      const count = cut.answers.length + cut.authorities.length + cut.additionals.length;
      expect(count).toBeGreaterThanOrEqual(last);
      last = count;
    }
    expect(last).toBe(16);
    for (let most = 100; most < 300; most++) expect(encodeMessage(full, most).length).toBeGreaterThan(most - 28);
  });

  test('of additional records no part of an RRset stays', () => {
    const set = Array.from({ length: 4 }, (_, i) => record('ns0.example', 'A', `192.0.2.${i}`));
    const message = response({ additionals: set });
    const length = encodeMessage(message).length;
    expect(decoded(encodeMessage(message, length - 1))).toMatchObject({ truncated: false, additionals: [] });
  });
});

test.each<[string, DnsRecord]>([
  ['an address of another family', record('a', 'A', '::1')],
  ['no address', record('a', 'A', 'example.com')],
  ['an object where bytes belong', record('a', 'TXT', { text: 'a' })],
  ['no data', record('a', 'MX', undefined)],
  ['a name too long', record('a', 'CNAME', 'a'.repeat(64))],
  ['a type without a number', record('a', 'NONSENSE', new Uint8Array())],
  ['more data than a record can have', record('a', 'TXT', new Uint8Array(65_536))],
])('%s is refused', (_, bad) => {
  expect(() => encodeMessage(response({ answers: [bad] }))).toThrow(
    expect.objectContaining({ code: 'DNS_BAD_MESSAGE' }) as Error,
  );
});

test('the client subnet has as many bytes as its prefix says, with the rest zero (RFC 7871)', () => {
  const option = (clientSubnet: string) =>
    Buffer.from(encodeMessage({ ...query, edns: { ...edns, clientSubnet } }))
      .subarray(41)
      .toString('hex');
  expect(option('192.0.2.255/23')).toBe('0008000700011700c00002');
  expect(option('2001:db8:ffff::/36')).toBe('000800090002240020010db8f0');
  expect(option('0.0.0.0/0')).toBe('0008000400010000');
});
