import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { browserGround, outcome } from '../../../support/browser-ground.ts';
import { fairClock } from '../../../support/fair-clock.ts';

const ground = browserGround();
const { ask, signIn, dial } = ground;

describe('connections that keep to nothing', () => {
  const host = () => `Host: 127.0.0.1:${ground.port}\r\n`;
  const upgrade = (more: string, path = '/api/socket') =>
    `GET ${path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
  const stages: Record<string, (cookie: string) => string> = {
    'nothing said': () => '',
    'half a head': () => 'GET / HTTP/1.1\r\nHost: 127',
    'no HTTP at all': () => '\x16\x03\x01\x02\x00\x01\x00garbage\r\n\r\n',
    'a request under another name': () => 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n',
    'a request with a body that never comes': () => `POST / HTTP/1.1\r\n${host()}Content-Length: 1000\r\n\r\n`,
    'an upgrade under another name': () => upgrade('Host: evil.example\r\n'),
    'an upgrade from another origin': () => upgrade(`${host()}Origin: http://evil.example\r\n`),
    'an upgrade to another path': () => upgrade(`${host()}Origin: http://127.0.0.1:${ground.port}\r\n`, '/other'),
    'an upgrade without a cookie': () => upgrade(`${host()}Origin: http://127.0.0.1:${ground.port}\r\n`),
    'an upgrade without a key': (cookie) =>
      upgrade(`${host()}Origin: http://127.0.0.1:${ground.port}\r\nCookie: ${cookie}\r\n`).replace(
        /Sec-WebSocket-Key.*\r\n/,
        '',
      ),
    'an upgrade to something else': () => upgrade(host()).replace('Upgrade: websocket', 'Upgrade: h2c'),
    'a good upgrade': (cookie) => upgrade(`${host()}Origin: http://127.0.0.1:${ground.port}\r\nCookie: ${cookie}\r\n`),
    'a broken frame behind a good upgrade': (cookie) =>
      `${upgrade(`${host()}Origin: http://127.0.0.1:${ground.port}\r\nCookie: ${cookie}\r\n`)}\xff\xff\xff\xff`,
  };
  const endings: Record<string, (socket: Socket) => void> = {
    'a reset': (socket) => socket.resetAndDestroy(),
    'a reset and no look at the answer': (socket) => {
      socket.pause();
      setTimeout(() => socket.resetAndDestroy(), 20);
    },
    'the end of its half': (socket) => socket.end(),
    'garbage and a reset': (socket) => {
      socket.write(Buffer.alloc(70_000, 0xff));
      setTimeout(() => socket.resetAndDestroy(), 20);
    },
  };

  test.each(Object.keys(stages))('%s: no end of it ends the server', async (stage) => {
    const cookie = await signIn();
    for (const end of Object.values(endings)) {
      const socket = connect(ground.port, '127.0.0.1');
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await new Promise<void>((resolve) => {
        socket.once('connect', () =>
          socket.write(Buffer.from(stages[stage]?.(cookie) ?? '', 'latin1'), () => resolve()),
        );
      });
      end(socket);
      setTimeout(() => socket.destroy(), 100);
      await closed;
    }
    expect((await ask('/', { cookie })).status).toBe(200);
    await expect.poll(() => ground.server.viewers).toBe(0);
  });

  test.each([
    ['half requests', 'GET / HTTP/1.1\r\nHost: 127'],
    ['requests that were refused and are kept alive', 'GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n'],
    ['nothing', ''],
  ])('a crowd of strangers with %s keeps nobody out', async (_, said) => {
    const cookie = await signIn();
    const tab = dial({ cookie });
    expect(await outcome(tab)).toBe('open');
    const crowd = Array.from({ length: 400 }, () => {
      const socket = connect(ground.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.on('connect', () => socket.write(said));
      return socket;
    });
    const begun = fairClock.monotonic();
    expect((await ask('/', { cookie })).status).toBe(200);
    expect((await ask('/', {})).status).toBe(401);
    expect(fairClock.monotonic() - begun).toBeLessThan(5_000);
    expect(tab.readyState).toBe(WebSocket.OPEN);
    expect(ground.server.viewers).toBe(1);
    for (const socket of crowd) socket.destroy();
  });

  test('who asks again before the answer is read gets one answer and no other', async () => {
    const socket = connect(ground.port, '127.0.0.1');
    socket.on('error', () => undefined);
    let answers = 0;
    socket.on('data', (data) => (answers += data.toString('latin1').split('HTTP/1.1 ').length - 1));
    socket.write(`GET / HTTP/1.1\r\n${host()}\r\n`.repeat(500));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answers).toBeLessThan(3);
    const again = [await ask('/'), await ask('/')].map(({ status }) => status);
    expect(again).toEqual([401, 401]);
  });

  test('a head that trickles is cut off within seconds', async () => {
    const socket = connect(ground.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    const begun = fairClock.monotonic();
    const drip = setInterval(() => socket.write('a'), 200);
    socket.write('GET /');
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    expect(fairClock.monotonic() - begun).toBeLessThan(9_000);
  });
});
