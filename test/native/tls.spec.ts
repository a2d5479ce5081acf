/**
 * TCP flows through proxies over TLS that others speak: OpenSSL before microsocks and dante, GnuTLS of squid, and Go's of mihomo and
 * sing-box where they are found.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestAuthority } from '../support/certificate.ts';
import { peerFile } from '../support/peers.ts';
import { describeInLab } from '../support/tier.ts';
import type { ProxyVerdict } from './support/engine-agent.ts';
import { device, NativeWorld, proxy, user } from './support/native-world.ts';
import { patternHash } from './support/pattern.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';
const authority = new TestAuthority();
const good = authority.issue(['proxy.example']);
const other = authority.issue(['proxy.example']);
const fingerprintOf = (pem: string): string => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
const trusted = { serverName: 'proxy.example', fingerprint: fingerprintOf(good.cert) };
const [mihomo, singBox] = [peerFile('bin/mihomo'), peerFile('bin/sing-box')];

type Hop = NonNullable<ProxyVerdict['next']>[number];
const hop = (protocol: 'socks5' | 'http-connect', port: number, more: object = {}): Hop => ({
  protocol,
  at: { host: proxy, port },
  ...more,
});
const secured = (protocol: 'socks5' | 'http-connect', port: number, more: object = {}): Hop =>
  hop(protocol, port, { tls: trusted, ...more });
const through = ([first, ...next]: readonly [Hop, ...Hop[]]) => {
  const { at, ...rest } = first;
  const hops = [{ address: at.host, device }];
  return { kind: 'proxy' as const, hops, port: at.port, timeoutMs: 20_000, ...rest, next };
};

describeInLab('TCP, through proxies over TLS', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
    const at = (name: string) => `${world.server.directory}/${name}`;
    await world.server.write(at('cert.pem'), good.cert);
    await world.server.write(at('key.pem'), good.key);
    await world.server.write(at('other.pem'), other.cert);
    await world.server.write(at('other-key.pem'), other.key);
    const script = fileURLToPath(new URL('../support/tls-end.py', import.meta.url));
    const terminate = async (port: number, to: number, files: string[], version: string) => {
      const [cert = '', key = ''] = files.map(at);
      const args = [script, proxy, String(port), String(to), cert, key, version];
      await world.server.spawn('python3', args).printed(/ready/);
    };
    await world.startMicrosocks(1080);
    await world.startDante(1091, true);
    await terminate(2080, 1080, ['cert.pem', 'key.pem'], '1.3');
    await terminate(2081, 1091, ['cert.pem', 'key.pem'], '1.2');
    await terminate(2082, 1080, ['other.pem', 'other-key.pem'], '1.3');
    await world.startSquid(3128);
    await world.startSquid(3443, false, `https_port ${proxy}:3443 tls-cert=${at('cert.pem')} tls-key=${at('key.pem')}`);
    if (mihomo !== undefined) {
      const listener = (type: string, port: number) =>
        `  - {name: ${type}, type: ${type}, listen: ${proxy}, port: ${port}, certificate: ${at('cert.pem')}, private-key: ${at('key.pem')}}`;
      const config = `mode: direct\nlisteners:\n${listener('socks', 4080)}\n${listener('http', 4081)}\n`;
      await world.server.write(at('mihomo.yaml'), config);
      await world.serve(4080, mihomo, ['-d', world.server.directory, '-f', at('mihomo.yaml')], {
        SAFE_PATHS: world.server.directory,
      });
    }
    if (singBox !== undefined) {
      const tls = { enabled: true, certificate_path: at('cert.pem'), key_path: at('key.pem') };
      const inbounds = [{ type: 'http', listen: proxy, listen_port: 4082, tls }];
      await world.server.write(at('sing-box.json'), JSON.stringify({ inbounds, outbounds: [{ type: 'direct' }] }));
      await world.serve(4082, singBox, ['run', '-c', at('sing-box.json')]);
    }
  }, 180_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  /** Whether the proxy knows half-closes: microsocks and squid end both directions. */
  type Peer = [name: string, halves: boolean, hops: readonly [Hop, ...Hop[]]];
  const goPeers: Peer[] = [
    ...(mihomo === undefined ? [] : [['mihomo, socks5', true, [secured('socks5', 4080)]] satisfies Peer]),
    ...(mihomo === undefined ? [] : [['mihomo, http', true, [secured('http-connect', 4081)]] satisfies Peer]),
    ...(singBox === undefined ? [] : [['sing-box, http', true, [secured('http-connect', 4082)]] satisfies Peer]),
  ];
  const peers: Peer[] = [
    ['OpenSSL, TLS 1.3, microsocks', false, [secured('socks5', 2080)]],
    ['OpenSSL, TLS 1.2, dante with login', true, [secured('socks5', 2081, user)]],
    ['GnuTLS, squid', false, [secured('http-connect', 3443)]],
    ['squid, then microsocks in TLS', false, [hop('http-connect', 3128), secured('socks5', 2080)]],
    ['TLS in TLS', false, [secured('http-connect', 3443), secured('socks5', 2080), hop('socks5', 1080)]],
    ...goPeers,
  ];

  test.each(peers)('%s', async (_name, halves, hops) => {
    await world.rules({ verdict: through(hops) });
    await world.programs.call('roundTrip', { host, port: ports.echo, text: 'in TLS' });
    const size = 16 * 1024 * 1024;
    const down = await world.programs.call('download', { host, port: ports.source, bytes: size });
    expect(down).toEqual({ hash: patternHash(size), count: size });
    if (halves) {
      const up = await world.programs.call('upload', { host, port: ports.sink, bytes: size });
      expect(up).toBe(patternHash(size));
    }
    const events = await world.events('close', halves ? 3 : 2);
    expect(events.find((event) => event.kind === 'dialed')).toMatchObject({ ok: true, address: proxy });
    const counted = events.flatMap((event) => (event.kind === 'close' ? [event.up, event.down] : []));
    // Bytes of the flow, not of TLS.
    expect(counted).toContain(size);
  });

  test('a half-close goes through, and a reset of either side', async () => {
    await world.rules({ verdict: through([secured('socks5', 2081, user)]) });
    const text = 'then read the rest';
    expect(await world.programs.call('exchange', { host, port: ports.echo, text })).toBe(text);
    expect(await world.reasons()).toEqual(['done']);
    await world.programs.call('open', { name: 'a', host, port: ports.watch });
    await expect.poll(() => world.programs.call('state', { name: 'a' })).toMatchObject({ received: 'hello\n' });
    await world.programs.call('reset', { name: 'a' });
    expect(await world.reasons()).toContain('reset-by-client');
  });

  test('a hundred at once', async () => {
    await world.rules({ verdict: through([secured('socks5', 2080)]) });
    const trips = Array.from({ length: 100 }, (_, count) =>
      world.programs.call('roundTrip', { host, port: ports.echo, text: `flow ${count}` }),
    );
    await Promise.all(trips);
    expect(new Set(await world.reasons(100))).toEqual(new Set(['done']));
  });

  test('TLS where none is expected waits for more than was said', async () => {
    await world.rules({ verdict: { ...through([hop('socks5', 2080)]), timeoutMs: 1_000 } });
    await world.programs.call('connect', { host, port: ports.echo });
    const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: false, failure: 'timeout', layer: 0 });
  });

  test.each<[string, readonly [Hop, ...Hop[]], string, number | undefined]>([
    ['another certificate', [secured('socks5', 2082)], 'tls-fingerprint', 0],
    [
      'nobody known has signed it',
      [hop('socks5', 2080, { tls: { serverName: 'proxy.example' } })],
      'tls-unknown-issuer',
      0,
    ],
    ['no TLS at the second', [hop('socks5', 1080), secured('socks5', 1080)], 'tls-failed', 1],
    ['the third has another password', [secured('http-connect', 3443), secured('socks5', 2081)], 'proxy-auth', 3],
  ])('%s', async (_name, hops, failure, layer) => {
    await world.rules({ verdict: through(hops) });
    await world.programs.call('connect', { host, port: ports.echo });
    const dialed = (await world.events('close')).find((event) => event.kind === 'dialed');
    expect(dialed).toMatchObject({ ok: false, failure, layer });
  });
});
