/** Odd but real servers by UDP, TCP and TLS, over real sockets and in real time: all questions are answered all the same. */
import dgram from 'node:dgram';
import type net from 'node:net';
import { TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { HostTable } from '../../../../core/dns/names/hosts.ts';
import { AliasResolver } from '../../../../core/dns/resolver/alias-resolver.ts';
import { CachedResolver } from '../../../../core/dns/resolver/cached-resolver.ts';
import { DnsAddressResolver } from '../../../../core/dns/router/dns-address-resolver.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';
import { fairClock } from '../../../support/fair-clock.ts';
import { record } from './fake-upstream.ts';
import { addresses, dozen, withServer } from './odd-resolver.ts';
import { addressFor, good, goodFramed, type OddBehaviour, onQuestions } from './odd-server.ts';

const never = new AbortController().signal;
const withoutOpt = { edns: undefined as never };
const bare = (query: DnsMessage): DnsMessage => ({ ...query, ...withoutOpt });

/** The same error as a server that cannot read a message gives: a header only. */
const formerr = (query: DnsMessage): Uint8Array =>
  encodeMessage({ ...responseTo({ ...bare(query), questions: [] }, 'FORMERR') });

const tcpGood = (socket: net.Socket): void => onQuestions(socket, (query) => void socket.write(goodFramed(query)));
const byUdp: [string, OddBehaviour['udp'], OddBehaviour['stream']?][] = [
  ['answers as it should', (query, reply) => reply(good(query))],
  ['does not answer questions with EDNS', (query, reply) => query.edns === undefined && reply(good(query))],
  ['says FORMERR to EDNS', (query, reply) => reply(query.edns === undefined ? good(query) : formerr(query))],
  [
    'says NOTIMP to EDNS',
    (query, reply) =>
      reply(query.edns === undefined ? good(query) : good(bare(query), { rcode: 'NOTIMP', answers: [] })),
  ],
  [
    'says SERVFAIL to EDNS',
    (query, reply) =>
      reply(query.edns === undefined ? good(query) : good(bare(query), { rcode: 'SERVFAIL', answers: [] })),
  ],
  [
    'says BADVERS to version 0',
    (query, reply) => reply(query.edns === undefined ? good(query) : good(query, { rcode: 'BADVERS', answers: [] })),
  ],
  ['passes EDNS over', (query, reply) => reply(good(bare(query)))],
  [
    'answers a wrong id first',
    (query, reply) => {
      reply(good(query, { id: query.id ^ 1, answers: [record('x', 'A', '192.0.2.66')] }));
      reply(good(query));
    },
  ],
  [
    'answers everything twice',
    (query, reply) => {
      reply(good(query));
      reply(good(query));
    },
  ],
  [
    'turns the letters of names',
    (query, reply) =>
      reply(good({ ...query, questions: query.questions.map((one) => ({ ...one, name: one.name.toUpperCase() })) })),
  ],
  [
    'leaves the question out',
    (query, reply) => reply(good(query, { questions: [] })),
    (socket) => onQuestions(socket, (query) => void socket.write(goodFramed(query, { questions: [] }))),
  ],
  ['answers from another port', (query, _reply) => void query, tcpGood],
  [
    'fails the first time',
    (query, reply, nth) => reply(nth % 2 === 0 ? good(query, { rcode: 'SERVFAIL', answers: [] }) : good(query)),
  ],
  ['loses every first datagram', (query, reply, nth) => nth % 2 === 1 && reply(good(query))],
  ['cuts answers without saying so', (query, reply) => reply(good(query).subarray(0, -20)), tcpGood],
  ['says TC with nothing in it', (query, reply) => reply(good(query, { answers: [], truncated: true })), tcpGood],
  ['says TC and has no TCP', (query, reply) => reply(good(query, { truncated: true }))],
  [
    'says TC and closes TCP after each',
    (query, reply) => reply(good(query, { truncated: true, answers: [] })),
    (socket) => onQuestions(socket, (query) => void socket.end(goodFramed(query))),
  ],
  ['has no UDP that works', () => undefined, tcpGood],
];

describe.concurrent('a server by UDP that', () => {
  test.each(byUdp)('%s', async (_, udp, stream) => {
    await withServer(
      'udp',
      { ...(udp === undefined ? {} : { udp }), ...(stream === undefined ? {} : { stream }) },
      async (resolver) => {
        const names = dozen.slice(0, 3);
        for (let i = 0; i < 2; i++) expect(await addresses(resolver, names)).toEqual(names.map(addressFor));
      },
    );
  });

  test('answers from another socket only: TCP is asked', async () => {
    const other = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    const udp: OddBehaviour['udp'] = (query) => other.send(good(query), 9, '127.0.0.1');
    await withServer('udp', { udp, stream: tcpGood }, async (resolver) => {
      expect(await addresses(resolver, dozen)).toEqual(dozen.map(addressFor));
      // It is known by now.
      const begun = fairClock.monotonic();
      expect(await addresses(resolver, dozen)).toEqual(dozen.map(addressFor));
      expect(fairClock.monotonic() - begun).toBeLessThan(1_000);
    });
    other.close();
  });

  test('knows no EDNS is asked without it from then on', async () => {
    const seen: boolean[] = [];
    const udp: OddBehaviour['udp'] = (query, reply) => {
      seen.push(query.edns !== undefined);
      reply(query.edns === undefined ? good(query) : formerr(query));
    };
    await withServer('udp', { udp }, async (resolver) => {
      for (const one of dozen) await addresses(resolver, [one]);
    });
    expect(seen.filter(Boolean)).toHaveLength(1);
  });

  test('refuses ANY and types it does not know: what it says is told, and other types are not harmed', async () => {
    const udp: OddBehaviour['udp'] = (query, reply) =>
      reply(query.questions[0]?.type === 'A' ? good(query) : good(query, { rcode: 'REFUSED' }));
    await withServer('udp', { udp }, async (resolver) => {
      for (const type of ['ANY', 'TYPE65300', 'HTTPS'])
        expect((await resolver.query({ name: 'n1.example', type }, never)).message.rcode).toBe('REFUSED');
      expect(await addresses(resolver, ['n1.example'])).toEqual(['192.0.2.1']);
    });
  });

  test('never answers AAAA: the IPv4 address is had at once', async () => {
    const udp: OddBehaviour['udp'] = (query, reply) => query.questions[0]?.type === 'A' && reply(good(query));
    const stream = (socket: net.Socket): void =>
      onQuestions(socket, (query) => void (query.questions[0]?.type === 'A' && socket.write(goodFramed(query))));
    await withServer('udp', { udp, stream }, async (resolver) => {
      const cached = new CachedResolver(resolver, fairClock);
      const lookup = new DnsAddressResolver({
        resolver: cached,
        hosts: new HostTable({}),
        ipv6: () => true,
        isFake: () => false,
        isAbsent: () => false,
        clock: fairClock,
      });
      const begun = fairClock.monotonic();
      expect(await lookup.resolve('n1.example', never)).toEqual(['192.0.2.1']);
      expect(fairClock.monotonic() - begun).toBeLessThan(1_000);
    });
  });

  test('compares letters: the names that it has are found, however many it has denied before', async () => {
    const udp: OddBehaviour['udp'] = (query, reply) => {
      const name = query.questions[0]?.name ?? '';
      const isThere = name === name.toLowerCase() && !name.startsWith('missing');
      reply(isThere ? good(query) : good(query, { rcode: 'NXDOMAIN', answers: [] }));
    };
    await withServer('udp', { udp }, async (resolver) => {
      for (let i = 0; i < 5; i++)
        expect(await addresses(resolver, [`missing-name-${i}.example`])).toEqual(['NXDOMAIN']);
      expect(await addresses(resolver, dozen)).toEqual(dozen.map(addressFor));
    });
  });

  test('answers an alias and not what it leads to: that is asked', async () => {
    const udp: OddBehaviour['udp'] = (query, reply) => {
      const name = query.questions[0]?.name ?? '';
      const next = { n1: 'n2.example', n2: 'n3.example', loop: 'loop2.example', loop2: 'loop.example' }[
        name.toLowerCase().split('.')[0] ?? ''
      ];
      reply(next === undefined ? good(query) : good(query, { answers: [record(name, 'CNAME', next)] }));
    };
    await withServer('udp', { udp }, async (resolver) => {
      const following = new AliasResolver(resolver);
      const { message } = await following.query({ name: 'n1.example', type: 'A' }, never);
      expect(message.answers.map(({ type }) => type)).toEqual(['CNAME', 'CNAME', 'A']);
      expect(message.answers.at(-1)?.data).toBe('192.0.2.3');
      const loop = await following.query({ name: 'loop.example', type: 'A' }, never);
      expect(loop.message.answers.length).toBeLessThan(4);
    });
  });
});

/** A TLS stream cannot reset what is below it. */
const resetOf = (socket: net.Socket): void =>
  void (socket instanceof TLSSocket ? socket.destroy() : socket.resetAndDestroy());

/** One question a connection, in `end`'s way; what else came by it is not answered. */
const oneEach =
  (end: (socket: net.Socket, answer: Buffer) => void): OddBehaviour['stream'] =>
  (socket) =>
    onQuestions(socket, (query, nth) => nth === 0 && end(socket, goodFramed(query)));

const byStream: [string, OddBehaviour['stream']][] = [
  ['answers as it should', tcpGood],
  ['answers one question and closes', oneEach((socket, answer) => socket.end(answer))],
  [
    'answers one question and resets',
    oneEach((socket, answer) => socket.write(answer, () => setTimeout(() => resetOf(socket), 5))),
  ],
  [
    'answers one question, a moment later, and closes',
    oneEach((socket, answer) => setTimeout(() => socket.end(answer), 30)),
  ],
  ['answers one question and stays silent', oneEach((socket, answer) => socket.write(answer))],
  [
    'closes at once when there are two',
    (socket) => {
      let count = 0;
      onQuestions(socket, (query) => {
        count += 1;
        setTimeout(() => (count > 1 ? socket.destroy() : socket.write(goodFramed(query))), 20);
      });
    },
  ],
  [
    'answers three and closes',
    (socket) =>
      onQuestions(
        socket,
        (query, nth) => void (nth < 2 ? socket.write(goodFramed(query)) : nth === 2 && socket.end(goodFramed(query))),
      ),
  ],
  [
    'answers in the opposite order',
    (socket) => {
      const answers: Buffer[] = [];
      onQuestions(socket, (query) => {
        answers.push(goodFramed(query));
        if (answers.length === 1) setTimeout(() => socket.write(Buffer.concat(answers.splice(0).toReversed())), 50);
      });
    },
  ],
  [
    'sends an empty frame before each answer',
    (socket) => onQuestions(socket, (query) => void socket.write(Buffer.concat([Buffer.alloc(2), goodFramed(query)]))),
  ],
  [
    'sends a frame too short for a header before each answer',
    (socket) =>
      onQuestions(
        socket,
        (query) => void socket.write(Buffer.concat([Buffer.from([0, 3, 1, 2, 3]), goodFramed(query)])),
      ),
  ],
  [
    'answers a wrong id first',
    (socket) =>
      onQuestions(
        socket,
        (query) =>
          void socket.write(
            Buffer.concat([goodFramed(query, { id: query.id ^ 0x8000, answers: [] }), goodFramed(query)]),
          ),
      ),
  ],
  [
    'answers everything twice',
    (socket) =>
      onQuestions(socket, (query) => void socket.write(Buffer.concat([goodFramed(query), goodFramed(query)]))),
  ],
  [
    'leaves the question out',
    (socket) => onQuestions(socket, (query) => void socket.write(goodFramed(query, { questions: [] }))),
  ],
  [
    'turns the letters of names',
    (socket) =>
      onQuestions(
        socket,
        (query) =>
          void socket.write(
            goodFramed({
              ...query,
              questions: query.questions.map((one) => ({ ...one, name: one.name.toUpperCase() })),
            }),
          ),
      ),
  ],
  [
    'says FORMERR to EDNS',
    (socket) =>
      onQuestions(socket, (query) => {
        const answer = query.edns === undefined ? good(query) : formerr(query);
        socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
      }),
  ],
  [
    'writes byte by byte',
    (socket) =>
      onQuestions(socket, (query) => {
        for (const byte of goodFramed(query)) socket.write(Buffer.of(byte));
      }),
  ],
  [
    'fails the first time',
    (socket) => {
      const seen = new Set<string>();
      onQuestions(socket, (query) => {
        const name = query.questions[0]?.name ?? '';
        socket.write(goodFramed(query, seen.has(name) ? {} : { rcode: 'SERVFAIL', answers: [] }));
        seen.add(name);
      });
    },
  ],
];

describe.concurrent.each(['tcp', 'tls'] as const)('a server by %s that', (kind) => {
  test.each(byStream)('%s', async (_, stream) => {
    await withServer(kind, stream === undefined ? {} : { stream }, async (resolver) => {
      // A burst, another one, and one after the other.
      for (let i = 0; i < 2; i++) expect(await addresses(resolver, dozen)).toEqual(dozen.map(addressFor));
      for (const one of dozen.slice(0, 3)) expect(await addresses(resolver, [one])).toEqual([addressFor(one)]);
    });
  });

  test('answers one question and closes is asked one at a time after the first burst', async () => {
    await withServer(
      kind,
      { stream: oneEach((socket, answer) => socket.end(answer)) ?? (() => undefined) },
      async (resolver, server) => {
        await addresses(resolver, dozen);
        const before = server.connections;
        expect(before).toBeLessThanOrEqual(12);
        expect(await addresses(resolver, dozen)).toEqual(dozen.map(addressFor));
        // One each, but for kept connections that were found closed.
        expect(server.connections - before).toBeLessThanOrEqual(12);
      },
    );
  });

  test('answers in order and hangs at one name: the others are answered', async () => {
    const stream = (socket: net.Socket): void => {
      let isStuck = false;
      onQuestions(socket, (query) => {
        isStuck ||= query.questions[0]?.name === 'n3.example';
        if (!isStuck) socket.write(goodFramed(query));
      });
    };
    await withServer(kind, { stream }, async (resolver) => {
      const outcome = await addresses(resolver, dozen);
      expect(outcome[2]).toContain('did not answer within 5 s');
      expect(outcome.toSpliced(2, 1)).toEqual(dozen.toSpliced(2, 1).map(addressFor));
    });
  });

  test('never answers is not asked without end', async () => {
    await withServer(
      kind,
      { stream: (socket) => onQuestions(socket, () => void socket.end()) },
      async (resolver, server) => {
        const outcome = await addresses(resolver, dozen);
        expect(outcome.every((one) => String(one).includes('closed the connection'))).toBe(true);
        expect(server.connections).toBeLessThanOrEqual(40);
      },
    );
  });
});
