/** DNS over HTTPS at servers that speak HTTP/1.1 only. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HttpsResolver } from '../../../../core/dns/upstream/https-resolver.ts';
import type { Connect } from '../../../../core/dns/upstream/stream-resolver.ts';
import { connectDirect, overTls } from '../../../../core/dns/upstream/upstream-dialer.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { responseTo } from '../../../../core/net/dns-message.ts';
import { TestAuthority } from '../../../support/certificate.ts';
import { eventually } from '../../../support/eventually.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { LoopbackOpener, record } from './fake-upstream.ts';
import { Relay } from './relay.ts';

interface Asked {
  readonly method: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly name: string;
  readonly response: http.ServerResponse;
  readonly answer: Buffer;
}

const never = new AbortController().signal;
const question = { name: 'example.com', type: 'A' };
const right = record('example.com', 'A', '192.0.2.1');
const media = 'application/dns-message';
const authority = new TestAuthority();
const say = ({ response }: Asked, bytes: Uint8Array, status = 200, type = media): void => {
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
};
const answerAll = (asked: Asked): void => say(asked, asked.answer);

let server: https.Server;
let port: number;
let sockets: Socket[];
let received: Asked[];
let behaviour: (asked: Asked) => void;
let opener: LoopbackOpener;
let clock: ManualClock;

async function accept(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method, headers } = request;
  const sent = new URL(request.url ?? '', 'https://localhost').searchParams.get('dns') ?? '';
  const decoded = decodeMessage(method === 'GET' ? Buffer.from(sent, 'base64url') : Buffer.concat(chunks));
  if (!decoded.ok) throw new Error(`the resolver sent nonsense: ${decoded.reason}`);
  const name = decoded.message.questions[0]?.name ?? '';
  const answers = [record(name, 'A', '192.0.2.1')];
  const answer = Buffer.from(encodeMessage({ ...responseTo(decoded.message, 'NOERROR'), answers }));
  const asked = { method, headers, name, response, answer };
  received.push(asked);
  behaviour(asked);
}

async function listen(options: https.ServerOptions): Promise<void> {
  server = https.createServer({ ...authority.issue(['127.0.0.1']), ...options });
  server.on('secureConnection', (socket: Socket) => sockets.push(socket));
  server.on('request', (request, response) => void accept(request, response).catch(() => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
}

const secured = (to: number): Connect =>
  overTls(
    connectDirect(opener, { host: '127.0.0.1', port: to }, () => Promise.reject(new Error('no name'))),
    '127.0.0.1',
    { ca: authority.cert, alpn: ['h2', 'http/1.1'] },
  );
const resolverFor = (connect = secured(port), method: 'GET' | 'POST' = 'POST'): HttpsResolver =>
  new HttpsResolver({ host: '127.0.0.1', port, path: '/dns-query', method, connect, clock });

beforeEach(async () => {
  [sockets, received, behaviour] = [[], [], answerAll];
  [opener, clock] = [new LoopbackOpener(), new ManualClock()];
  await listen({ ALPNProtocols: ['http/1.1'] });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await eventually(() => expect(opener.open).toBe(0));
});

test.each(['GET', 'POST'] as const)('a question by %s is answered, the next on the same connection', async (method) => {
  const resolver = resolverFor(secured(port), method);
  for (let i = 0; i < 3; i++) expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  expect(sockets).toHaveLength(1);
  expect(received.map((asked) => [asked.method, asked.headers.host, asked.headers.accept])).toEqual(
    Array.from({ length: 3 }, () => [method, `127.0.0.1:${port}`, media]),
  );
  expect(received[0]?.headers['content-type']).toBe(method === 'POST' ? media : undefined);
});

test('a server that agrees to no protocol at all speaks HTTP/1.1', async () => {
  server.close();
  await listen({ ALPNProtocols: [] });
  expect((await resolverFor().query(question, never)).message.answers).toEqual([right]);
});

test('many questions share a few connections, and none waits for a slow one', async () => {
  const resolver = resolverFor();
  const held: Asked[] = [];
  behaviour = (asked) => (asked.name === 'slow.example' ? held.push(asked) : answerAll(asked));
  const slow = resolver.query({ name: 'slow.example', type: 'A' }, never);
  await eventually(() => expect(held).toHaveLength(1));
  await Promise.all(Array.from({ length: 40 }, () => resolver.query(question, never)));
  expect(sockets.length).toBeLessThanOrEqual(6);
  for (const asked of held) answerAll(asked);
  await expect(slow).resolves.toMatchObject({ message: { questions: [{ name: 'slow.example' }] } });
});

test('a kept connection that the server closes at the next question is replaced, and that one once', async () => {
  const resolver = resolverFor();
  await resolver.query(question, never);
  behaviour = ({ response }) => (received.length === 2 ? response.socket?.destroy() : say(last(), last().answer));
  expect((await resolver.query(question, never)).message.answers).toEqual([right]);
  expect(sockets).toHaveLength(2);
  behaviour = ({ response }) => void response.socket?.destroy();
  await expect(resolver.query(question, never)).rejects.toMatchObject({ code: 'DNS_IO' });
  expect(received).toHaveLength(6);
});

test('a kept connection on which nothing comes any more is replaced within the time of the question', async () => {
  await using relay = new Relay(port);
  const resolver = resolverFor(secured(await relay.listen()));
  await resolver.query(question, never);
  relay.swallow();
  const answer = resolver.query(question, never);
  await settle();
  await clock.advance(2_500);
  expect((await answer).message.answers).toEqual([right]);
  expect(sockets).toHaveLength(2);
});

test.each<[string, (asked: Asked) => void, string]>([
  ['an error status', (asked) => say(asked, Buffer.from('no'), 503), 'DNS_IO'],
  ['a redirection', (asked) => asked.response.writeHead(302, { location: '/elsewhere' }).end(), 'DNS_IO'],
  ['a web page', (asked) => say(asked, Buffer.from('<html>'), 200, 'text/html'), 'DNS_BAD_MESSAGE'],
  ['too many bytes', (asked) => say(asked, Buffer.alloc(65_536)), 'DNS_BAD_MESSAGE'],
  [
    'half an answer',
    ({ response, answer }) => void response.write(answer.subarray(0, 9), () => response.destroy()),
    'DNS_IO',
  ],
  ['no HTTP', ({ response }) => response.socket?.end('SSH-2.0-x\r\n'), 'DNS_IO'],
])('%s is an error of ours', async (_name, behave, code) => {
  behaviour = behave;
  await expect(resolverFor().query(question, never)).rejects.toMatchObject({ code });
});

test('silence ends after 5 s, and who gives up is heard at once', async () => {
  behaviour = () => undefined;
  const resolver = resolverFor();
  const silent = resolver.query(question, never).catch((error: unknown) => error);
  await eventually(() => expect(received).toHaveLength(1));
  await clock.advance(5_000);
  expect(await silent).toMatchObject({ code: 'DNS_TIMEOUT' });
  const giving = new AbortController();
  const given = resolver.query(question, giving.signal).catch((error: unknown) => error);
  await eventually(() => expect(received).toHaveLength(2));
  giving.abort(new Error('enough'));
  expect(await given).toMatchObject({ message: expect.stringContaining('enough') });
});

function last(): Asked {
  const asked = received.at(-1);
  if (asked === undefined) throw new Error('nothing was asked');
  return asked;
}
