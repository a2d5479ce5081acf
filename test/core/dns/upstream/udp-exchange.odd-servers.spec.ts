/** Answers that no good server writes, byte by byte: what can be used is used, what cannot be is asked for again, and nobody waits for ever. */
import { describe, expect, test } from 'vitest';
import { AliasResolver } from '../../../../core/dns/resolver/alias-resolver.ts';
import { OrderedResolver } from '../../../../core/dns/resolver/ordered-resolver.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';
import { defaultResolverOptions } from '../../../../core/net/resolver-options.ts';
import { fairClock } from '../../../support/fair-clock.ts';
import { record } from './fake-upstream.ts';
import { addresses, onRequests, say, withServer } from './odd-resolver.ts';
import { addressFor, good, goodFramed, type OddBehaviour, onQuestions } from './odd-server.ts';

const never = new AbortController().signal;
const names = ['n1.example', 'n2.example', 'n3.example'];
const right = names.map(addressFor);
type Udp = NonNullable<OddBehaviour['udp']>;
type Make = (query: DnsMessage) => Uint8Array;

const nameIn = ({ questions }: DnsMessage): string => questions[0]?.name ?? '.';
const answer = (query: DnsMessage, change: Partial<DnsMessage>): Uint8Array =>
  encodeMessage({ ...responseTo(query, 'NOERROR'), ...change });
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
/** The question with a head that says so many records, and these bytes behind it. */
const raw =
  (
    counts: readonly [answers: number, authorities: number, additionals: number],
    body: (query: DnsMessage) => string,
    flags = 0x8180,
  ): Make =>
  (query) => {
    const head = Buffer.from(encodeMessage({ ...responseTo(query, 'NOERROR'), edns: undefined as never }));
    head.writeUInt16BE(flags, 2);
    counts.forEach((count, i) => head.writeUInt16BE(count, 6 + 2 * i));
    return Buffer.concat([head, bytes(body(query))]);
  };
/** An address record about the name of the question, of which class, TTL and length may be others. */
const a = (
  query: DnsMessage,
  { owner = 'c00c', kind = '0001', ttl = '0000003c', length = '0004', tail = '' } = {},
): string =>
  `${owner} 0001 ${kind} ${ttl} ${length} ${Buffer.from(addressFor(nameIn(query)).split('.').map(Number)).toString('hex')}${tail}`;
const withTtl = (ttl: string): Make => raw([1, 0, 0], (query) => a(query, { ttl }));
const opt = '00 0029 04d0 00000000 0000';

/** What is understood all the same. */
const understood: readonly [string, Make][] = [
  ['bytes behind its end', (query) => Buffer.concat([good(query), bytes('00ff00ff00ff')])],
  ['a TTL of 2^31 - 1', withTtl('7fffffff')],
  ['a TTL of 2^31 (RFC 2181, 8: 0)', withTtl('80000000')],
  ['a TTL of 2^32 - 1', withTtl('ffffffff')],
  ['a TTL of 0', withTtl('00000000')],
  ['no pointer, but the name in full', raw([1, 0, 0], (query) => a(query, { owner: wire(nameIn(query)) }))],
  ['the name in capitals', raw([1, 0, 0], (query) => a(query, { owner: wire(nameIn(query).toUpperCase()) }))],
  [
    'a record of a type that nobody knows before it',
    raw([2, 0, 0], (query) => `c00c fff0 0001 0000003c 0003 010203 ${a(query)}`),
  ],
  [
    'a record of another class before it',
    raw([2, 0, 0], (query) => `c00c 0001 0003 0000003c 0004 01020304 ${a(query)}`),
  ],
  [
    'a signature behind it (RRSIG)',
    raw([2, 0, 0], (query) => `${a(query)} c00c 002e 0001 0000003c 0012 ${'00'.repeat(18)}`),
  ],
  [
    'a record of nobody asked behind it',
    raw([2, 0, 0], (query) => `${a(query)} 056f7468657200 0001 0001 0000003c 0004 01020304`),
  ],
  ['OPT among the answers', raw([2, 0, 0], (query) => `${opt} ${a(query)}`)],
  ['OPT of a version from the future', raw([1, 0, 1], (query) => `${a(query)} 00 0029 04d0 00ff0000 0000`)],
  [
    'a cookie that nobody asked for',
    raw([1, 0, 1], (query) => `${a(query)} 00 0029 04d0 00000000 0014 000a 0010 ${'ab'.repeat(16)}`),
  ],
  [
    'an error that explains itself (RFC 8914) beside the answer',
    raw([1, 0, 1], (query) => `${a(query)} 00 0029 04d0 00000000 000a 000f 0006 0003 7374616c`),
  ],
  ['AD set though nobody asked for it', raw([1, 0, 0], (query) => a(query), 0x81a0)],
  ['AA and no RA', raw([1, 0, 0], (query) => a(query), 0x8500)],
  ['a name of the authority that is the root', raw([1, 1, 0], (query) => `${a(query)} 00 0002 0001 0000003c 0001 00`)],
];

/** What cannot be: a second server is asked. */
const useless: readonly [string, Make][] = [
  ['an address of 5 bytes', raw([1, 0, 0], (query) => a(query, { length: '0005', tail: '00' }))],
  ['an address of 3 bytes', raw([1, 0, 0], (query) => a(query, { length: '0003' }).slice(0, -2))],
  ['a record that goes on behind the end', raw([1, 0, 0], (query) => a(query, { length: '00ff' }))],
  ['fewer records than it says', raw([5, 0, 0], (query) => a(query))],
  ['a name that points at itself', raw([1, 0, 0], () => 'c01e 0001 0001 0000003c 0004 01020304')],
  ['nothing but a head', (query) => raw([0, 0, 0], () => '', 0x8180)(query).subarray(0, 12)],
  ['half a head', (query) => good(query).subarray(0, 7)],
  [
    'SERVFAIL with an address',
    (query) => answer(query, { rcode: 'SERVFAIL', answers: [record(nameIn(query), 'A', '192.0.2.66')] }),
  ],
  ['REFUSED', (query) => answer(query, { rcode: 'REFUSED' })],
  ['NOTIMP', (query) => answer(query, { rcode: 'NOTIMP' })],
  ['FORMERR without the question', (query) => answer(query, { rcode: 'FORMERR', questions: [] })],
  ['NOTAUTH', raw([0, 0, 0], () => '', 0x8189)],
  ['a code that nobody knows', raw([0, 0, 0], () => '', 0x818f)],
  ['BADCOOKIE (RFC 7873)', raw([0, 0, 1], () => '00 0029 04d0 01000000 0000', 0x8187)],
  ['its question back', raw([0, 0, 0], () => '', 0x0100)],
  ['an answer of another opcode', raw([1, 0, 0], (query) => a(query), 0xa980)],
  [
    'an answer to another question',
    (query) =>
      answer({ ...query, questions: [{ name: 'other.example', type: 'A' }] } as never, {
        answers: [record('other.example', 'A', '192.0.2.66')],
      }),
  ],
  [
    'an answer about another type',
    (query) => answer({ ...query, questions: [{ name: nameIn(query), type: 'AAAA' }] } as never, {}),
  ],
  ['65,535 bytes of nothing', () => Buffer.alloc(60_000)],
];

const patience = { ...defaultResolverOptions, timeoutMs: 2_000, attempts: 1 };
const behaviours = (make: Make): Record<'udp' | 'tcp', OddBehaviour> => ({
  udp: { udp: (query, reply) => reply(make(query)) },
  tcp: { stream: (socket) => onQuestions(socket, (query) => socket.write(frame(make(query)))) },
});

describe.concurrent('an answer with', () => {
  test.each(understood)('%s is understood, by UDP and TCP', async (_, make) => {
    for (const kind of ['udp', 'tcp'] as const) {
      await withServer(kind, behaviours(make)[kind], async (resolver) => {
        expect(await addresses(resolver, names), kind).toEqual(right);
      });
    }
  });

  test.each(useless)('%s is none: the next server is asked, by UDP and TCP', async (_, make) => {
    for (const kind of ['udp', 'tcp'] as const) {
      await withServer(kind, behaviours(make)[kind], async (first) => {
        await withServer('udp', { udp: (query, reply) => reply(good(query)) }, async (second) => {
          const ordered = new OrderedResolver([first, second], patience, fairClock);
          expect(await addresses(ordered, names.slice(0, 1)), kind).toEqual(right.slice(0, 1));
        });
      });
    }
  });
});

/** Aliases: the records of the answer to a question for `n1.example`, and what comes of it. */
const alias = (from: string, to: string) => record(from, 'CNAME', to);
const chain = (length: number) =>
  Array.from({ length }, (_, i) => alias(i === 0 ? 'n1.example' : `c${i}.example`, `c${i + 1}.example`));
describe.concurrent('aliases:', () => {
  test.each<[string, DnsMessage['answers'], unknown]>([
    ['a chain of 8 with its end', [...chain(8), record('c8.example', 'A', '192.0.2.1')], '192.0.2.1'],
    ['the same upside down', [record('c8.example', 'A', '192.0.2.1'), ...chain(8).toReversed()], '192.0.2.1'],
    ['a loop of one', [alias('n1.example', 'n1.example')], 'NOERROR'],
    ['a loop of two', [alias('n1.example', 'c1.example'), alias('c1.example', 'n1.example')], 'NOERROR'],
    [
      'a loop behind the first',
      [alias('n1.example', 'c1.example'), alias('c1.example', 'c2.example'), alias('c2.example', 'c1.example')],
      'NOERROR',
    ],
    [
      'two aliases of one name',
      [alias('n1.example', 'c1.example'), alias('n1.example', 'c2.example'), record('c1.example', 'A', '192.0.2.1')],
      '192.0.2.1',
    ],
    [
      'an alias and an address of one name',
      [alias('n1.example', 'c1.example'), record('n1.example', 'A', '192.0.2.1')],
      '192.0.2.1',
    ],
    ['an alias to the root', [alias('n1.example', '.')], expect.stringMatching(/NOERROR|SERVFAIL|NXDOMAIN|DNS_/)],
  ])('%s', async (_, answers, outcome) => {
    const udp: Udp = (query, reply) =>
      reply(answer(query, { answers: nameIn(query).toLowerCase() === 'n1.example' ? answers : [] }));
    await withServer('udp', { udp }, async (resolver) => {
      const [seen] = await addresses(new AliasResolver(resolver), ['n1.example']);
      expect(seen).toEqual(outcome);
    });
  });

  test('one that leads on for ever, an alias an answer, ends', async () => {
    let asked = 0;
    const udp: Udp = (query, reply) => {
      asked += 1;
      reply(answer(query, { answers: [alias(nameIn(query), `x${asked}.example`)] }));
    };
    await withServer('udp', { udp }, async (resolver) => {
      const [seen] = await addresses(new AliasResolver(resolver), ['n1.example']);
      expect(seen).toMatch(/NOERROR|SERVFAIL|DNS_/);
      expect(asked).toBeLessThan(20);
    });
  });

  test('of a name that is not there: it is told as such, with the alias (RFC 2308, 2.1)', async () => {
    const udp: Udp = (query, reply) =>
      reply(answer(query, { rcode: 'NXDOMAIN', answers: [alias(nameIn(query), 'gone.example')] }));
    await withServer('udp', { udp }, async (resolver) => {
      const { message } = await new AliasResolver(resolver).query({ name: 'n1.example', type: 'A' }, never);
      expect([message.rcode, message.answers.length]).toEqual(['NXDOMAIN', 1]);
    });
  });
});

/** Networks that want to be logged in to, and gateways that speak for the server. */
const html = Buffer.from('<html><meta http-equiv="refresh" content="0;url=http://login.example/"></html>');
describe.concurrent('a captive portal that answers', () => {
  test.each<[string, 'tls' | 'https' | 'tcp', OddBehaviour['stream']]>([
    [
      'by HTTP where TCP is spoken',
      'tcp',
      (socket) => void socket.end(`HTTP/1.0 302 Found\r\nLocation: http://login.example/\r\n\r\n${html.toString()}`),
    ],
    [
      'by HTTP where TLS is spoken, behind a handshake',
      'tls',
      (socket) => void socket.once('data', () => socket.end(`HTTP/1.0 200 OK\r\n\r\n${html.toString()}`)),
    ],
    [
      '200 with a page',
      'https',
      onRequests(({ socket }) => say(socket, ['Content-Type: text/html', `Content-Length: ${html.length}`], html)),
    ],
    [
      '302 to its page',
      'https',
      onRequests(({ socket }) =>
        say(socket, ['Location: http://login.example/', 'Content-Length: 0'], Buffer.alloc(0), 'HTTP/1.1 302 Found'),
      ),
    ],
    [
      '511 (RFC 6585)',
      'https',
      onRequests(({ socket }) =>
        say(
          socket,
          ['Content-Type: text/html', `Content-Length: ${html.length}`],
          html,
          'HTTP/1.1 511 Network Authentication Required',
        ),
      ),
    ],
    [
      '200 with a page that calls itself a message',
      'https',
      onRequests(({ socket }) =>
        say(socket, ['Content-Type: application/dns-message', `Content-Length: ${html.length}`], html),
      ),
    ],
    [
      '200 with nothing',
      'https',
      onRequests(({ socket }) =>
        say(socket, ['Content-Type: application/dns-message', 'Content-Length: 0'], Buffer.alloc(0)),
      ),
    ],
    ['204', 'https', onRequests(({ socket }) => say(socket, [], Buffer.alloc(0), 'HTTP/1.1 204 No Content'))],
    ['by a reset', 'https', (socket) => void socket.destroy()],
  ])('%s is no server: the next one is asked', async (_, kind, stream) => {
    await withServer(kind, stream === undefined ? {} : { stream }, async (first) => {
      expect((await addresses(first, names.slice(0, 1)))[0]).toMatch(/^(AppError|Error|DNS_|SERVFAIL)/);
      await withServer('udp', { udp: (query, reply) => reply(good(query)) }, async (second) => {
        const ordered = new OrderedResolver([first, second], patience, fairClock);
        expect(await addresses(ordered, names.slice(0, 1))).toEqual(right.slice(0, 1));
      });
    });
  });
});

test('rate limits by TC alone (RRL): TCP is asked', async () => {
  const udp: Udp = (query, reply) => reply(answer(query, { truncated: true }));
  const stream: OddBehaviour['stream'] = (socket) =>
    onQuestions(socket, (query) => void socket.write(goodFramed(query)));
  await withServer('udp', { udp, stream }, async (resolver) => {
    expect(await addresses(resolver, names)).toEqual(right);
  });
});

test('a text of 60,000 bytes by TCP is whole', async () => {
  const part = Buffer.concat([Buffer.of(250), Buffer.alloc(250, 't')]);
  const text = Buffer.concat(Array.from({ length: 239 }, () => part));
  const make = (query: DnsMessage): Uint8Array => answer(query, { answers: [record(nameIn(query), 'TXT', text)] });
  const udp: Udp = (query, reply) => reply(answer(query, { truncated: true }));
  const stream: OddBehaviour['stream'] = (socket) =>
    onQuestions(socket, (query) => void socket.write(frame(make(query))));
  await withServer('udp', { udp, stream }, async (resolver) => {
    const { message } = await resolver.query({ name: 'n1.example', type: 'TXT' }, never);
    expect(message.answers[0]?.data).toEqual(new Uint8Array(text));
  });
});

function frame(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(Uint16Array.of(message.length).buffer).swap16(), message]);
}

function wire(name: string): string {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.of(0)]).toString('hex');
}
