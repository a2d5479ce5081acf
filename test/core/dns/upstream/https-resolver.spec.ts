import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { HttpsResolver, type HttpsResolverOptions } from '../../../../core/dns/upstream/https-resolver.ts';
import type { Connect } from '../../../../core/dns/upstream/stream-resolver.ts';
import { connectDirect, overTls } from '../../../../core/dns/upstream/upstream-dialer.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { type DnsMessage, responseTo } from '../../../../core/net/dns-message.ts';
import { TestAuthority } from '../../../support/certificate.ts';
import { eventually } from '../../../support/eventually.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { LoopbackOpener, record } from './fake-upstream.ts';
import { Relay } from './relay.ts';

interface Asked {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly query: DnsMessage;
  readonly stream: http2.ServerHttp2Stream;
  /** Which connection it came by, from 0. */
  readonly connection: number;
}

const question = { name: 'example.com', type: 'A' };
const never = new AbortController().signal;
const right = record('example.com', 'A', '192.0.2.1');
const media = 'application/dns-message';
const authority = new TestAuthority();
const certified = authority.issue(['127.0.0.1']);
const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
const soon = (check: () => void): Promise<void> => eventually(check, 15_000, 1);
const say = ({ stream }: Asked, bytes: Uint8Array, headers: http2.OutgoingHttpHeaders = {}): void => {
  stream.respond({ ':status': 200, 'content-type': media, ...headers });
  stream.end(bytes);
};
const answerTo = ({ query }: Asked, change: Partial<DnsMessage> = {}): Uint8Array =>
  encodeMessage({ ...responseTo(query, 'NOERROR'), answers: [right], ...change });
const answerAll = (asked: Asked): void => say(asked, answerTo(asked));

const secured = (to: number): Connect =>
  overTls(
    connectDirect(opener, { host: '127.0.0.1', port: to }, () => Promise.reject(new Error('no name'))),
    '127.0.0.1',
    { ca: authority.cert, alpn: ['h2', 'http/1.1'] },
  );

let server: http2.Http2SecureServer;
let port: number;
let sessions: http2.ServerHttp2Session[];
let sockets: net.Socket[];
let received: Asked[];
let behaviour: (asked: Asked) => void;
let opener: LoopbackOpener;
let clock: ManualClock;
let connect: Connect;

const queryOf = (headers: http2.IncomingHttpHeaders, body: Buffer): DnsMessage => {
  const sent = new URL(headers[':path'] ?? '', 'https://localhost').searchParams.get('dns');
  const decoded = decodeMessage(headers[':method'] === 'GET' ? Buffer.from(sent ?? '', 'base64url') : body);
  if (!decoded.ok) throw new Error(`the resolver sent nonsense: ${decoded.reason}`);
  return decoded.message;
};
const accept = async (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> => {
  const chunks: Buffer[] = [];
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  const body = Buffer.concat(chunks);
  const connection = sessions.findIndex((session) => session === stream.session);
  const asked = { headers, body, query: queryOf(headers, body), stream, connection };
  received.push(asked);
  behaviour(asked);
};
const questions = async (count: number): Promise<readonly Asked[]> => {
  await soon(() => expect(received.length).toBeGreaterThanOrEqual(count));
  return received;
};
/** Frames keep their order: behind the second PING of the server's own, its answer to ours is there. */
const pongHasCome = async (): Promise<void> => {
  for (let i = 0; i < 2; i++) {
    const heard = Promise.withResolvers<unknown>();
    sessions[0]?.ping(heard.resolve);
    await heard.promise;
  }
};
const resolverFor = (options: Partial<HttpsResolverOptions> = {}): HttpsResolver =>
  new HttpsResolver({
    host: '127.0.0.1',
    port,
    path: '/dns-query',
    method: 'POST',
    connect: (signal) => connect(signal),
    clock,
    ...options,
  });

beforeAll(async () => {
  server = http2.createSecureServer({ ...certified, allowHTTP1: false });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => undefined);
  });
  server.on('secureConnection', (socket: net.Socket) => sockets.push(socket));
  server.on('stream', (stream, headers) => void accept(stream, headers).catch(() => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(() => void server.close());

beforeEach(() => {
  sessions = [];
  sockets = [];
  received = [];
  behaviour = answerAll;
  opener = new LoopbackOpener();
  clock = new ManualClock();
  connect = secured(port);
});
afterEach(async () => {
  for (const session of sessions) session.destroy();
  await soon(() => expect(opener.open).toBe(0));
});

describe('a question', () => {
  test('by POST is the body, with id 0, and the answer names who gave it', async () => {
    const answer = await resolverFor().query(question, never);
    expect(answer).toMatchObject({
      message: { rcode: 'NOERROR', answers: [right] },
      upstream: `https://127.0.0.1:${port}/dns-query`,
    });
    const [asked] = received;
    expect(asked?.headers).toMatchObject({
      ':method': 'POST',
      ':scheme': 'https',
      ':authority': `127.0.0.1:${port}`,
      ':path': '/dns-query',
      accept: media,
      'content-type': media,
      'content-length': String(asked?.body.length),
    });
    expect(asked?.query).toMatchObject({
      id: 0,
      recursionDesired: true,
      questions: [{ name: 'example.com', type: 'A', class: 1 }],
      edns: { udpSize: 1232 },
    });
  });

  test('by GET is in the path, without padding, the same each time: caches may share its answer', async () => {
    const resolver = resolverFor({ method: 'GET' });
    await resolver.query(question, never);
    await resolver.query(question, never);
    const [first, second] = received.map(({ headers }) => headers[':path']);
    expect(first).toMatch(/^\/dns-query\?dns=[A-Za-z0-9_-]+$/);
    expect(second).toBe(first);
    expect(received[0]?.headers).not.toHaveProperty('content-type');
    expect(received[0]?.body).toHaveLength(0);
    expect(received[0]?.query).toMatchObject({ id: 0, questions: [{ name: 'example.com' }] });
  });

  test("by GET keeps the path's own parameters", async () => {
    await resolverFor({ method: 'GET', path: '/q?token=1' }).query(question, never);
    expect(received[0]?.headers[':path']).toMatch(/^\/q\?token=1&dns=[A-Za-z0-9_-]+$/);
  });

  test('goes without EDNS, or to a server named by an IPv6 address or on the usual port, as the options say', async () => {
    await resolverFor({ question: { plain: true } }).query(question, never);
    expect(received[0]?.query.edns).toBeUndefined();
    const answer = await resolverFor({ host: '2001:db8::53', port: 443 }).query(question, never);
    expect(answer.upstream).toBe('https://[2001:db8::53]/dns-query');
    expect(received[1]?.headers[':authority']).toBe('[2001:db8::53]');
  });

  test('is one of many on one session, answered in whatever order', async () => {
    const resolver = resolverFor();
    behaviour = () => undefined;
    const names = Array.from({ length: 8 }, (_, i) => `n${i}.example.com`);
    const answers = names.map((name) => resolver.query({ name, type: 'A' }, never));
    for (const asked of (await questions(names.length)).toReversed()) {
      const name = asked.query.questions[0]?.name ?? '';
      say(asked, answerTo(asked, { answers: [record(name, 'A', '192.0.2.1')] }));
    }
    expect((await Promise.all(answers)).map(({ message }) => message.answers[0]?.name)).toEqual(names);
    expect(sessions).toHaveLength(1);
  });

  test('that no message can carry fails, and the next is answered', async () => {
    const resolver = resolverFor();
    await expect(resolver.query({ name: 'a..b', type: 'A' }, never)).rejects.toMatchObject({ code: 'DNS_BAD_MESSAGE' });
    await resolver.query(question, never);
    expect(sessions).toHaveLength(1);
  });
});

describe('an answer', () => {
  test('may be a denial, a refusal or cut off', async () => {
    const resolver = resolverFor();
    for (const rcode of ['NXDOMAIN', 'SERVFAIL', 'REFUSED']) {
      behaviour = (asked) => say(asked, answerTo(asked, { rcode, answers: [] }));
      expect((await resolver.query(question, never)).message.rcode).toBe(rcode);
    }
    behaviour = (asked) => say(asked, answerTo(asked, { truncated: true }));
    expect((await resolver.query(question, never)).message.truncated).toBe(true);
  });

  test('may come in pieces', async () => {
    behaviour = (asked) => {
      asked.stream.respond({ ':status': 200, 'content-type': media });
      const bytes = answerTo(asked);
      for (const byte of bytes) asked.stream.write(Uint8Array.of(byte));
      asked.stream.end();
    };
    expect((await resolverFor().query(question, never)).message.answers).toEqual([right]);
  });

  test('may have 65535 bytes and no more', async () => {
    const strings = Array.from({ length: 250 }, () => Buffer.alloc(255, 'x'));
    behaviour = (asked) => say(asked, answerTo(asked, { answers: [record('example.com', 'TXT', strings)] }));
    const text = { ...question, type: 'TXT' };
    expect((await resolverFor().query(text, never)).message.answers[0]?.data).toHaveLength(250 * 256);
    behaviour = (asked) => say(asked, Buffer.alloc(70_000));
    await expect(resolverFor().query(question, never)).rejects.toMatchObject({
      code: 'DNS_BAD_MESSAGE',
      message: 'the answer is too long',
    });
  });

  test.each([
    ['once', 400, ['POST']],
    ['once', 404, ['POST']],
    ['once', 429, ['POST']],
    ['again', 500, ['POST', 'POST']],
    ['again', 502, ['POST', 'POST']],
    ['again', 503, ['POST', 'POST']],
    ['by both methods', 405, ['POST', 'GET']],
    ['by both methods', 415, ['POST', 'GET']],
  ])('is asked for %s where the HTTP status is %i, which the error tells', async (_, status, methods) => {
    behaviour = (asked) => say(asked, answerTo(asked), { ':status': status });
    await expect(resolverFor().query(question, never)).rejects.toMatchObject({
      code: 'DNS_IO',
      message: `the server answered with HTTP status ${status}`,
    });
    expect(received.map(({ headers }) => headers[':method'])).toEqual(methods);
  });

  test('comes by the method that the server takes, however many questions it has refused at once', async () => {
    behaviour = (asked) => say(asked, answerTo(asked), { ':status': asked.headers[':method'] === 'GET' ? 200 : 405 });
    const resolver = resolverFor();
    await Promise.all(Array.from({ length: 4 }, () => resolver.query(question, never)));
    await resolver.query(question, never);
    const methods = received.map(({ headers }) => String(headers[':method']));
    expect(methods.toSorted()).toEqual([...Array<string>(5).fill('GET'), ...Array<string>(4).fill('POST')]);
  });

  test.each([
    ['without a place', {}, 'the server answered with HTTP status 302'],
    ['to itself', { location: '/dns-query' }, 'the server redirects again and again'],
    [
      'to another server',
      { location: 'https://other.example/dns-query' },
      'the server redirects to https://other.example/dns-query, which is another one',
    ],
    [
      'to another port',
      { location: 'https://127.0.0.1:1/' },
      'the server redirects to https://127.0.0.1:1/, which is another one',
    ],
    [
      'to plain HTTP',
      { location: 'http://127.0.0.1/' },
      'the server redirects to http://127.0.0.1/, which is another one',
    ],
    ['to nonsense', { location: 'https://[' }, 'the server redirects to https://[, which is another one'],
  ])('that is a redirection %s is an error', async (_, headers, message) => {
    behaviour = (asked) => say(asked, Buffer.alloc(0), { ':status': 302, ...headers });
    await expect(resolverFor().query(question, never)).rejects.toMatchObject({ code: 'DNS_IO', message });
  });

  test('that is a web page, as of a portal, is told as what it is', async () => {
    behaviour = (asked) =>
      say(asked, Buffer.from('<html>please log in</html>'), { 'content-type': 'text/html; charset=utf-8' });
    await expect(resolverFor().query(question, never)).rejects.toMatchObject({
      code: 'DNS_BAD_MESSAGE',
      message: 'no usable answer: it is "text/html; charset=utf-8"',
    });
  });

  test('that is right in spite of its content type is taken', async () => {
    behaviour = (asked) => say(asked, answerTo(asked), { 'content-type': 'application/octet-stream' });
    expect((await resolverFor().query(question, never)).message.answers).toEqual([right]);
  });

  test.each<[string, (asked: Asked) => Uint8Array]>([
    ['that is empty', () => Buffer.alloc(0)],
    ['of a few bytes', () => Buffer.from([0, 0, 0x81])],
    ['of another name', (asked) => answerTo(asked, { questions: [{ name: 'example.org', type: 'A', class: 1 }] })],
    ['of another type', (asked) => answerTo(asked, { questions: [{ name: 'example.com', type: 'MX', class: 1 }] })],
    ['that is a question', (asked) => answerTo(asked, { response: false })],
    ['of a header that promises more', (asked) => answerTo(asked).subarray(0, 12)],
  ])('%s is an error at once, and the session is kept', async (_, bytes) => {
    const resolver = resolverFor();
    behaviour = (asked) => say(asked, bytes(asked));
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_BAD_MESSAGE' });
    behaviour = answerAll;
    await resolver.query(question, never);
    expect(sessions).toHaveLength(1);
  });

  test('of any bytes and any status ends the question with an answer or an error of ours', async () => {
    const resolver = resolverFor();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(200, 204, 404), async (bytes, status) => {
        behaviour = (asked) => say(asked, bytes, { ':status': status });
        const outcome = await failureOf(resolver.query(question, never));
        expect(outcome === 'it succeeded' || outcome instanceof AppError).toBe(true);
      }),
      { numRuns: 50 },
    );
    expect(sessions).toHaveLength(1);
  });
});

describe('a session', () => {
  test.each<[string, () => void]>([
    ['closed in good order', () => sessions[0]?.close()],
    ['cut off', () => sockets[0]?.destroy()],
  ])('%s while it was idle is replaced', async (_, end) => {
    const resolver = resolverFor();
    await resolver.query(question, never);
    end();
    await soon(() => expect(opener.open).toBe(0));
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
    expect(sessions).toHaveLength(2);
  });

  test.each<[string, (asked: Asked) => void]>([
    ['cut off', () => sockets[0]?.destroy()],
    ['ended with GOAWAY', ({ stream }) => stream.session?.destroy(undefined, http2.constants.NGHTTP2_NO_ERROR)],
    [
      'ended for an error',
      ({ stream }) => stream.session?.destroy(undefined, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM),
    ],
  ])('%s at the question after it was kept: the question is asked once more on a new one', async (_, end) => {
    const resolver = resolverFor();
    await resolver.query(question, never);
    behaviour = (asked) => (asked.connection === 0 ? end(asked) : answerAll(asked));
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
    expect(received.map(({ connection }) => connection)).toEqual([0, 0, 1]);
  });

  test('that is cut off again and again is not tried for ever', async () => {
    const resolver = resolverFor();
    await resolver.query(question, never);
    behaviour = ({ connection }) => void sockets[connection]?.destroy();
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_IO' });
    expect(received).toHaveLength(3);
  });

  test('stays when the server takes back one question', async () => {
    const resolver = resolverFor();
    behaviour = ({ stream }) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_IO' });
    behaviour = ({ stream }) => stream.close(http2.constants.NGHTTP2_CANCEL);
    await expect(resolver.query(question, never)).rejects.toMatchObject({
      code: 'DNS_IO',
      message: 'the server closed the request',
    });
    behaviour = answerAll;
    await resolver.query(question, never);
    expect(sessions).toHaveLength(1);
  });

  test('on which nothing comes any more is given up within the time of the question', async () => {
    await using relay = new Relay(port);
    connect = secured(await relay.listen());
    const resolver = resolverFor();
    await resolver.query(question, never);
    relay.swallow();
    const answer = resolver.query(question, never);
    await settle();
    await clock.advance(3_499);
    expect(sessions).toHaveLength(1);
    await clock.advance(1);
    expect((await answer).message.answers).toEqual([right]);
    expect(sessions).toHaveLength(2);
  });

  test('whose server is slow but there is kept', async () => {
    const resolver = resolverFor();
    await resolver.query(question, never);
    behaviour = () => undefined;
    const answer = resolver.query(question, never);
    const asked = (await questions(2))[1];
    await clock.advance(2_500);
    await pongHasCome();
    await clock.advance(2_000);
    if (asked !== undefined) answerAll(asked);
    expect((await answer).message.answers).toEqual([right]);
    expect(sessions).toHaveLength(1);
  });

  test('that cannot be made is an error with the reason, and is tried anew for the next question', async () => {
    const resolver = resolverFor();
    const make = connect;
    connect = () => Promise.reject(new AppError('DNS_TLS', 'no good certificate'));
    await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_TLS' });
    connect = make;
    expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  });
});

describe('time', () => {
  test('silence ends after 5 s with DNS_TIMEOUT', async () => {
    behaviour = () => undefined;
    const outcome = failureOf(resolverFor().query(question, never));
    await questions(1);
    await clock.advance(2_500);
    await pongHasCome();
    await clock.advance(2_499);
    await clock.advance(1);
    expect(await outcome).toMatchObject({
      code: 'DNS_TIMEOUT',
      message: `https://127.0.0.1:${port}/dns-query did not answer within 5 s`,
    });
  });

  test('a connection that is never made ends after 5 s too, for who makes it as well', async () => {
    let making: AbortSignal | undefined;
    connect = (signal) => {
      making = signal;
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(AppError.from(signal.reason)));
      });
    };
    const outcome = failureOf(resolverFor().query(question, never));
    await clock.advance(5_000);
    expect(await outcome).toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(making?.aborted).toBe(true);
  });

  test('the asker can give up: before, and in the middle; the server is told, and the session is kept', async () => {
    const resolver = resolverFor();
    await expect(resolver.query(question, AbortSignal.abort())).rejects.toMatchObject({ code: 'DNS_IO' });
    expect(opener.open).toBe(0);
    await resolver.query(question, never);
    behaviour = () => undefined;
    const asker = new AbortController();
    const outcome = failureOf(resolver.query(question, asker.signal));
    const asked = (await questions(2))[1];
    asker.abort(new AppError('DNS_IO', 'another server was believed'));
    expect(await outcome).toMatchObject({ message: 'another server was believed' });
    await soon(() => expect(asked?.stream.destroyed).toBe(true));
    behaviour = answerAll;
    await resolver.query(question, never);
    expect(sessions).toHaveLength(1);
  });
});
