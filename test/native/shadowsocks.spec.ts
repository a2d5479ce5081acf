/** TCP flows through Shadowsocks servers that others have written: shadowsocks-libev, and mihomo and sing-box where they are found. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type ShadowsocksCipher,
  type ShadowsocksProxyConfig,
  shadowsocksCiphers,
} from '../../core/contract/proxy-config.ts';
import { describeInLab } from '../support/tier.ts';
import { device, NativeWorld, proxy } from './support/native-world.ts';
import { mihomo, passwordFor, singBox, startMihomo, startSingBox } from './support/node-peers.ts';
import { patternHash } from './support/pattern.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const passwords = new Map(shadowsocksCiphers.map((cipher) => [cipher, passwordFor(cipher)]));
const server = randomBytes(16).toString('base64');
const user = randomBytes(16).toString('base64');

const node = (port: number, cipher: ShadowsocksCipher, password = passwords.get(cipher)): ShadowsocksProxyConfig => ({
  type: 'ss',
  name: `${cipher} at ${port}`,
  server: proxy,
  port,
  cipher,
  password: password ?? '',
  udp: true,
});
const behindPlugin = {
  ...node(5400, 'aes-256-gcm'),
  transport: { kind: 'ws' as const, path: '/secret', host: 'web.example', headers: [] },
};
const through = (...nodes: ShadowsocksProxyConfig[]) => ({ kind: 'nodes' as const, nodes, device });
const older = shadowsocksCiphers.filter((cipher) => !cipher.startsWith('2022-'));
const ofLibev = older.map((cipher, place) => node(5000 + place, cipher));
const ofMihomo = shadowsocksCiphers.map((cipher, place) => node(5100 + place, cipher));
const ofSingBox = shadowsocksCiphers.map((cipher, place) => node(5200 + place, cipher));
const users = node(5300, '2022-blake3-aes-128-gcm', `${server}:${user}`);

describeInLab('TCP, through Shadowsocks', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
    for (const { port, cipher, password } of ofLibev) {
      const args = ['-s', proxy, '-p', String(port), '-m', cipher, '-k', password, '-u', '-t', '600'];
      await world.serve(port, 'ss-server', args);
    }
    // Beside its server, which would leave it behind.
    const args = ['-s', proxy, '-p', '5401', '-m', 'aes-256-gcm', '-k', passwords.get('aes-256-gcm') ?? ''];
    await world.serve(5401, 'ss-server', args);
    await world.serve(5400, 'ss-v2ray-plugin', [], {
      SS_REMOTE_HOST: proxy,
      SS_REMOTE_PORT: '5400',
      SS_LOCAL_HOST: proxy,
      SS_LOCAL_PORT: '5401',
      SS_PLUGIN_OPTIONS: 'server;mux=0;path=/secret;host=web.example',
    });
    if (mihomo !== undefined) {
      const listeners = ofMihomo.map(({ name, port, cipher, password }) => ({
        name,
        type: 'shadowsocks',
        port,
        cipher,
        password,
        udp: true,
      }));
      await startMihomo(world, ofMihomo.at(-1)?.port ?? 0, listeners);
    }
    if (singBox !== undefined) {
      const inbounds = ofSingBox.map(({ port, cipher, password }) => ({
        type: 'shadowsocks',
        tag: `in ${port}`,
        listen_port: port,
        method: cipher,
        password,
      }));
      const several = {
        type: 'shadowsocks',
        tag: 'users',
        listen_port: users.port,
        method: users.cipher,
        password: server,
        users: [
          { name: 'another', password: randomBytes(16).toString('base64') },
          { name: 'us', password: user },
        ],
      };
      await startSingBox(world, users.port, [...inbounds, several]);
    }
  }, 180_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  /** Whether the server knows half-closes: libev's ends both directions. */
  type Peer = readonly [name: string, halves: boolean, nodes: readonly ShadowsocksProxyConfig[]];
  const peers: Peer[] = [
    ...ofLibev.map((each) => [`shadowsocks-libev, ${each.cipher}`, false, [each]] as const),
    ...(mihomo === undefined ? [] : ofMihomo.map((each) => [`mihomo, ${each.cipher}`, true, [each]] as const)),
    ...(singBox === undefined ? [] : ofSingBox.map((each) => [`sing-box, ${each.cipher}`, true, [each]] as const)),
    ...(singBox === undefined ? [] : [['sing-box, of several users', true, [users]] as const]),
    ['behind v2ray-plugin', false, [behindPlugin]],
    ['two, one through the other', false, ofLibev.slice(2, 4)],
  ];
  const size = 16 * 1024 * 1024;

  test.each(peers)('%s', async (_name, halves, nodes) => {
    await world.rules({ verdict: through(...nodes) });
    await world.programs.call('roundTrip', { host, port: ports.echo, text: 'a megabyte'.repeat(100_000) });
    const down = await world.programs.call('download', { host, port: ports.source, bytes: size });
    expect(down).toEqual({ hash: patternHash(size), count: size });
    if (halves) {
      // The server learns that the program has finished, and its answer comes back.
      const up = await world.programs.call('upload', { host, port: ports.sink, bytes: size });
      expect(up).toBe(patternHash(size));
    }
    const events = await world.events('close', halves ? 3 : 2);
    const closed = events.filter((event) => event.kind === 'close');
    expect(new Set(closed.map(({ reason }) => reason))).toEqual(new Set(['done']));
    const counts = closed.flatMap(({ up: sent, down: came }) => [sent, came]);
    expect(counts.filter((count) => count === size)).toHaveLength(halves ? 2 : 1);
  });

  const [first, second] = [ofLibev[2] ?? users, ofLibev[3] ?? users];

  test('a server that speaks first is heard by a program that says nothing', async () => {
    await world.rules({ verdict: through(first) });
    await world.programs.call('open', { name: 'silent', host, port: ports.watch });
    await expect.poll(() => world.programs.call('state', { name: 'silent' })).toMatchObject({ received: 'hello\n' });
    await world.programs.call('reset', { name: 'silent' });
    expect(await world.reasons()).toEqual(['reset-by-client']);
  });

  test('a name is looked up by the server', async () => {
    await world.server.sh(`echo '${host} far.example' >> /etc/hosts`);
    await world.rules({ verdict: { ...through(first), to: { host: 'far.example', port: ports.echo } } });
    await world.programs.call('roundTrip', { host: '10.99.0.9', port: 80, text: 'by name' });
    expect(await world.reasons()).toEqual(['done']);
  });

  test('fifty at once', async () => {
    await world.rules({ verdict: through(second) });
    const trips = Array.from({ length: 50 }, (_, count) =>
      world.programs.call('roundTrip', { host, port: ports.echo, text: `flow ${count}` }),
    );
    await Promise.all(trips);
    expect(new Set(await world.reasons(50))).toEqual(new Set(['done']));
  });

  test.each<[string, ShadowsocksProxyConfig]>([
    ['libev', first],
    ['libev, by another cipher', { ...first, cipher: second.cipher }],
    ...(singBox === undefined ? [] : [['sing-box', ofSingBox[5] ?? users] satisfies [string, ShadowsocksProxyConfig]]),
  ])('another password (%s): no byte comes back, and it ends when the program gives up', async (_name, right) => {
    const wrong = { ...right, password: passwordFor(right.cipher).replace('secret', 'lie') };
    await world.rules({ verdict: through(wrong) });
    await world.programs.call('open', { name: 'wrong', host, port: ports.echo });
    await world.programs.call('write', { name: 'wrong', text: 'is anybody there?' });
    await world.programs.call('reset', { name: 'wrong' });
    const [reason] = await world.reasons();
    expect(['reset-by-client', 'reset-by-remote', 'done']).toContain(reason);
    expect(await world.programs.call('state', { name: 'wrong' })).toMatchObject({ received: '' });
  });

  test('a server that speaks something else is not listened to', async () => {
    await world.rules({ verdict: through({ ...first, server: host, port: ports.echo }) });
    await world.programs.call('open', { name: 'echo', host, port: ports.echo });
    await world.programs.call('write', { name: 'echo', text: 'x'.repeat(200) });
    expect(await world.reasons()).toEqual(['unreadable']);
    expect(await world.programs.call('state', { name: 'echo' })).toMatchObject({ received: '' });
  });

  test('a server that is not there, and one that is killed', async () => {
    await world.rules({ verdict: through({ ...first, port: 5999 }) });
    await world.programs.call('connect', { host, port: ports.echo });
    const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: false, failure: 'proxy-refused' });
    const args = ['-s', proxy, '-p', '5998', '-m', first.cipher, '-k', first.password];
    const running = await world.serve(5998, 'ss-server', args);
    await world.rules({ verdict: through({ ...first, port: 5998 }) });
    const cut = world.programs.call('download', { host, port: ports.source, bytes: 2 ** 40 }).catch(() => 'cut');
    const [opened] = await world.events('open');
    const { slot } = opened?.kind === 'open' ? opened : expect.unreachable();
    const down = async (): Promise<number> => (await world.engine.call<number[]>('counters', { slot }))[1] ?? 0;
    await expect.poll(down).toBeGreaterThan(1_000_000);
    await running.stop('SIGKILL');
    // Between two chunks it looks like an end: the protocol has no word for that.
    await cut;
    expect(['reset-by-remote', 'unreadable', 'done']).toContain((await world.reasons())[0]);
  });
});
