import type net from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AfterExchange, HttpExchange } from '../../../core/inbound/http-exchange.ts';
import type { ForwardedHead } from '../../../core/net/http-connect.ts';
import { bytesWorked } from '../../support/byte-work.ts';
import { errnoOfEnd, Loopback, readAll } from '../net/loopback.ts';

const loopback = new Loopback();
let client: net.Socket;
let ours: net.Socket;
let after: AfterExchange[];
beforeEach(async () => {
  [client, ours] = await loopback.pair();
  after = [];
});
afterEach(() => loopback.closeAll());

const none = { kind: 'bytes', bytes: 0 } as const;
function exchange(request: Partial<ForwardedHead> = {}): HttpExchange {
  const head: ForwardedHead = {
    method: 'GET',
    host: 'a.example',
    reader: { method: 'GET', wants: 'text' },
    version: '1.1',
    head: Buffer.from('HEAD '),
    body: none,
    upgrade: false,
    persistent: true,
    ...request,
  };
  return new HttpExchange(ours, head, (each) => {
    after.push(each);
    if (each.kind === 'end') ours.end();
  });
}
const bytesOf = (each: AfterExchange | undefined) => (each?.kind === 'next' ? String(each.bytes) : each?.kind);

test('head, body and FIN; what follows is kept for the next request', async () => {
  const request = exchange({ body: { kind: 'bytes', bytes: 4 } });
  const sent = readAll(request.readable);
  client.write('bo');
  client.write('dyGET /next');
  await expect.poll(() => ours.bytesRead).toBe(13);
  request.writable.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  await expect.poll(() => after.length).toBe(1);
  expect(bytesOf(after[0])).toBe('GET /next');
  expect(String(await sent)).toBe('HEAD body');
});

test('chunks pass as they are', async () => {
  const request = exchange({ body: { kind: 'chunked' } });
  client.end('4\r\nbody\r\n0\r\n\r\nmore');
  expect((await readAll(request.readable)).toString()).toBe('HEAD 4\r\nbody\r\n0\r\n\r\n');
});

/** What a server says (in pieces of every size), to which request; what the client gets, and whether it may go on. */
test.each<[what: string, request: Partial<ForwardedHead>, said: string, got: string, goesOn: boolean]>([
  [
    'a length',
    {},
    'HTTP/1.1 200 OK\nContent-Length: 2\n\nokMORE',
    'HTTP/1.1 200 OK\nContent-Length: 2\nConnection: keep-alive\n\nok',
    true,
  ],
  [
    'chunks',
    {},
    'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\n\nX',
    'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: keep-alive\n\n2\nok\n0\n\n',
    true,
  ],
  ['no length', {}, 'HTTP/1.1 200 OK\n\nok', 'HTTP/1.1 200 OK\nConnection: close\n\nok', false],
  [
    'the answer to HEAD',
    { method: 'HEAD' },
    'HTTP/1.1 200 OK\nContent-Length: 9\n\n',
    'HTTP/1.1 200 OK\nContent-Length: 9\nConnection: keep-alive\n\n',
    true,
  ],
  ['204', {}, 'HTTP/1.1 204 No Content\nX: 1\n\n', 'HTTP/1.1 204 No Content\nX: 1\nConnection: keep-alive\n\n', true],
  [
    '304',
    {},
    'HTTP/1.1 304 Not Modified\nContent-Length: 9\n\n',
    'HTTP/1.1 304 Not Modified\nContent-Length: 9\nConnection: keep-alive\n\n',
    true,
  ],
  [
    'interim answers',
    {},
    'HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n',
    'HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 200 OK\nContent-Length: 0\nConnection: keep-alive\n\n',
    true,
  ],
  [
    'interim answers for HTTP/1.0',
    { version: '1.0' },
    'HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n',
    'HTTP/1.1 200 OK\nContent-Length: 0\nConnection: keep-alive\n\n',
    true,
  ],
  [
    'a client that does not go on',
    { persistent: false },
    'HTTP/1.1 200 OK\nContent-Length: 2\nConnection: keep-alive\n\nok',
    'HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok',
    false,
  ],
  [
    'what concerns the server only',
    {},
    'HTTP/1.0 200 OK\nKeep-Alive: timeout=5\nConnection: X-Hop\nX-Hop: 1\nContent-Length: 0\n\n',
    'HTTP/1.0 200 OK\nContent-Length: 0\nConnection: keep-alive\n\n',
    true,
  ],
  [
    'two equal lengths',
    {},
    'HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2\n\nok',
    'HTTP/1.1 200 OK\nContent-Length: 2\nConnection: keep-alive\n\nok',
    true,
  ],
  [
    'two different lengths',
    {},
    'HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 1\n\nok',
    'HTTP/1.1 200 OK\nConnection: close\n\nok',
    false,
  ],
  [
    'a length beside chunks',
    {},
    'HTTP/1.1 200 OK\nContent-Length: 9\nTransfer-Encoding: chunked\n\n0\n\n',
    'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: keep-alive\n\n0\n\n',
    true,
  ],
  ['no HTTP', {}, 'ICY 200 OK\nicy-name: x\n\nmusic', 'ICY 200 OK\nicy-name: x\n\nmusic', false],
  [
    'chunks that are none',
    {},
    'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nhello',
    'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: keep-alive\n\nhello',
    false,
  ],
])('the answer with %s', async (_what, request, said, got, goesOn) => {
  const wire = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
  for (const size of [1, 7, 10_000]) {
    after = [];
    [client, ours] = await loopback.pair();
    const heard: Buffer[] = [];
    client.on('data', (chunk: Buffer) => heard.push(chunk));
    const { readable, writable } = exchange(request);
    readable.resume();
    for (let at = 0; at < wire(said).length && !writable.writableEnded; at += size)
      writable.write(wire(said).subarray(at, at + size));
    if (!goesOn) writable.end();
    await expect.poll(() => after.map(({ kind }) => kind)).toEqual([goesOn ? 'next' : 'end']);
    await expect.poll(() => Buffer.concat(heard).toString('latin1')).toBe(wire(got).toString('latin1'));
  }
});

test('a server that says nothing: 502', async () => {
  exchange().writable.end();
  expect(String(await readAll(client))).toMatch(/^HTTP\/1\.1 502 /);
  expect(after).toEqual([{ kind: 'end' }]);
});

const interim = 'HTTP/1.1 103 \r\nLink: x\r\n\r\n';
const final = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('as many interim answers as a patient server sends reach the client; one without end is a bad gateway', async () => {
  const { readable, writable } = exchange();
  readable.resume();
  for (let i = 0; i < 100; i++) writable.write(interim);
  writable.write(final);
  await expect.poll(() => after.map(({ kind }) => kind)).toEqual(['next']);

  after = [];
  [client, ours] = await loopback.pair();
  const got = readAll(client);
  exchange().writable.write(interim.repeat(5_000) + final);
  expect(String(await got)).toMatch(/^(HTTP\/1\.1 103 \r\nLink: x\r\n\r\n){100}HTTP\/1\.1 502 [^]*Connection: close/i);
  expect(after).toEqual([{ kind: 'end' }]);
});

/** What a server can make of 64 KiB, in pieces of so many bytes. */
test.each<[what: string, said: string, size: number]>([
  ['interim answers in one piece', interim.repeat(90) + 'x'.repeat(63_000), 65_536],
  [
    'interim answers, then a head that never ends',
    interim.repeat(90) + `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}`,
    65_536,
  ],
  ['a head byte by byte', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}\r\n`, 1],
  ['a field byte by byte', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(65_000)}\r\n\r\n`, 1],
  ['a body behind a short head', `${final}${'x'.repeat(65_000)}`, 65_536],
])('the work of %s grows with the bytes only', (_what, said, size) => {
  const { readable, writable } = exchange();
  readable.resume();
  const bytes = Buffer.from(said, 'latin1').subarray(0, 65_536);
  const worked = bytesWorked(() => {
    for (let at = 0; at < bytes.length && !writable.writableEnded; at += size)
      writable.write(bytes.subarray(at, at + size));
  });
  expect(worked).toBeLessThan(8 * 65_536);
});

test('an answer before the body is whole reaches the client, and is the last one', async () => {
  const request = exchange({ method: 'POST', body: { kind: 'bytes', bytes: 100 } });
  request.readable.resume();
  client.write('abc');
  request.writable.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
  expect(String(await readAll(client))).toMatch(/^HTTP\/1\.1 413 [^]*Connection: close/);
});

test('after 101 bytes pass both ways as they are, those before it too', async () => {
  const request = exchange({ upgrade: true });
  const sent: string[] = [];
  request.readable.on('data', (chunk) => sent.push(String(chunk)));
  client.write('early');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(sent.join('')).toBe('HEAD ');
  request.writable.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi');
  const got = readAll(client);
  client.write(' late');
  await expect.poll(() => sent.join('')).toBe('HEAD early late');
  request.writable.end(' there');
  expect(String(await got)).toBe(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi there',
  );
  expect(after).toEqual([]);
});

test('a client cannot pile up requests', async () => {
  exchange().readable.resume();
  client.write(Buffer.alloc(16 * 1024 * 1024));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(ours.bytesRead).toBeLessThan(512 * 1024);
});

test('a broken frame is an error', async () => {
  const request = exchange({ body: { kind: 'chunked' } });
  client.write('no size\r\n');
  await expect(readAll(request.readable)).rejects.toMatchObject({ code: 'DIAL_IO' });
});

test('RST of the client is an error', async () => {
  const request = exchange({ body: { kind: 'bytes', bytes: 4 } });
  client.resetAndDestroy();
  await expect(readAll(request.readable)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a connection that we close ourselves ends the request unfinished', async () => {
  const request = exchange({ body: { kind: 'bytes', bytes: 4 } });
  const gone = new Promise((resolve) => request.readable.once('close', resolve));
  ours.destroy();
  await gone;
  expect(request.readable.readableEnded).toBe(false);
});

test('reset reaches the client, but not after it was handed back', async () => {
  const ended = errnoOfEnd(client);
  const request = exchange({ body: { kind: 'bytes', bytes: 4 } });
  request.reset();
  expect(await ended).toBe('ECONNRESET');
  expect(request.readable.destroyed).toBe(true);
  [client, ours] = await loopback.pair();
  const whole = exchange();
  whole.readable.resume();
  whole.writable.write('HTTP/1.1 204 No Content\r\n\r\n');
  await expect.poll(() => after.length).toBe(1);
  whole.reset();
  ours.end('still here');
  expect(String(await readAll(client))).toMatch(/still here$/);
});
