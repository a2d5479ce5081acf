/**
 * Proxies in a row through the whole helper: `relay`, `dialer-proxy` and TLS to the first, with real squid, dante and microsocks. The
 * last one is beside the web server, so whom that sees tells the end of the chain; what each proxy logs tells the rest.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { TestAuthority } from '../../support/certificate.ts';
import { eventually, promptly } from '../../support/eventually.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const router = '10.20.0.1';
const far = '203.0.113.80';
const certified = new TestAuthority().issue(['proxy.example']);
const fingerprint = createHash('sha256').update(new X509Certificate(certified.cert).raw).digest('hex');

const profile = `
mixed-port: 7890
dns: { nameserver: [${router}] }
proxies:
  - { name: squid, type: http, server: ${router}, port: 3128 }
  - { name: squid-tls, type: http, server: ${router}, port: 3443, tls: true, sni: proxy.example, fingerprint: ${fingerprint} }
  - { name: squid-other, type: http, server: ${router}, port: 3443, tls: true, sni: proxy.example, fingerprint: ${'ab'.repeat(32)} }
  - { name: dante, type: socks5, server: ${router}, port: 1080, udp: true }
  - { name: far, type: socks5, server: ${far}, port: 1085, udp: true }
  - { name: nobody, type: socks5, server: ${far}, port: 1999 }
  - { name: behind, type: socks5, server: ${far}, port: 1085, udp: true, dialer-proxy: dante }
  - { name: behind-tls, type: socks5, server: ${far}, port: 1085, dialer-proxy: squid-tls }
  - { name: behind-group, type: socks5, server: ${far}, port: 1085, dialer-proxy: pick }
  - { name: behind-two, type: http, server: ${router}, port: 3128, dialer-proxy: behind }
proxy-groups:
  - { name: pick, type: select, proxies: [squid, dante] }
  - { name: two, type: relay, proxies: [squid, far] }
  - { name: three, type: relay, proxies: [dante, squid, far] }
  - { name: tls, type: relay, proxies: [squid-tls, far] }
  - { name: other, type: relay, proxies: [squid-other, far] }
  - { name: dead, type: relay, proxies: [squid, nobody] }
  - { name: of-groups, type: relay, proxies: [pick, far] }
rules:
  - DOMAIN-SUFFIX,behind.direct.example,behind
  - DOMAIN-SUFFIX,behind-tls.direct.example,behind-tls
  - DOMAIN-SUFFIX,behind-group.direct.example,behind-group
  - DOMAIN-SUFFIX,behind-two.direct.example,behind-two
  - DOMAIN-SUFFIX,two.direct.example,two
  - DOMAIN-SUFFIX,three.direct.example,three
  - DOMAIN-SUFFIX,tls.direct.example,tls
  - DOMAIN-SUFFIX,other.direct.example,other
  - DOMAIN-SUFFIX,dead.direct.example,dead
  - DOMAIN-SUFFIX,of-groups.direct.example,of-groups
  - MATCH,DIRECT
`;

describeInLab('proxies in a row', () => {
  let world: World;
  let mirage: Mirage;
  let dante: Running;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.web.write('/etc/resolv.conf', 'nameserver 203.0.113.1\n');
    dante = await world.startDante();
    await world.startMicrosocks(world.web, far, 1085);
    const at = (name: string) => `/run/squid/${name}`;
    await world.router.sh('mkdir -p /run/squid; chmod 777 /run/squid');
    await world.router.write(at('cert.pem'), certified.cert);
    await world.router.write(at('key.pem'), certified.key);
    await world.router.write(
      at('squid.conf'),
      `http_port ${router}:3128
https_port ${router}:3443 tls-cert=${at('cert.pem')} tls-key=${at('key.pem')}
pid_filename none
access_log stdio:${at('access')}
cache_log ${at('squid.log')}
cache deny all
coredump_dir /run/squid
shutdown_lifetime 0 seconds
visible_hostname squid.example
dns_nameservers 203.0.113.1
http_access allow all
`,
    );
    world.router.spawn('squid', ['-N', '-f', at('squid.conf')]);
    await world.waitForListener(world.router, 3443);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const curl = (name: string, path = '') =>
    promptly(() => world.client.run('curl', ['-sS', '-m', '15', `http://${name}.direct.example/${path}`]));
  const rowOf = async (name: string): Promise<ConnectionRow | undefined> =>
    (await mirage.connections())
      .filter(({ destination }) => destination.host === `${name}.direct.example`)
      .toSorted((a, b) => b.openedAt - a.openedAt)[0];
  /** What it has logged. */
  const hops = {
    squid: () => world.router.sh('cat /run/squid/access 2>/dev/null || true'),
    dante: async () => dante.output,
  };

  test.each<[name: string, from: string, chain: readonly string[], seenBy: Partial<Record<keyof typeof hops, RegExp>>]>(
    [
      ['behind', far, ['behind', 'dante'], { dante: /203\.0\.113\.80\.1085/ }],
      ['behind-tls', far, ['behind-tls', 'squid-tls'], { squid: /CONNECT 203\.0\.113\.80:1085/ }],
      ['behind-group', far, ['behind-group', 'squid', 'pick'], { squid: /CONNECT 203\.0\.113\.80:1085/ }],
      [
        'behind-two',
        '203.0.113.1',
        ['behind-two', 'behind', 'dante'],
        { dante: /203\.0\.113\.80\.1085/, squid: /203\.0\.113\.80 .* CONNECT behind-two\.direct\.example:80/ },
      ],
      ['two', far, ['far', 'squid', 'two'], { squid: /CONNECT 203\.0\.113\.80:1085/ }],
      [
        'three',
        far,
        ['far', 'squid', 'dante', 'three'],
        { dante: /10\.20\.0\.1\.3128/, squid: /CONNECT 203\.0\.113\.80:1085/ },
      ],
      ['tls', far, ['far', 'squid-tls', 'tls'], { squid: /CONNECT 203\.0\.113\.80:1085/ }],
      ['of-groups', far, ['far', 'squid', 'pick', 'of-groups'], { squid: /CONNECT 203\.0\.113\.80:1085/ }],
    ],
  )('%s', async (name, from, chain, seenBy) => {
    const before = { squid: (await hops.squid()).length, dante: (await hops.dante()).length };
    const { stdout, stderr } = await curl(name);
    expect(stdout, stderr).toContain(`host=${name}.direct.example client=${from}`);
    const row = await rowOf(name);
    expect(row).toMatchObject({ chain, remote: router, way: 'proxied' });
    for (const hop of ['squid', 'dante'] as const) {
      const pattern = seenBy[hop];
      // squid tells of a tunnel when it is over.
      const said = async () => (await hops[hop]()).slice(before[hop]);
      if (pattern !== undefined) await eventually(async () => expect(await said()).toMatch(pattern));
      else expect(await said()).not.toMatch(/203\.0\.113\.80/);
    }
    const large = await curl(name, 'bytes/3000000');
    expect(large.stdout.length).toBeGreaterThan(1_000_000);
  });

  test.each([
    ['other', 'squid-other', /certificate/],
    ['dead', 'nobody', /./],
  ])('%s: whose fault it is, is told with the name of the node', async (name, node, why) => {
    expect((await curl(name)).code).not.toBe(0);
    const row = await rowOf(name);
    expect(row).toMatchObject({ closeReason: 'failed' });
    expect(JSON.stringify(row?.error)).toContain(node);
    expect(row?.error?.message).toMatch(why);
  });

  test('UDP, which a chain does not carry, goes by the rules below', async () => {
    const ask = `import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(8)
s.connect(('three.direct.example', 10)); s.send(b'x'); print(s.recv(99).decode())`;
    const { stdout, stderr } = await world.client.run('python3', ['-c', ask]);
    expect(stdout, stderr).toBe('client=10.20.0.2\n');
    expect(await rowOf('three')).toMatchObject({ network: 'udp', chain: ['DIRECT'], rule: { type: 'MATCH' } });
  });

  test('a choice in a group on the way holds for the next connection', async () => {
    await mirage.json('select', 'pick', 'dante');
    const before = dante.output.length;
    expect((await curl('of-groups')).stdout).toContain(`client=${far}`);
    await eventually(() => expect(dante.output.slice(before)).toMatch(/203\.0\.113\.80\.1085/));
  });
});
