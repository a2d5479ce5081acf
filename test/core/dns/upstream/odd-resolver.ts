/** A resolver whose only server is an `OddServer`, and what servers by HTTP/1.1 say. */
import type net from 'node:net';
import type tls from 'node:tls';
import { AskedNames } from '../../../../core/dns/resolver/asked-names.ts';
import type { Resolver } from '../../../../core/dns/resolver/resolver.ts';
import { AnswerJudge } from '../../../../core/dns/upstream/answer-suspicion.ts';
import { resolverOf } from '../../../../core/dns/upstream/upstream.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import type { DnsMessage } from '../../../../core/net/dns-message.ts';
import { TestAuthority } from '../../../support/certificate.ts';
import { fairClock } from '../../../support/fair-clock.ts';
import { LoopbackOpener } from './fake-upstream.ts';
import { type OddBehaviour, OddServer } from './odd-server.ts';

export const dozen = Array.from({ length: 12 }, (_, i) => `n${i + 1}.example`);

const never = new AbortController().signal;
const authority = new TestAuthority();
const certified = authority.issue(['127.0.0.1']);

export type Kind = 'udp' | 'tcp' | 'tls' | 'https';

/** The server is there while `run` is under way. `secure` changes how it speaks TLS. */
export async function withServer<T>(
  kind: Kind,
  behaviour: OddBehaviour,
  run: (resolver: Resolver, server: OddServer) => Promise<T>,
  secure: tls.TlsOptions = {},
): Promise<T> {
  const isSecure = kind === 'tls' || kind === 'https';
  const server = await OddServer.start(
    behaviour,
    isSecure ? { ...certified, ALPNProtocols: kind === 'tls' ? ['dot'] : ['http/1.1'], ...secure } : undefined,
  );
  const clock = fairClock;
  const judge = new AnswerJudge({ isFake: () => false, unreal: [], onForged: () => undefined });
  const services = {
    opener: new LoopbackOpener(),
    system: { query: () => Promise.reject(new Error('no system servers here')) },
    outbound: () => undefined,
    lookup: () => Promise.reject(new Error('no names here')),
    judgeOf: () => judge,
    asked: new AskedNames(clock),
    connections: new Set<never>() as never,
    clock,
  };
  const port = server.port;
  const ca = authority.cert;
  const host = '127.0.0.1';
  const resolver = resolverOf(
    kind === 'udp'
      ? { kind, address: host, port }
      : kind === 'tcp'
        ? { kind, host, port }
        : kind === 'tls'
          ? { kind, host, port, ca }
          : { kind, host, port, ca, path: '/dns-query', method: 'POST' },
    services,
  );
  try {
    return await run(resolver, server);
  } finally {
    await server.stop();
  }
}

/** The addresses of names asked at once: each its first one, or the code or error instead. */
export async function addresses(resolver: Resolver, names: readonly string[]): Promise<unknown[]> {
  const asked = names.map((name) => resolver.query({ name, type: 'A' }, never));
  return (await Promise.allSettled(asked)).map((one) =>
    one.status === 'fulfilled'
      ? (one.value.message.answers.find(({ type }) => type === 'A')?.data ?? one.value.message.rcode)
      : String(one.reason),
  );
}

/** One request to a server by HTTP/1.1. */
export interface Http {
  readonly query: DnsMessage;
  /** Request line and fields. */
  readonly head: string;
  readonly socket: net.Socket;
  /** Counted over all connections. */
  readonly nth: number;
}

/** Reads GET requests, and POST requests with a body of known length. */
export function onRequests(handle: (request: Http) => void): OddBehaviour['stream'] {
  let nth = 0;
  return (socket) => {
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = rest.subarray(0, end).toString();
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (rest.length < end + 4 + length) return;
      const asked = /^GET \S+[?&]dns=([\w-]+)/.exec(head)?.[1];
      const body = asked === undefined ? rest.subarray(end + 4, end + 4 + length) : Buffer.from(asked, 'base64url');
      const decoded = decodeMessage(body);
      rest = rest.subarray(end + 4 + length);
      if (decoded.ok) handle({ query: decoded.message, head, socket, nth: nth++ });
    });
  };
}

/** The field that says what an answer is. */
export const type = 'Content-Type: application/dns-message';
/** Writes a response. */
export const say = (
  socket: net.Socket,
  fields: readonly string[],
  body: Uint8Array,
  status = 'HTTP/1.1 200 OK',
): void => void socket.write(Buffer.concat([Buffer.from(`${[status, ...fields].join('\r\n')}\r\n\r\n`), body]));
export const lengthOf = (body: Uint8Array): string => `Content-Length: ${body.length}`;
