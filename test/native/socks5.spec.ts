/** TCP flows through real SOCKS5 servers, microsocks and dante, with and without login. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import { device, NativeWorld, proxy, user } from './support/native-world.ts';
import { patternHash } from './support/pattern.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const through = (port: number, more: object = {}) => ({
  kind: 'proxy' as const,
  protocol: 'socks5' as const,
  hops: [{ address: proxy, device }],
  port,
  timeoutMs: 5_000,
  ...more,
});

describeInLab('TCP, through SOCKS5', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
    await world.startMicrosocks(1080);
    await world.startMicrosocks(1081, true);
    await world.startDante(1090);
    await world.startDante(1091, true);
    await world.server.write('/etc/hosts', '127.0.0.1 localhost\n10.99.0.7 only-there.example\n');
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test.each([
    ['microsocks', 1080, {}],
    ['microsocks with login', 1081, user],
    ['dante', 1090, {}],
    ['dante with login', 1091, user],
    ['dante without asking for the login offered', 1090, user],
  ])('%s', async (_name, port, login) => {
    await world.rules({ verdict: through(port, login) });
    await world.programs.call('roundTrip', { host, port: ports.echo, text: 'via proxy' });
    const size = 8 * 1024 * 1024;
    const down = await world.programs.call('download', { host, port: ports.source, bytes: size });
    expect(down).toEqual({ hash: patternHash(size), count: size });
    const dialed = (await world.events('close', 2)).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: true, address: proxy });
  });

  test.each([1080, 1090])('a name is resolved by the proxy (port %i)', async (port) => {
    const verdict = through(port, { targetHost: 'only-there.example', targetPort: ports.echo });
    await world.rules({ verdict });
    await world.programs.call('roundTrip', { host: '10.99.0.200', port: 80, text: 'by name' });
    expect(await world.reasons()).toEqual(['done']);
  });

  test('a half-close goes through a proxy that knows them', async () => {
    await world.rules({ verdict: through(1090) });
    const text = 'then read the rest';
    expect(await world.programs.call('exchange', { host, port: ports.echo, text })).toBe(text);
    const hash = await world.programs.call('upload', { host, port: ports.sink, bytes: 1_000_000 });
    expect(hash).toBe(patternHash(1_000_000));
    expect(await world.reasons(2)).toEqual(['done', 'done']);
  });

  test('what a server says first is not lost behind the reply', async () => {
    await world.rules({ verdict: through(1090) });
    await world.programs.call('open', { name: 'a', host, port: ports.watch });
    await expect.poll(() => world.programs.call('state', { name: 'a' })).toMatchObject({ received: 'hello\n' });
    await world.programs.call('reset', { name: 'a' });
    expect(await world.reasons()).toEqual(['reset-by-client']);
  });

  test('failures are told apart', async () => {
    const failure = async (verdict: ReturnType<typeof through>, port: number = ports.echo, address = host) => {
      await world.rules({ verdict });
      const { code } = await world.programs.call<{ code: string }>('connect', { host: address, port });
      const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
      return [dialed?.kind === 'dialed' && !dialed.ok ? dialed.failure : 'connected', code];
    };
    expect(await failure(through(1080), ports.nobody)).toEqual(['refused', 'ECONNREFUSED']);
    expect(await failure(through(1090), ports.nobody)).toEqual(['refused', 'ECONNREFUSED']);
    expect(await failure(through(1090), 80, '10.98.0.1')).toEqual(['host-unreachable', 'EHOSTUNREACH']);
    expect(await failure(through(1090), 80, '10.99.0.66')).toEqual(['proxy-denied', 'EHOSTUNREACH']);
    expect(await failure(through(1081))).toEqual(['proxy-auth', 'EHOSTUNREACH']);
    const wrong = { username: user.username, password: 'wrong' };
    expect(await failure(through(1081, wrong))).toEqual(['proxy-auth', 'EHOSTUNREACH']);
    expect(await failure(through(1091, wrong))).toEqual(['proxy-auth', 'EHOSTUNREACH']);
    expect(await failure(through(ports.nobody))).toEqual(['proxy-refused', 'EHOSTUNREACH']);
    expect(await failure(through(ports.echo))).toEqual(['proxy-failed', 'EHOSTUNREACH']);
    const away = through(1080, { hops: [{ address: '10.97.0.1', device }], timeoutMs: 400 });
    expect(await failure(away)).toEqual(['proxy-unreachable', 'EHOSTUNREACH']);
    const mute = through(ports.sink, { timeoutMs: 400 });
    expect(await failure(mute)).toEqual(['timeout', 'EHOSTUNREACH']);
  });
});
