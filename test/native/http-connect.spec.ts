/** TCP flows through real HTTP proxies, tinyproxy and squid, by CONNECT, with and without login; and through odd ones. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import { device, NativeWorld, proxy, user } from './support/native-world.ts';
import { patternHash } from './support/pattern.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const through = (port: number, more: object = {}) => ({
  kind: 'proxy' as const,
  protocol: 'http-connect' as const,
  hops: [{ address: proxy, device }],
  port,
  timeoutMs: 5_000,
  ...more,
});

/** A proxy that reads the request and sends these pieces, a moment between them. */
const oddProxy = (port: number, pieces: readonly string[], pauseMs: number) => `
import socket, threading, time
def serve(connection):
    heard = b''
    while b'\\r\\n\\r\\n' not in heard: heard += connection.recv(4096)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for piece in ${JSON.stringify(pieces)}:
            connection.sendall(piece.encode('latin1')); time.sleep(${pauseMs / 1_000})
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096): pass
    except OSError: pass
server = socket.create_server(('${proxy}', ${port}))
print('ready', flush=True)
while True:
    connection, _ = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()`;

describeInLab('TCP, through HTTP CONNECT', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
    await world.server.write('/etc/hosts', '127.0.0.1 localhost\n10.99.0.7 only-there.example\n');
    await world.startTinyproxy(8888);
    await world.startSquid(3128);
    await world.startSquid(3129, true);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test.each([
    ['tinyproxy', 8888, {}],
    ['squid', 3128, {}],
    ['squid with login', 3129, user],
    ['squid that asks for no login', 3128, user],
  ])('%s', async (_name, port, login) => {
    await world.rules({ verdict: through(port, login) });
    await world.programs.call('roundTrip', { host, port: ports.echo, text: 'via proxy' });
    const size = 8 * 1024 * 1024;
    const down = await world.programs.call('download', { host, port: ports.source, bytes: size });
    expect(down).toEqual({ hash: patternHash(size), count: size });
    const dialed = (await world.events('close', 2)).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: true, address: proxy });
  });

  test.each([8888, 3128])('a name is resolved by the proxy (port %i)', async (port) => {
    await world.rules({ verdict: through(port, { targetHost: 'only-there.example', targetPort: ports.echo }) });
    await world.programs.call('roundTrip', { host: '10.99.0.200', port: 80, text: 'by name' });
    expect(await world.reasons()).toEqual(['done']);
  });

  test('an IPv6 address is asked for in brackets', async () => {
    await world.rules({ verdict: through(8888, { targetHost: 'fd99::1', targetPort: ports.echo }) });
    await world.programs.call('roundTrip', { host, port: 80, text: 'by IPv6' });
    expect(await world.reasons()).toEqual(['done']);
  });

  test('what a server says first is not lost behind the answer', async () => {
    await world.rules({ verdict: through(3128) });
    await world.programs.call('open', { name: 'a', host, port: ports.watch });
    await expect.poll(() => world.programs.call('state', { name: 'a' })).toMatchObject({ received: 'hello\n' });
    await world.programs.call('reset', { name: 'a' });
    expect(await world.reasons()).toEqual(['reset-by-client']);
  });

  test.each([
    ['in one segment with the target', ['HTTP/1.1 200 OK\r\n\r\nhello'], 0],
    ['byte by byte', 'HTTP/1.1 100 Continue\n\nHTTP/1.0 204 x\nA: b\n\nhello'.split(''), 2],
    ['with 8 KiB of fields', ['HTTP/1.1 200 OK\r\n', `A: ${'x'.repeat(8_000)}\r\n`, '\r\nhello'], 5],
  ])('an answer %s', async (_what, pieces, pauseMs) => {
    const running = world.server.spawn('python3', ['-c', oddProxy(8900, pieces, pauseMs)]);
    await running.printed(/ready/);
    await world.rules({ verdict: through(8900) });
    await world.programs.call('open', { name: 'odd', host, port: 80 });
    await expect.poll(() => world.programs.call('state', { name: 'odd' })).toMatchObject({ received: 'hello' });
    await world.programs.call('reset', { name: 'odd' });
    await world.reasons();
    await running.stop();
  });

  test('failures are told apart', async () => {
    const failure = async (verdict: ReturnType<typeof through>, port: number = ports.echo, address = host) => {
      await world.rules({ verdict });
      const { code } = await world.programs.call<{ code: string }>('connect', { host: address, port });
      const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
      return [dialed?.kind === 'dialed' && !dialed.ok ? dialed.failure : 'connected', code];
    };
    const unreachable = 'EHOSTUNREACH';
    expect(await failure(through(8888), ports.nobody)).toEqual(['host-unreachable', unreachable]);
    expect(await failure(through(3128), ports.nobody)).toEqual(['host-unreachable', unreachable]);
    expect(await failure(through(3128), 80, '10.98.0.1')).toEqual(['host-unreachable', unreachable]);
    expect(await failure(through(3128), 80, '10.99.0.66')).toEqual(['proxy-denied', unreachable]);
    expect(await failure(through(3129))).toEqual(['proxy-auth', unreachable]);
    const wrong = { username: user.username, password: 'wrong' };
    expect(await failure(through(3129, wrong))).toEqual(['proxy-auth', unreachable]);
    expect(await failure(through(ports.nobody))).toEqual(['proxy-refused', unreachable]);
    expect(await failure(through(ports.echo))).toEqual(['proxy-failed', unreachable]);
    expect(await failure(through(ports.sink, { timeoutMs: 400 }))).toEqual(['timeout', unreachable]);
  });

  test('a datagram is refused at once', async () => {
    await world.rules({ network: 'udp', verdict: through(3128) });
    const answer = await world.programs.call<{ code: string; ms: number }>('datagrams', {
      host,
      port: ports.echo,
      messages: ['x'],
      connect: true,
    });
    expect(answer.code).toBe('ECONNREFUSED');
    expect(await world.reasons()).toEqual(['rejected']);
  });
});
