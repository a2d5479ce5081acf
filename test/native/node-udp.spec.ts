/** UDP through Shadowsocks and Trojan servers that others have written. */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ProxyConfig, ShadowsocksCipher } from '../../core/contract/proxy-config.ts';
import { shadowsocksCiphers } from '../../core/contract/proxy-config.ts';
import type { EngineMetrics } from '../../native/index.d.ts';
import { TestAuthority } from '../support/certificate.ts';
import type { Running } from '../support/lab.ts';
import { describeInLab } from '../support/tier.ts';
import { device, NativeWorld, proxy } from './support/native-world.ts';
import { mihomo, passwordFor, singBox, startMihomo, startSingBox } from './support/node-peers.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const hosts = ['10.99.0.1', '10.99.0.2', '10.99.0.3'];
const passwords = new Map(shadowsocksCiphers.map((cipher) => [cipher, passwordFor(cipher)]));
const [serverKey, userKey] = [randomBytes(16).toString('base64'), randomBytes(16).toString('base64')];
const certificate = new TestAuthority().issue(['proxy.example']);
const fingerprint = createHash('sha256').update(new X509Certificate(certificate.cert).raw).digest('hex');

const ss = (port: number, cipher: ShadowsocksCipher, password = passwords.get(cipher) ?? '') =>
  ({ type: 'ss', name: `${cipher} at ${port}`, server: proxy, port, cipher, password, udp: true }) as const;
const trojan = (port: number) =>
  ({
    type: 'trojan',
    name: `trojan at ${port}`,
    server: proxy,
    port,
    password: 'a secret',
    udp: true,
    tls: { serverName: 'proxy.example', fingerprint },
  }) as const;
const older = shadowsocksCiphers.filter((cipher) => !cipher.startsWith('2022-'));
const ofLibev = older.map((cipher, place) => ss(5000 + place, cipher));
const ofMihomo = shadowsocksCiphers.map((cipher, place) => ss(5100 + place, cipher));
const ofSingBox = shadowsocksCiphers.map((cipher, place) => ss(5200 + place, cipher));
const users = ss(5300, '2022-blake3-aes-128-gcm', `${serverKey}:${userKey}`);

describeInLab('UDP, through nodes', () => {
  let world: NativeWorld;
  let ofTrojan: Running | undefined;
  let serial = 0;
  let socket = '';

  const through = (node: ProxyConfig) => ({ verdict: { kind: 'nodes' as const, nodes: [node], device } });
  const metrics = () => world.engine.call<EngineMetrics>('metrics');
  const received = (count = 1, waitMs = 15_000) =>
    world.programs.call<string[]>('udpReceived', { name: socket, count, waitMs });

  beforeAll(async () => {
    world = await NativeWorld.create();
    const at = (name: string) => `${world.server.directory}/${name}`;
    await world.server.write(at('cert.pem'), certificate.cert);
    await world.server.write(at('key.pem'), certificate.key);
    for (const { port, cipher, password } of ofLibev) {
      await world.serve(port, 'ss-server', ['-s', proxy, '-p', String(port), '-m', cipher, '-k', password, '-u']);
    }
    const config = {
      run_type: 'server',
      local_addr: proxy,
      local_port: 6000,
      remote_addr: '127.0.0.1',
      remote_port: 1,
      password: ['a secret'],
      log_level: 1,
      ssl: { cert: at('cert.pem'), key: at('key.pem') },
    };
    await world.server.write(at('trojan.json'), JSON.stringify(config));
    ofTrojan = await world.serve(6000, 'trojan', ['-c', at('trojan.json')]);
    if (mihomo !== undefined) {
      const files = { certificate: at('cert.pem'), 'private-key': at('key.pem') };
      await startMihomo(world, 6001, [
        ...ofMihomo.map(({ name, port, cipher, password }) => ({
          name,
          type: 'shadowsocks',
          port,
          cipher,
          password,
          udp: true,
        })),
        { name: 't', type: 'trojan', port: 6001, users: [{ username: 'us', password: 'a secret' }], ...files },
      ]);
    }
    if (singBox !== undefined) {
      const tls = { enabled: true, certificate_path: at('cert.pem'), key_path: at('key.pem') };
      await startSingBox(world, 6002, [
        ...[...ofSingBox, users].map(({ port, cipher, password }) => ({
          type: 'shadowsocks',
          tag: `in ${port}`,
          listen_port: port,
          method: cipher,
          ...(port === users.port ? { password: serverKey, users: [{ name: 'us', password: userKey }] } : { password }),
        })),
        { type: 'trojan', tag: 't', listen_port: 6002, users: [{ name: 'us', password: 'a secret' }], tls },
      ]);
    }
  }, 180_000);
  beforeEach(() => {
    socket = `socket ${serial++}`;
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const nodes: ProxyConfig[] = [
    ...ofLibev,
    ...(mihomo === undefined ? [] : [...ofMihomo, trojan(6001)]),
    ...(singBox === undefined ? [] : [...ofSingBox, users, trojan(6002)]),
    trojan(6000),
  ];

  test.each(nodes.map((node) => [node.name, node] as const))('%s', async (_name, node) => {
    await world.rules(through(node));
    const sizes = [0, 1, 2, 100, 500, 1_000, 1_200, 1_300];
    const asked = { host, port: ports.echo, messages: ['a', 'question'], sizes: sizes.slice(1) };
    const { code, replies } = await world.programs.call<{
      code: string;
      replies: { length: number; text: string; from: string }[];
    }>('datagrams', asked);
    expect(code).toBe('OK');
    expect(replies.map(({ length }) => length).toSorted((a, b) => a - b)).toEqual(
      [1, 8, ...sizes.slice(1)].toSorted((a, b) => a - b),
    );
    expect(new Set(replies.map(({ from }) => from))).toEqual(new Set([`${host}:${ports.echo}`]));

    // One association for all that a socket of a program sends.
    const before = await metrics();
    await world.programs.call('udpOpen', { name: socket });
    await world.programs.call('udpSend', {
      name: socket,
      to: hosts.map((each) => ({ host: each, port: ports.mapping })),
    });
    const answers = await received(3);
    expect(answers.map((answer) => answer.split(' from ')[1] ?? '').toSorted()).toEqual(
      hosts.map((each) => `${each}:${ports.mapping}`),
    );
    expect((await metrics()).udpSockets - before.udpSockets).toBe(1);
    await world.programs.call('udpClose', { name: socket });
  });

  test('many datagrams of one size, to a name', async () => {
    const node = ofLibev[0] ?? users;
    await world.server.sh(`echo '${host} far.example' >> /etc/hosts`);
    await world.rules({
      verdict: { ...through(node).verdict, to: { host: 'far.example', port: ports.echo } },
    });
    const peer = { host: '10.99.0.9', port: ports.echo };
    await world.programs.call('udpOpen', { name: socket });
    await world.programs.call('udpSend', { name: socket, to: [peer] });
    expect(await received()).toEqual([`hello from 10.99.0.9:${ports.echo}`]);
    const to = Array.from({ length: 40 }, () => peer);
    await world.programs.call('udpSend', { name: socket, to, size: 1_000 });
    expect(new Set(await received(40))).toEqual(new Set([`${'s'.repeat(1_000)} from 10.99.0.9:${ports.echo}`]));
  });

  test('another password: nothing comes back', async () => {
    await world.rules(through({ ...(ofLibev[0] ?? users), password: 'a lie' }));
    const asked = { host, port: ports.echo, messages: ['a'], waitMs: 300 };
    expect(await world.programs.call('datagrams', asked)).toEqual({ code: 'NO_ANSWER', replies: [] });
  });

  test('a port where nobody listens is told to the program', async () => {
    await world.rules(through({ ...(ofLibev[0] ?? users), port: 5999 }));
    const asked = { host, port: ports.echo, messages: ['a', 'b'], waitMs: 5_000 };
    const { code } = await world.programs.call<{ code: string }>('datagrams', asked);
    expect(code).toBe('ECONNREFUSED');
  });

  test('with the server, its flows end', async () => {
    await world.rules(through(trojan(6000)));
    await world.programs.call('udpOpen', { name: socket });
    await world.programs.call('udpSend', { name: socket, to: [{ host, port: ports.echo }] });
    expect(await received()).toEqual([`hello from ${host}:${ports.echo}`]);
    await ofTrojan?.stop('SIGKILL');
    // Those of programs that are gone were still there.
    expect(new Set(await world.reasons())).toEqual(new Set(['reset-by-remote']));
  });
});
