/** TCP flows through several real proxies in a row over one socket: microsocks, squid, tinyproxy and dante. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import type { ProxyVerdict } from './support/engine-agent.ts';
import { device, NativeWorld, proxy, user } from './support/native-world.ts';
import { patternHash } from './support/pattern.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const socks = (port: number, login: object = {}, at = proxy) =>
  ({ protocol: 'socks5', at: { host: at, port }, ...login }) as const;
const http = (port: number, login: object = {}) =>
  ({ protocol: 'http-connect', at: { host: proxy, port }, ...login }) as const;
type Hop = NonNullable<ProxyVerdict['next']>[number];

const through = ([first, ...next]: readonly [Hop, ...Hop[]], more: object = {}) => {
  const { at, ...rest } = first;
  return {
    kind: 'proxy' as const,
    hops: [{ address: at.host, device }],
    port: at.port,
    timeoutMs: 5_000,
    ...rest,
    next,
    ...more,
  };
};

describeInLab('TCP, through proxies in a row', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
    await world.server.write('/etc/hosts', '127.0.0.1 localhost\n10.99.0.7 only-there.example\n');
    await world.startMicrosocks(1080);
    await world.startMicrosocks(1081, true);
    await world.startDante(1090);
    await world.startDante(1091, true);
    await world.startTinyproxy(8888);
    await world.startSquid(3128);
    await world.startSquid(3129, true);
  }, 60_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const failureOf = async (hops: readonly [Hop, ...Hop[]], port: number = ports.echo) => {
    await world.rules({ verdict: through(hops) });
    await world.programs.call('connect', { host, port });
    const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
    return dialed?.kind === 'dialed' && !dialed.ok ? [dialed.failure, dialed.layer] : ['connected'];
  };

  test.each<[string, readonly [Hop, ...Hop[]]]>([
    ['microsocks, squid', [socks(1080), http(3128)]],
    ['tinyproxy, dante', [http(8888), socks(1090)]],
    [
      'squid with login, microsocks with login, dante with login',
      [http(3129, user), socks(1081, user), socks(1091, user)],
    ],
    ['dante, tinyproxy, squid, microsocks', [socks(1090), http(8888), http(3128), socks(1080)]],
    ['one proxy twice', [socks(1080), socks(1080)]],
  ])('%s', async (_name, hops) => {
    await world.rules({ verdict: through(hops) });
    await world.programs.call('roundTrip', { host, port: ports.echo, text: 'via proxies' });
    const size = 8 * 1024 * 1024;
    const down = await world.programs.call('download', { host, port: ports.source, bytes: size });
    expect(down).toEqual({ hash: patternHash(size), count: size });
    const dialed = (await world.events('close', 2)).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: true, address: proxy });
  });

  test('the next proxy and the target may have names that only the one before knows', async () => {
    const named = socks(ports.echo, {}, 'only-there.example');
    await world.rules({
      verdict: through([socks(1080), http(8888)], { targetHost: named.at.host, targetPort: ports.echo }),
    });
    await world.programs.call('roundTrip', { host: '10.99.0.200', port: 80, text: 'by name' });
    expect(await world.reasons()).toEqual(['done']);
  });

  test('a half-close and a reset go through', async () => {
    await world.rules({ verdict: through([socks(1090), socks(1091, user)]) });
    const text = 'then read the rest';
    expect(await world.programs.call('exchange', { host, port: ports.echo, text })).toBe(text);
    await world.events('close');
    await world.programs.call('open', { name: 'a', host, port: ports.watch });
    await expect.poll(() => world.programs.call('state', { name: 'a' })).toMatchObject({ received: 'hello\n' });
    await world.programs.call('reset', { name: 'a' });
    expect(await world.reasons()).toContain('reset-by-client');
  });

  test.each<[string, readonly [Hop, ...Hop[]], string, number | undefined]>([
    ['the first is not there', [socks(ports.nobody), http(3128)], 'proxy-refused', undefined],
    ['the second is not there', [socks(1080), http(ports.nobody), socks(1090)], 'proxy-refused', 1],
    ['an HTTP proxy cannot reach the next', [http(3128), socks(ports.nobody)], 'proxy-unreachable', 1],
    ['the second wants a login', [socks(1080), socks(1091)], 'proxy-auth', 1],
    [
      'the third has another password',
      [socks(1080), http(3128), socks(1081, { ...user, password: 'wrong' })],
      'proxy-auth',
      2,
    ],
    ['the second speaks something else', [socks(1080), socks(ports.echo)], 'proxy-failed', 1],
    ['the second waits for other words', [socks(1080), socks(3128)], 'timeout', 1],
  ])('%s', async (_name, hops, failure, layer) => expect(await failureOf(hops)).toEqual([failure, layer]));

  test('the last speaks of the target', async () =>
    expect(await failureOf([http(3128), socks(1080)], ports.nobody)).toEqual(['refused', 1]));
});
