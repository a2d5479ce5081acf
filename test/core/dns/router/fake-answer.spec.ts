import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipToBytes, parseIp } from '../../../../core/base/address.ts';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import {
  absent,
  addressAnswer,
  emptyAnswer,
  noSuchName,
  pointerAnswer,
  reversedAddress,
  withAliases,
} from '../../../../core/dns/router/fake-answer.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, queryFor } from '../../../../core/net/dns-message.ts';
import { record } from '../upstream/fake-upstream.ts';

const ask = (type: string, name = 'WWW.Example.com'): DnsMessage =>
  queryFor(0x1234, name, type, { udpSize: 1232, version: 0, dnssecOk: true });
const both = ['198.18.0.7', '2001:db8::7', '198.18.0.8'];

describe('addresses', () => {
  test.each([
    ['A', ['198.18.0.7', '198.18.0.8']],
    ['AAAA', ['2001:db8::7']],
    ['ANY', both],
  ])('to a question for %s are those of the asked family, in their order', (type, expected) => {
    const answer = addressAnswer(ask(type), 'www.example.com', both, 5);
    expect(answer.answers.map(({ data }) => data)).toEqual(expected);
    expect(answer.answers).toContainEqual(
      record('www.example.com', String(expected[0]).includes(':') ? 'AAAA' : 'A', expected[0], 5),
    );
    expect(answer.authorities).toEqual([]);
  });

  test('of the other family only, none at all, or another type: the name exists, the record does not', () => {
    for (const [type, addresses] of [
      ['AAAA', ['198.18.0.7']],
      ['A', ['2001:db8::7']],
      ['A', []],
      ['ANY', []],
      ['HTTPS', both],
    ] as const) {
      expect(addressAnswer(ask(type), 'www.example.com', addresses, 5)).toMatchObject({
        rcode: 'NOERROR',
        answers: [],
        authorities: [denialSoa('www.example.com')],
      });
    }
  });
});

describe('an answer of ours', () => {
  test.each<[string, (query: DnsMessage) => DnsMessage]>([
    ['addresses', (query) => addressAnswer(query, 'www.example.com', both, 5)],
    ['no such record', (query) => emptyAnswer(query, 'www.example.com')],
    ['no such name', (query) => noSuchName(query, 'www.example.com')],
    ['a pointer', (query) => pointerAnswer(query, '7.0.18.198.in-addr.arpa', 'www.example.com', 5)],
  ])('(%s) is one to its question as it was asked, and a message can carry it', (_, answer) => {
    const decoded = decodeMessage(encodeMessage(answer(ask('A'))));
    expect(decoded).toMatchObject({
      ok: true,
      message: {
        id: 0x1234,
        response: true,
        truncated: false,
        recursionAvailable: true,
        questions: [{ name: 'WWW.Example.com', type: 'A', class: 1 }],
        edns: { udpSize: 1232, version: 0 },
      },
    });
  });

  test('denies with an SOA of the parent that may be remembered for seconds only', () => {
    for (const [answer, rcode] of [
      [emptyAnswer(ask('MX'), 'www.example.com'), 'NOERROR'],
      [noSuchName(ask('A'), 'www.example.com'), 'NXDOMAIN'],
    ] as const) {
      expect(answer).toMatchObject({ rcode, answers: [] });
      expect(answer.authorities).toEqual([
        expect.objectContaining({
          name: 'example.com',
          type: 'SOA',
          ttl: 5,
          data: expect.objectContaining({ minimum: 5 }) as object,
        }),
      ]);
    }
    expect(noSuchName(ask('A', 'com'), 'com').authorities[0]?.name).toBe('.');
  });

  test('names the owner of a reversed address', () => {
    expect(pointerAnswer(ask('PTR'), '7.0.18.198.in-addr.arpa', 'www.example.com', 5).answers).toEqual([
      record('7.0.18.198.in-addr.arpa', 'PTR', 'www.example.com', 5),
    ]);
  });
});

describe('a denial of an upstream', () => {
  const soa = { ...denialSoa('www.example.com'), ttl: 900 };

  test.each([
    [900, 60],
    [60, 60],
    [7, 7],
    [0, 0],
  ])('that may be remembered for %i s is told for %i s', (ttl, told) => {
    const answer = absent(ask('A'), 'www.example.com', { ...soa, ttl });
    expect(answer).toMatchObject({ rcode: 'NXDOMAIN', answers: [], authorities: [{ ...soa, ttl: told }] });
  });

  test('without an SOA gets ours', () => {
    expect(absent(ask('A'), 'www.example.com', undefined)).toEqual(noSuchName(ask('A'), 'www.example.com'));
  });
});

describe('aliases', () => {
  const answer = addressAnswer(ask('A', 'a.example'), 'c.example', ['198.18.0.7'], 5);

  test('lead from the asked name to the one that was answered', () => {
    expect(withAliases(answer, ['a.example', 'b.example', 'c.example'], 9).answers).toEqual([
      record('a.example', 'CNAME', 'b.example', 9),
      record('b.example', 'CNAME', 'c.example', 9),
      record('c.example', 'A', '198.18.0.7', 5),
    ]);
  });

  test('are none where there is one name or no name', () => {
    expect(withAliases(answer, ['c.example'], 9)).toEqual(answer);
    expect(withAliases(answer, [], 9)).toEqual(answer);
  });
});

describe('a reversed address', () => {
  const nibbles = (bytes: Uint8Array): string[] =>
    [...bytes].flatMap((byte) => [byte >> 4, byte & 15]).map((n) => n.toString(16));

  test('is read for every address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = parseIp(text) ?? '';
        const bytes = ipToBytes(address);
        const name =
          bytes.length === 4
            ? `${[...bytes].reverse().join('.')}.in-addr.arpa`
            : `${nibbles(bytes).reverse().join('.')}.ip6.arpa`;
        expect(reversedAddress(name)).toBe(address);
      }),
    );
  });

  test.each([
    '',
    'in-addr.arpa',
    '18.198.in-addr.arpa',
    '5.7.0.18.198.in-addr.arpa',
    '256.0.0.10.in-addr.arpa',
    '999.1.1.1.in-addr.arpa',
    '007.0.18.198.in-addr.arpa',
    'x7.0.18.198.in-addr.arpa',
    '7.0.18.198.in-addr.arpa.example',
    '7.0.18.198.ip6.arpa',
    'ip6.arpa',
    `${'0.'.repeat(31)}ip6.arpa`,
    `${'0.'.repeat(33)}ip6.arpa`,
    `${'g.'.repeat(32)}ip6.arpa`,
    `${'00'.repeat(16)}.ip6.arpa`,
  ])('%s is none', (name) => {
    expect(reversedAddress(name)).toBeUndefined();
  });

  test('of any text is a canonical address or none', () => {
    const part = fc.oneof(fc.nat(300).map(String), fc.constantFrom('0', 'a', 'f', '', '00', '-1', 'x'));
    const name = fc
      .tuple(fc.array(part, { maxLength: 34 }), fc.constantFrom('in-addr.arpa', 'ip6.arpa', 'arpa'))
      .map(([parts, zone]) => [...parts, zone].join('.'));
    fc.assert(
      fc.property(name, (text) => {
        const address = reversedAddress(text);
        expect(address).toBe(address === undefined ? undefined : parseIp(address));
      }),
    );
  });
});
