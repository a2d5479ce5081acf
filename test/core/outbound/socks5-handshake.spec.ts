import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import { Socks5Client } from '../../../core/net/socks5-client.ts';
import { socks5Handshake } from '../../../core/outbound/socks5-handshake.ts';
import { Loopback, readAll } from '../net/loopback.ts';
import { dialOptions } from './doubles.ts';
import { type Socks5Asked, type Socks5ServerOptions, serveSocks5 } from './socks5-server.ts';

const loopback = new Loopback();
afterEach(() => loopback.closeAll());

const target = { host: 'hidden.example', port: 443 };
const user = { username: 'me', password: 'secret' };

async function dial(server: Socks5ServerOptions, credentials?: typeof user, options = dialOptions()) {
  const asked: Socks5Asked[] = [];
  const port = await loopback.listen((socket) => void serveSocks5(socket, server, asked).catch(() => undefined));
  const socket = await loopback.connect(port);
  const done = socks5Handshake(socket, new Socks5Client(target, credentials), systemClock, options);
  return { socket, done, asked };
}

test('asks by name and hands the connection over', async () => {
  const { socket, done, asked } = await dial({});
  await done;
  expect(asked).toEqual([{ host: 'hidden.example', port: 443, password: undefined }]);
  socket.end('echo');
  expect((await readAll(socket)).toString()).toBe('echo');
});

test('with user name and password, answered byte by byte', async () => {
  const { done, asked } = await dial({ user, trickle: true }, user);
  await done;
  expect(asked).toEqual([{ host: 'hidden.example', port: 443, password: 'secret' }]);
});

test('bytes and FIN right behind the reply belong to the stream', async () => {
  const { socket, done } = await dial({ banner: '220 hello', endAfterBanner: true });
  await done;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await readAll(socket)).toString()).toBe('220 hello');
  expect(socket.writable).toBe(true);
});

describe('failures have their code and leave no connection', () => {
  test.each([
    ['wrong password', { user: { ...user, password: 'other' } }, user, 'DIAL_PROXY_AUTH'],
    ['no password', { user }, undefined, 'DIAL_PROXY_AUTH'],
    ['refused', { reply: 5 }, undefined, 'DIAL_REFUSED'],
    ['not found', { reply: 4 }, undefined, 'DIAL_HOST_UNREACHABLE'],
    ['forbidden', { reply: 2 }, undefined, 'DIAL_PROXY_DENIED'],
    ['general', { reply: 1 }, undefined, 'DIAL_PROXY_FAILED'],
  ] as const)('%s', async (_what, server, credentials, code) => {
    const { socket, done } = await dial(server, credentials);
    await expect(done).rejects.toMatchObject({ code });
    expect(socket.destroyed).toBe(true);
  });

  test.each([
    ['a refusal of two bytes', [5, 5], undefined, 'DIAL_REFUSED'],
    ['a refusal without an address', [5, 4, 0], undefined, 'DIAL_HOST_UNREACHABLE'],
    ['half of a grant', [5, 0, 0, 1, 1], undefined, 'DIAL_PROXY_FAILED'],
    ['one byte', [5], undefined, 'DIAL_PROXY_FAILED'],
    ['nothing after the password', [], user, 'DIAL_PROXY_AUTH'],
  ] as const)('the end of the connection after %s', async (_what, last, credentials, code) => {
    for (const end of ['fin', 'reset'] as const) {
      const port = await loopback.listen((socket) => {
        socket.once('data', () => {
          socket.write(Uint8Array.of(5, credentials === undefined ? 0 : 2));
          socket.once('data', () => {
            socket.write(Uint8Array.from(last), () => {
              if (end === 'fin') socket.end();
              else setTimeout(() => socket.resetAndDestroy(), 20);
            });
          });
        });
      });
      const socket = await loopback.connect(port);
      const done = socks5Handshake(socket, new Socks5Client(target, credentials), systemClock, dialOptions());
      await expect(done).rejects.toMatchObject({ code });
    }
  });

  test('a server that says nothing', async () => {
    const { socket, done } = await dial({ mute: true }, undefined, dialOptions(50));
    await expect(done).rejects.toMatchObject({ code: 'DIAL_TIMEOUT' });
    expect(socket.destroyed).toBe(true);
  });

  test.each([
    ['closes', (end: () => void, _reset: () => void) => end()],
    ['resets', (_end: () => void, reset: () => void) => reset()],
  ])('a server that %s', async (_what, act) => {
    const port = await loopback.listen((socket) => {
      socket.once('data', () =>
        act(
          () => socket.end(Buffer.of(5)),
          () => socket.resetAndDestroy(),
        ),
      );
    });
    const socket = await loopback.connect(port);
    const done = socks5Handshake(socket, new Socks5Client(target, undefined), systemClock, dialOptions());
    await expect(done).rejects.toMatchObject({ code: 'DIAL_PROXY_FAILED' });
  });

  test('a server that speaks something else', async () => {
    const port = await loopback.listen((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n'));
    const socket = await loopback.connect(port);
    const done = socks5Handshake(socket, new Socks5Client(target, undefined), systemClock, dialOptions());
    await expect(done).rejects.toMatchObject({ code: 'DIAL_PROXY_FAILED' });
  });

  test('given up', async () => {
    const life = new AbortController();
    const { socket, done } = await dial({ mute: true }, undefined, { signal: life.signal, timeoutMs: 5000 });
    life.abort();
    await expect(done).rejects.toMatchObject({ code: 'DIAL_IO' });
    expect(socket.destroyed).toBe(true);
  });
});
