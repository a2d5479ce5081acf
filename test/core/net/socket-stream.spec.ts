import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SocketStream } from '../../../core/net/socket-stream.ts';
import { errnoOfEnd, Loopback, readAll } from './loopback.ts';

const loopback = new Loopback();
afterEach(() => loopback.closeAll());

test('FIN of one side leaves the other direction open', async () => {
  const [client, server] = await loopback.pair();
  const stream = new SocketStream(client);
  const heard = readAll(server);
  stream.writable.end('question');
  expect((await heard).toString()).toBe('question');
  server.end('answer after the FIN');
  expect((await readAll(stream.readable)).toString()).toBe('answer after the FIN');
});

test('reset is seen as RST', async () => {
  const [client, server] = await loopback.pair();
  const ended = errnoOfEnd(server);
  new SocketStream(client).reset();
  expect(await ended).toBe('ECONNRESET');
});

test('reset with bytes that nobody reads is still RST, at once', async () => {
  const [client, server] = await loopback.pair();
  const stream = new SocketStream(client);
  stream.writable.write(Buffer.alloc(20_000_000));
  stream.reset();
  expect(client.destroyed).toBe(true);
  expect(await errnoOfEnd(server)).toBe('ECONNRESET');
});

test('reset in the moment of closing does not raise an error and leaves nothing open', async () => {
  const [client] = await loopback.pair();
  const stream = new SocketStream(client);
  const closed = new Promise<boolean>((resolve) => client.once('close', resolve));
  stream.writable.end('last');
  stream.reset();
  expect(await closed).toBe(false);
});

test('a reset from the other side is an error of the readable, and only of it', async () => {
  const [client, server] = await loopback.pair();
  const stream = new SocketStream(client);
  const failed = readAll(stream.readable);
  server.resetAndDestroy();
  await expect(failed).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('knows the address of the other end', async () => {
  const [client] = await loopback.pair();
  expect(new SocketStream(client).remote).toBe('127.0.0.1');
});

test('refuses a socket without half-close', () => {
  expect(() => new SocketStream(new net.Socket())).toThrow(TypeError);
});
