/** TCP flows through Trojan servers that others have written: trojan itself, and mihomo and sing-box where they are found. */
import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TlsConfig, TrojanProxyConfig } from '../../core/contract/proxy-config.ts';
import { TestAuthority } from '../support/certificate.ts';
import { describeInLab } from '../support/tier.ts';
import { device, NativeWorld, proxy } from './support/native-world.ts';
import { mihomo, singBox, startMihomo, startSingBox } from './support/node-peers.ts';
import { patternHash } from './support/pattern.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const password = 'a secret of the tests';
const certificate = new TestAuthority().issue(['proxy.example']);
const fingerprint = createHash('sha256').update(new X509Certificate(certificate.cert).raw).digest('hex');
const trusted = { serverName: 'proxy.example', fingerprint, alpn: ['h2', 'http/1.1'] };

const node = (port: number, more: Partial<TrojanProxyConfig> = {}, tls: TlsConfig = trusted): TrojanProxyConfig => ({
  type: 'trojan',
  name: `at ${port}`,
  server: proxy,
  port,
  password,
  udp: true,
  tls,
  ...more,
});
const web = (port: number, kind: 'ws' | 'httpupgrade' = 'ws', path = '/secret') =>
  node(port, { transport: { kind, path, host: 'web.example', headers: [['X-Of-Ours', 'yes']] } });
const through = (...nodes: TrojanProxyConfig[]) => ({ kind: 'nodes' as const, nodes, device });

describeInLab('TCP, through Trojan', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
    const at = (name: string) => `${world.server.directory}/${name}`;
    await world.server.write(at('cert.pem'), certificate.cert);
    await world.server.write(at('key.pem'), certificate.key);
    const config = {
      run_type: 'server',
      local_addr: proxy,
      local_port: 6000,
      remote_addr: '127.0.0.1',
      remote_port: 1,
      password: [password],
      log_level: 1,
      ssl: { cert: at('cert.pem'), key: at('key.pem'), alpn: ['http/1.1'] },
      tcp: { no_delay: true },
    };
    await world.server.write(at('trojan.json'), JSON.stringify(config));
    await world.serve(6000, 'trojan', ['-c', at('trojan.json')]);
    if (mihomo !== undefined) {
      const listener = { name: 't', type: 'trojan', port: 6001, users: [{ username: 'us', password }] };
      const files = { certificate: at('cert.pem'), 'private-key': at('key.pem') };
      await startMihomo(world, 6001, [
        { ...listener, ...files, name: 'w', port: 6003, 'ws-path': '/secret' },
        { ...listener, ...files },
      ]);
    }
    if (singBox !== undefined) {
      const tls = { enabled: true, certificate_path: at('cert.pem'), key_path: at('key.pem') };
      const users = [{ name: 'us', password }];
      const web = (type: string, port: number) => ({
        type: 'trojan',
        tag: type,
        listen_port: port,
        users,
        tls,
        transport: { type, path: '/secret', ...(type === 'ws' ? {} : { host: 'web.example' }) },
      });
      await startSingBox(world, 6002, [
        web('ws', 6004),
        web('httpupgrade', 6005),
        { type: 'trojan', tag: 't', listen_port: 6002, users, tls },
      ]);
    }
  }, 180_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  /** Whether the server knows half-closes. */
  type Peer = readonly [name: string, halves: boolean, nodes: readonly TrojanProxyConfig[]];
  const peers: Peer[] = [
    ['trojan', false, [node(6000)]],
    ...(mihomo === undefined ? [] : [['mihomo', true, [node(6001)]] satisfies Peer]),
    ...(singBox === undefined ? [] : [['sing-box', true, [node(6002)]] satisfies Peer]),
    ...(mihomo === undefined ? [] : [['mihomo, WebSocket', false, [web(6003)]] satisfies Peer]),
    ...(singBox === undefined ? [] : [['sing-box, WebSocket', false, [web(6004)]] satisfies Peer]),
    ...(singBox === undefined ? [] : [['sing-box, HTTP Upgrade', true, [web(6005, 'httpupgrade')]] satisfies Peer]),
    ['any certificate', false, [node(6000, {}, { serverName: 'other.example', insecure: true })]],
    ['one through the other', false, [node(6000), node(6000)]],
  ];
  const size = 16 * 1024 * 1024;

  test.each(peers)('%s', async (_name, halves, nodes) => {
    await world.rules({ verdict: through(...nodes) });
    await world.programs.call('roundTrip', { host, port: ports.echo, text: 'a megabyte'.repeat(100_000) });
    const down = await world.programs.call('download', { host, port: ports.source, bytes: size });
    expect(down).toEqual({ hash: patternHash(size), count: size });
    if (halves) {
      const up = await world.programs.call('upload', { host, port: ports.sink, bytes: size });
      expect(up).toBe(patternHash(size));
    }
    const reasons = await world.reasons(halves ? 3 : 2);
    expect(new Set(reasons)).toEqual(new Set(['done']));
  });

  test('a server that speaks first is heard by a program that says nothing; a reset goes through', async () => {
    await world.rules({ verdict: through(node(6000)) });
    await world.programs.call('open', { name: 'silent', host, port: ports.watch });
    await expect.poll(() => world.programs.call('state', { name: 'silent' })).toMatchObject({ received: 'hello\n' });
    await world.programs.call('reset', { name: 'silent' });
    expect(await world.reasons()).toEqual(['reset-by-client']);
  });

  test('a name is looked up by the server', async () => {
    await world.server.sh(`echo '${host} far.example' >> /etc/hosts`);
    await world.rules({ verdict: { ...through(node(6000)), to: { host: 'far.example', port: ports.echo } } });
    await world.programs.call('roundTrip', { host: '10.99.0.9', port: 80, text: 'by name' });
    expect(await world.reasons()).toEqual(['done']);
  });

  test('fifty at once', async () => {
    await world.rules({ verdict: through(node(6000)) });
    const trips = Array.from({ length: 50 }, (_, count) =>
      world.programs.call('roundTrip', { host, port: ports.echo, text: `flow ${count}` }),
    );
    await Promise.all(trips);
    expect(new Set(await world.reasons(50))).toEqual(new Set(['done']));
  });

  test.each<[string, TrojanProxyConfig, string]>([
    ['another certificate', node(6000, {}, { serverName: 'proxy.example' }), 'tls-unknown-issuer'],
    ['no TLS there', node(ports.echo, { server: host }), 'tls-failed'],
    ['nobody there', node(6999), 'proxy-refused'],
    ...(singBox === undefined
      ? []
      : [['another path', web(6004, 'ws', '/other'), 'proxy-failed'] satisfies [string, TrojanProxyConfig, string]]),
  ])('%s', async (_name, wrong, failure) => {
    await world.rules({ verdict: through(wrong) });
    await world.programs.call('connect', { host, port: ports.watch });
    const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: false, failure });
  });

  test('another password: the server leads to its web server, which is not there', async () => {
    await world.rules({ verdict: through(node(6000, { password: 'a lie' })) });
    await world.programs.call('open', { name: 'wrong', host, port: ports.echo });
    await world.programs.call('write', { name: 'wrong', text: 'is anybody there?' });
    await expect.poll(() => world.programs.call('state', { name: 'wrong' })).not.toMatchObject({ ended: 'open' });
    await world.programs.call('finish', { name: 'wrong' });
    expect(['done', 'reset-by-remote']).toContain((await world.reasons())[0] ?? '');
    expect(await world.programs.call('state', { name: 'wrong' })).toMatchObject({ received: '' });
  });
});
