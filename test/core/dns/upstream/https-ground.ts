/** A server of DNS over HTTPS whose answers a test writes, and resolvers that ask it. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { HttpsResolver, type HttpsResolverOptions } from '../../../../core/dns/upstream/https-resolver.ts';
import type { Connect } from '../../../../core/dns/upstream/stream-resolver.ts';
import { connectDirect, overTls } from '../../../../core/dns/upstream/upstream-dialer.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';
import { TestAuthority } from '../../../support/certificate.ts';
import { eventually } from '../../../support/eventually.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { LoopbackOpener, record } from './fake-upstream.ts';

export interface Asked {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly query: DnsMessage;
  readonly stream: http2.ServerHttp2Stream;
  /** Which connection it came by, from 0. */
  readonly connection: number;
}

export const question = { name: 'example.com', type: 'A' };
export const never = new AbortController().signal;
export const right = record('example.com', 'A', '192.0.2.1');
export const media = 'application/dns-message';
const authority = new TestAuthority();
const certified = authority.issue(['127.0.0.1']);
export const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
export const soon = (check: () => void): Promise<void> => eventually(check, 15_000, 1);
export const say = ({ stream }: Asked, bytes: Uint8Array, headers: http2.OutgoingHttpHeaders = {}): void => {
  stream.respond({ ':status': 200, 'content-type': media, ...headers });
  stream.end(bytes);
};
export const answerTo = ({ query }: Asked, change: Partial<DnsMessage> = {}): Uint8Array =>
  encodeMessage({ ...responseTo(query, 'NOERROR'), answers: [right], ...change });
export const answerAll = (asked: Asked): void => say(asked, answerTo(asked));

const queryOf = (headers: http2.IncomingHttpHeaders, body: Buffer): DnsMessage => {
  const sent = new URL(headers[':path'] ?? '', 'https://localhost').searchParams.get('dns');
  const decoded = decodeMessage(headers[':method'] === 'GET' ? Buffer.from(sent ?? '', 'base64url') : body);
  if (!decoded.ok) throw new Error(`the resolver sent nonsense: ${decoded.reason}`);
  return decoded.message;
};

export class HttpsGround {
  declare server: http2.Http2SecureServer;
  port = 0;
  sessions: http2.ServerHttp2Session[] = [];
  sockets: net.Socket[] = [];
  received: Asked[] = [];
  /** What the server does with a question. */
  behaviour = answerAll;
  opener = new LoopbackOpener();
  clock = new ManualClock();
  declare connect: Connect;

  async open(): Promise<void> {
    this.server = http2.createSecureServer({ ...certified, allowHTTP1: false });
    this.server.on('session', (session) => {
      this.sessions.push(session);
      session.on('error', () => undefined);
    });
    this.server.on('secureConnection', (socket: net.Socket) => this.sockets.push(socket));
    this.server.on('stream', (stream, headers) => void this.accept(stream, headers).catch(() => undefined));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const address = this.server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  begin(): void {
    this.sessions = [];
    this.sockets = [];
    this.received = [];
    this.behaviour = answerAll;
    this.opener = new LoopbackOpener();
    this.clock = new ManualClock();
    this.connect = this.secured(this.port);
  }

  async end(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await soon(() => expect(this.opener.open).toBe(0));
  }

  readonly secured = (to: number): Connect =>
    overTls(
      connectDirect(this.opener, { host: '127.0.0.1', port: to }, () => Promise.reject(new Error('no name'))),
      '127.0.0.1',
      { ca: authority.cert, alpn: ['h2', 'http/1.1'] },
    );

  readonly questions = async (count: number): Promise<readonly Asked[]> => {
    await soon(() => expect(this.received.length).toBeGreaterThanOrEqual(count));
    return this.received;
  };

  /** Frames keep their order: behind the second PING of the server's own, its answer to ours is there. */
  readonly pongHasCome = async (): Promise<void> => {
    for (let i = 0; i < 2; i++) {
      const heard = Promise.withResolvers<unknown>();
      this.sessions[0]?.ping(heard.resolve);
      await heard.promise;
    }
  };

  readonly resolverFor = (options: Partial<HttpsResolverOptions> = {}): HttpsResolver =>
    new HttpsResolver({
      host: '127.0.0.1',
      port: this.port,
      path: '/dns-query',
      method: 'POST',
      connect: (signal) => this.connect(signal),
      clock: this.clock,
      ...options,
    });

  readonly accept = async (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> => {
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(stream, 'end');
    const body = Buffer.concat(chunks);
    const connection = this.sessions.findIndex((session) => session === stream.session);
    const asked = { headers, body, query: queryOf(headers, body), stream, connection };
    this.received.push(asked);
    this.behaviour(asked);
  };
}

/** One server for the file, and for each test a server that has been asked nothing. */
export function httpsGround(): HttpsGround {
  const ground = new HttpsGround();
  beforeAll(() => ground.open());
  afterAll(() => void ground.server.close());
  beforeEach(() => ground.begin());
  afterEach(() => ground.end());
  return ground;
}
