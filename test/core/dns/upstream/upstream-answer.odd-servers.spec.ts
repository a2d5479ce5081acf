/** Servers that answer beside the question, or cannot be asked in the usual way: what is told is right all the same. */
import type net from 'node:net';
import type tls from 'node:tls';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { AliasResolver } from '../../../../core/dns/resolver/alias-resolver.ts';
import { OrderedResolver } from '../../../../core/dns/resolver/ordered-resolver.ts';
import { RaceResolver } from '../../../../core/dns/resolver/race-resolver.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';
import { defaultResolverOptions } from '../../../../core/net/resolver-options.ts';
import { fairClock } from '../../../support/fair-clock.ts';
import { record } from './fake-upstream.ts';
import { addresses, type Http, lengthOf, onRequests, say, type, withServer } from './odd-resolver.ts';
import { addressFor, good, goodFramed, type OddBehaviour, onQuestions } from './odd-server.ts';
import { framed } from './stream-upstream.ts';

const never = new AbortController().signal;
const names = ['n1.example', 'n2.example', 'n3.example'];
const right = names.map(addressFor);
type Udp = NonNullable<OddBehaviour['udp']>;

const nameIn = ({ questions }: DnsMessage): string => questions[0]?.name ?? '.';
const isMixed = (query: DnsMessage): boolean => /[A-Z]/.test(nameIn(query));
const answer = (query: DnsMessage, change: Partial<DnsMessage>): Uint8Array =>
  encodeMessage({ ...responseTo(query, 'NOERROR'), ...change });
const part = (query: DnsMessage): Uint8Array => good(query, { truncated: true });
const byTcp =
  (change: Partial<DnsMessage> = {}) =>
  (socket: net.Socket): void =>
    onQuestions(socket, (query) => void socket.write(goodFramed(query, change)));

describe.concurrent('a server by UDP, without TCP, that', () => {
  test.each<[string, Udp]>([
    ['says REFUSED to EDNS', (query, reply) => reply(query.edns === undefined ? good(query) : refused(query))],
    ['does not answer names with capitals', (query, reply) => !isMixed(query) && reply(good(query))],
    [
      'says FORMERR to capitals',
      (query, reply) => reply(isMixed(query) ? answer(query, { rcode: 'FORMERR' }) : good(query)),
    ],
    [
      'denies names with capitals',
      (query, reply) => reply(isMixed(query) ? answer(query, { rcode: 'NXDOMAIN' }) : good(query)),
    ],
    [
      'refuses names with capitals',
      (query, reply) => reply(isMixed(query) ? answer(query, { rcode: 'REFUSED' }) : good(query)),
    ],
    ['sets the reserved bit, AA and no RA', (query, reply) => reply(withFlags(good(query), 0x0440, 0x0080))],
    ['sends more than was asked for', (query, reply) => reply(answer(query, { answers: many(query) }))],
    ['says TC, and hangs by TCP', (query, reply) => reply(part(query))],
  ])('%s', async (title, udp) => {
    const stream = title.includes('hangs') ? (): void => undefined : undefined;
    await withServer('udp', { udp, ...(stream === undefined ? {} : { stream }) }, async (resolver) => {
      for (let i = 0; i < 2; i++) expect(await addresses(resolver, names)).toEqual(right);
    });
  });

  test('does not answer names with capitals is asked without from then on', async () => {
    await withServer('udp', { udp: (query, reply) => !isMixed(query) && reply(good(query)) }, async (resolver) => {
      for (const name of names) await addresses(resolver, [name]);
      const begun = fairClock.monotonic();
      expect(await addresses(resolver, names)).toEqual(right);
      expect(fairClock.monotonic() - begun).toBeLessThan(1_000);
    });
  });

  test.each([
    // It may be one that knows names without capitals: of the next one that was not seen yet.
    ['denies whatever it is asked', 'NXDOMAIN', 20],
    ['refuses whatever it is asked', 'REFUSED', 13],
  ])('%s is asked twice for as long as that may help', async (_, rcode, times) => {
    let asked = 0;
    const udp: Udp = (query, reply) => {
      asked += 1;
      reply(answer(query, { rcode }));
    };
    await withServer('udp', { udp }, async (resolver) => {
      for (let i = 0; i < 10; i++) expect(await addresses(resolver, [`n${i}.example`])).toEqual([rcode]);
    });
    expect(asked).toBe(times);
  });

  test('was seen to find a name with capitals is asked once for those that it denies', async () => {
    // So long that its letters are never all small by chance.
    const known = `n1.${'a'.repeat(60)}.example`;
    let asked = 0;
    const udp: Udp = (query, reply) => {
      asked += 1;
      reply(nameIn(query).toLowerCase() === known ? good(query) : answer(query, { rcode: 'NXDOMAIN' }));
    };
    await withServer('udp', { udp }, async (resolver) => {
      for (const name of [known, ...Array.from({ length: 9 }, (_, i) => `missing${i}.example`)])
        await addresses(resolver, [name]);
    });
    expect(asked).toBe(10);
  });
});

test.each<[string, Partial<DnsMessage>]>([
  ['says SERVFAIL by TCP', { rcode: 'SERVFAIL', answers: [] }],
  ['says REFUSED by TCP', { rcode: 'REFUSED', answers: [] }],
])('a server by UDP that cuts its answers and %s: a part is better than nothing', async (_, change) => {
  await withServer('udp', { udp: (query, reply) => reply(part(query)), stream: byTcp(change) }, async (resolver) => {
    expect(await addresses(resolver, names)).toEqual(right);
  });
});

const referrals: [string, (query: DnsMessage) => Partial<DnsMessage>][] = [
  [
    'the zone',
    () => ({
      authorities: [record('example', 'NS', 'ns.example')],
      additionals: [record('ns.example', 'A', '192.0.2.9')],
    }),
  ],
  ['the root', () => ({ authorities: [record('.', 'NS', 'a.root-servers.net')], recursionAvailable: false })],
  ['the name itself', (query) => ({ authorities: [record(nameIn(query), 'NS', 'ns.elsewhere.example')] })],
];
describe.each(['udp', 'tcp'] as const)('a server by %s that only points to the servers of', (kind) => {
  test.each(referrals)('%s has failed: the next one is asked', async (_, change) => {
    const lame: OddBehaviour = {
      udp: (query, reply) => reply(answer(query, change(query))),
      stream: (socket) => onQuestions(socket, (query) => void socket.write(framed(answer(query, change(query))))),
    };
    await withServer(kind, lame, async (first) => {
      expect(await addresses(first, names.slice(0, 1))).toEqual(['SERVFAIL']);
      await withServer('udp', { udp: (query, reply) => reply(good(query)) }, async (second) => {
        const ordered = new OrderedResolver([first, second], defaultResolverOptions, fairClock);
        expect(await addresses(ordered, names)).toEqual(right);
        expect(await addresses(new RaceResolver([first, second], fairClock), names)).toEqual(right);
      });
    });
  });
});

test('a DNAME without the alias it stands for is followed (RFC 6672)', async () => {
  const udp: Udp = (query, reply) => {
    const [, below] = /^(.*)\.old\.example$/i.exec(nameIn(query)) ?? [];
    reply(
      below === undefined ? good(query) : answer(query, { answers: [record('old.example', 'DNAME', 'new.example')] }),
    );
  };
  await withServer('udp', { udp }, async (resolver) => {
    const { message } = await new AliasResolver(resolver).query({ name: 'a.n7.old.example', type: 'A' }, never);
    expect(message.answers.map(({ name, type, data }) => [name, type, data])).toEqual([
      ['old.example', 'DNAME', 'new.example'],
      ['a.n7.old.example', 'CNAME', 'a.n7.new.example'],
      ['a.n7.new.example', 'A', '192.0.2.7'],
    ]);
  });
});

test.each<['tls' | 'https', string, tls.TlsOptions]>([
  ['tls', 'that names other protocols', { ALPNProtocols: ['h2', 'http/1.1'] }],
  ['tls', 'that names none', { ALPNProtocols: undefined }],
  ['tls', 'of version 1.2', { maxVersion: 'TLSv1.2' }],
  ['https', 'that names other protocols', { ALPNProtocols: ['http/1.0'] }],
])('a server by %s %s', async (kind, _, secure) => {
  const stream =
    kind === 'tls'
      ? byTcp()
      : onRequests(({ socket, query }) => say(socket, [type, lengthOf(good(query))], good(query)));
  await withServer(
    kind,
    stream === undefined ? {} : { stream },
    async (resolver) => {
      for (let i = 0; i < 2; i++) expect(await addresses(resolver, names)).toEqual(right);
    },
    secure,
  );
});

const compressed: [string, (body: Uint8Array) => Uint8Array][] = [
  ['gzip', zlib.gzipSync],
  ['x-gzip', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
];
const byHttp: [string, (request: Http) => void][] = [
  ...compressed.map(([coding, compress]): [string, (request: Http) => void] => [
    `compresses whatever is asked for (${coding})`,
    ({ socket, query }) => {
      const body = compress(good(query));
      say(socket, [type, lengthOf(body), `Content-Encoding: ${coding}`], body);
    },
  ]),
  [
    'compresses where it is not told not to',
    ({ socket, query, head }) => {
      const body = /^accept-encoding: identity\r?$/im.test(head)
        ? good(query)
        : Buffer.from('compressed in its own way');
      say(socket, [type, lengthOf(body)], body);
    },
  ],
  ['says 201', ({ socket, query }) => say(socket, [type, lengthOf(good(query))], good(query), 'HTTP/1.1 201 Created')],
  [
    'says 203',
    ({ socket, query }) => say(socket, [type, lengthOf(good(query))], good(query), 'HTTP/1.1 203 Transformed'),
  ],
  ...[405, 415, 501].map((status): [string, (request: Http) => void] => [
    `takes GET only (${status})`,
    ({ socket, query, head }) =>
      head.startsWith('GET ')
        ? say(socket, [type, lengthOf(good(query))], good(query))
        : say(socket, ['Content-Length: 0'], Buffer.alloc(0), `HTTP/1.1 ${status} No`),
  ]),
  [
    'has a gateway that fails now and then',
    ({ socket, query, nth }) =>
      nth % 2 === 1
        ? say(socket, [type, lengthOf(good(query))], good(query))
        : say(socket, ['Content-Length: 0'], Buffer.alloc(0), 'HTTP/1.1 502 Bad Gateway'),
  ],
  [
    'sends a head of 30 KiB',
    ({ socket, query }) =>
      say(
        socket,
        [type, lengthOf(good(query)), ...Array.from({ length: 30 }, (_, i) => `X-${i}: ${'v'.repeat(1_000)}`)],
        good(query),
      ),
  ],
  [
    'ends lines with LF alone',
    ({ socket, query }) =>
      void socket.write(
        Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\n${type}\n${lengthOf(good(query))}\n\n`), good(query)]),
      ),
  ],
];

describe.concurrent('a server by HTTPS that', () => {
  test.each(byHttp)('%s', async (_, handle) => {
    const stream = onRequests(handle);
    await withServer('https', stream === undefined ? {} : { stream }, async (resolver) => {
      for (const name of names) expect(await addresses(resolver, [name])).toEqual([addressFor(name)]);
    });
  });

  test.each<[string, (request: Http) => void]>([
    ['before its head', ({ socket }) => void socket.destroy()],
    [
      'in its body',
      ({ socket, query }) => {
        say(socket, [type, lengthOf(good(query))], good(query).subarray(0, 9));
        socket.end();
      },
    ],
  ])('cuts the first answer, %s: it is asked once more', async (_, cut) => {
    const stream = onRequests((request) => {
      if (request.nth === 0) cut(request);
      else say(request.socket, [type, lengthOf(good(request.query))], good(request.query));
    });
    await withServer('https', stream === undefined ? {} : { stream }, async (resolver, server) => {
      expect(await addresses(resolver, ['n1.example'])).toEqual([addressFor('n1.example')]);
      expect(server.connections).toBe(2);
    });
    const never = onRequests(cut);
    await withServer('https', never === undefined ? {} : { stream: never }, async (resolver, server) => {
      expect(await addresses(resolver, ['n1.example'])).toEqual([
        expect.stringMatching(/DNS_IO|hang up|aborted|reset/i),
      ]);
      expect(server.connections).toBe(2);
    });
  });

  test.each([
    ['20', 40],
    ['61', 0],
    ['soon', 60],
  ])('had its answer from a cache for %s s: it is good for as much less (RFC 8484)', async (age, ttl) => {
    const stream = onRequests(({ socket, query }) =>
      say(socket, [type, lengthOf(good(query)), `Age: ${age}`], good(query)),
    );
    await withServer('https', stream === undefined ? {} : { stream }, async (resolver) => {
      const { message } = await resolver.query({ name: 'n1.example', type: 'A' }, never);
      expect(message.answers).toMatchObject([{ ttl, data: addressFor('n1.example') }]);
    });
  });

  test.each<[string, string, Uint8Array, RegExp]>([
    ['a coding that nobody knows', 'zstd-42', Buffer.from('whatever'), /coding is "zstd-42"/],
    ['garbage for a coding', 'gzip', Buffer.from('garbage'), /coding is "gzip"/],
    ['a bomb', 'gzip', zlib.gzipSync(Buffer.alloc(10_000_000)), /coding is "gzip"/],
  ])('sends %s is an error that tells it', async (_, coding, body, reason) => {
    const stream = onRequests(({ socket }) => say(socket, [type, lengthOf(body), `Content-Encoding: ${coding}`], body));
    await withServer('https', stream === undefined ? {} : { stream }, async (resolver) => {
      for (const outcome of await addresses(resolver, names.slice(0, 1))) expect(outcome).toMatch(reason);
    });
  });
});

function refused(query: DnsMessage): Uint8Array {
  return encodeMessage({ ...responseTo({ ...query, edns: undefined as never }, 'REFUSED') });
}

function withFlags(bytes: Uint8Array, set: number, clear: number): Uint8Array {
  const changed = Buffer.from(bytes);
  changed.writeUInt16BE((changed.readUInt16BE(2) | set) & ~clear, 2);
  return changed;
}

/** The right address, and many others behind it: 3 KiB. */
function many(query: DnsMessage): DnsMessage['answers'] {
  const others = Array.from({ length: 180 }, (_, i) => record(nameIn(query), 'A', `198.51.100.${i}`));
  return [record(nameIn(query), 'A', addressFor(nameIn(query))), ...others];
}
