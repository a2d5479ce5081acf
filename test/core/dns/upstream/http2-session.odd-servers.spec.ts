/** Odd but real servers by HTTP/2: all questions are answered all the same. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import { describe, expect, test } from 'vitest';
import { HttpsResolver } from '../../../../core/dns/upstream/https-resolver.ts';
import { connectDirect, overTls } from '../../../../core/dns/upstream/upstream-dialer.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import type { DnsMessage } from '../../../../core/net/dns-message.ts';
import { TestAuthority } from '../../../support/certificate.ts';
import { fairClock } from '../../../support/fair-clock.ts';
import { LoopbackOpener } from './fake-upstream.ts';
import { addressFor, good } from './odd-server.ts';

interface Asked {
  readonly query: DnsMessage;
  readonly stream: http2.ServerHttp2Stream;
  readonly session: http2.ServerHttp2Session;
  /** Counted over the session, from 0. */
  readonly nth: number;
}

const never = new AbortController().signal;
const authority = new TestAuthority();
const certified = authority.issue(['127.0.0.1']);
const dozen = Array.from({ length: 12 }, (_, i) => `n${i + 1}.example`);
const head = { ':status': 200, 'content-type': 'application/dns-message' };
const answer = ({ stream, query }: Asked): void => {
  stream.respond(head);
  stream.end(good(query));
};
const { constants } = http2;

async function withServer(
  handle: (asked: Asked) => void,
  settings: http2.Settings,
  run: (resolver: HttpsResolver, sessions: () => number) => Promise<void>,
): Promise<void> {
  const server = http2.createSecureServer({ ...certified, settings });
  const sockets: net.Socket[] = [];
  const counts = new Map<http2.ServerHttp2Session, number>();
  server.on('secureConnection', (socket: net.Socket) => sockets.push(socket.on('error', () => undefined)));
  server.on('session', (session) => {
    counts.set(session, 0);
    session.on('error', () => undefined);
  });
  server.on('session', (session) => session.on('stream', (stream) => take(session, stream)));
  const take = (session: http2.ServerHttp2Session, stream: http2.ServerHttp2Stream): void => {
    const nth = counts.get(session) ?? 0;
    counts.set(session, nth + 1);
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const decoded = decodeMessage(Buffer.concat(chunks));
      if (decoded.ok && !stream.destroyed) handle({ query: decoded.message, stream, session, nth });
    });
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const connect = overTls(
    connectDirect(new LoopbackOpener(), { host: '127.0.0.1', port }, () => Promise.reject(new Error('no name'))),
    '127.0.0.1',
    { ca: authority.cert, alpn: ['h2', 'http/1.1'] },
  );
  try {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/dns-query',
      method: 'POST',
      connect,
      clock: fairClock,
    } as const;
    await run(new HttpsResolver(options), () => counts.size);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

async function addresses(resolver: HttpsResolver, names: readonly string[]): Promise<unknown[]> {
  const asked = names.map((name) => resolver.query({ name, type: 'A' }, never));
  return (await Promise.allSettled(asked)).map((one) =>
    one.status === 'fulfilled' ? one.value.message.answers[0]?.data : String(one.reason),
  );
}

describe.concurrent('a server that', () => {
  test.each<[string, (asked: Asked) => void, http2.Settings?]>([
    ['answers as it should', answer],
    ['takes one request at a time', answer, { maxConcurrentStreams: 1 }],
    [
      'says goodbye after each answer',
      (asked) => {
        answer(asked);
        asked.session.close();
      },
    ],
    [
      'says goodbye to all but the first',
      (asked) => {
        if (asked.nth === 0) answer(asked);
        asked.session.goaway(constants.NGHTTP2_NO_ERROR, 1);
        setTimeout(() => asked.session.destroy(), 20);
      },
    ],
    [
      'answers one request and drops the connection',
      (asked) => {
        if (asked.nth > 0) return;
        answer(asked);
        asked.stream.on('close', () => setTimeout(() => asked.session.destroy(), 20));
      },
    ],
    [
      'refuses every second request',
      (asked) => {
        if (asked.nth % 2 === 0) answer(asked);
        else asked.stream.close(constants.NGHTTP2_REFUSED_STREAM);
      },
    ],
    [
      'sends the answer in pieces, with trailers',
      ({ stream, query }) => {
        stream.respond(head, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-done': '1' }));
        for (const byte of good(query)) stream.write(Buffer.of(byte));
        stream.end();
      },
    ],
    [
      'says 103 first',
      (asked) => {
        asked.stream.additionalHeaders({ ':status': 103 });
        answer(asked);
      },
    ],
  ])('%s', async (_, handle, settings = {}) => {
    await withServer(handle, settings, async (resolver, sessions) => {
      for (let i = 0; i < 2; i++) expect(await addresses(resolver, dozen)).toEqual(dozen.map(addressFor));
      for (const one of dozen.slice(0, 3)) expect(await addresses(resolver, [one])).toEqual([addressFor(one)]);
      expect(sessions()).toBeLessThan(60);
    });
  });
});
