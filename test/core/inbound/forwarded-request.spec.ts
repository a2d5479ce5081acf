import type net from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ForwardedRequest } from '../../../core/inbound/forwarded-request.ts';
import type { HttpBodyLength } from '../../../core/net/http-body.ts';
import { errnoOfEnd, Loopback, readAll } from '../net/loopback.ts';

const loopback = new Loopback();
let client: net.Socket;
let ours: net.Socket;
beforeEach(async () => {
  [client, ours] = await loopback.pair();
});
afterEach(() => loopback.closeAll());

const forwarded = (body: HttpBodyLength): ForwardedRequest => new ForwardedRequest(ours, Buffer.from('HEAD '), body);
const closed = (request: ForwardedRequest) => new Promise((resolve) => request.readable.once('close', resolve));

test('head, body and FIN; nothing of what follows', async () => {
  const request = forwarded({ kind: 'bytes', bytes: 4 });
  client.write('bo');
  client.end('dyGET / HTTP/1.1\r\n');
  expect((await readAll(request.readable)).toString()).toBe('HEAD body');
});

test('chunks pass as they are', async () => {
  const request = forwarded({ kind: 'chunked' });
  client.end('4\r\nbody\r\n0\r\n\r\nmore');
  expect((await readAll(request.readable)).toString()).toBe('HEAD 4\r\nbody\r\n0\r\n\r\n');
});

test('the answer goes straight to the client', async () => {
  const request = forwarded({ kind: 'bytes', bytes: 0 });
  request.writable.end('answer');
  expect((await readAll(client)).toString()).toBe('answer');
});

test('a broken frame is an error', async () => {
  const request = forwarded({ kind: 'chunked' });
  client.write('no size\r\n');
  await expect(readAll(request.readable)).rejects.toMatchObject({ code: 'DIAL_IO' });
});

test('RST of the client is an error', async () => {
  const request = forwarded({ kind: 'bytes', bytes: 4 });
  client.resetAndDestroy();
  await expect(readAll(request.readable)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a connection that we close ourselves ends the request unfinished', async () => {
  const request = forwarded({ kind: 'bytes', bytes: 4 });
  const gone = closed(request);
  ours.destroy();
  await gone;
  expect(request.readable.readableEnded).toBe(false);
});

test('reset reaches the client', async () => {
  const ended = errnoOfEnd(client);
  const request = forwarded({ kind: 'bytes', bytes: 4 });
  request.reset();
  expect(await ended).toBe('ECONNRESET');
  expect(request.readable.destroyed).toBe(true);
});
