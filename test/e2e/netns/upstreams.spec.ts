/** Who is really asked: unbound by TLS and HTTPS, dnsmasq by UDP and TCP, a forger on the way, and servers behind a proxy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DnsRow } from '../../../core/contract/dns.ts';
import type { Snapshot } from '../../../core/contract/status.ts';
import { eventually } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

/** Its names are not faked, so that the upstream's answer is what comes back. */
const real = { 'fake-ip-filter': "['+.real.example']" };

/** Answers at once with an address of its own, and hands on the true answer, as a resolver's, 60 ms later. */
const forger = `
const dgram = require('node:dgram');
const server = dgram.createSocket('udp4');
server.on('message', (question, from) => {
  const end = question.indexOf(0, 12) + 5;
  const forged = Buffer.concat([question.subarray(0, end), Buffer.from('c00c0001000100000e1000040a0a0a0a', 'hex')]);
  forged.writeUInt16BE(0x8180, 2);
  for (const [at, count] of [[6, 1], [8, 0], [10, 0]]) forged.writeUInt16BE(count, at);
  server.send(forged, from.port, from.address);
  const asker = dgram.createSocket('udp4');
  asker.on('message', (answer) => { asker.close(); setTimeout(() => server.send(answer, from.port, from.address), 60); });
  asker.send(question, 53, '203.0.113.1');
});
server.bind(5301, '10.20.0.1', () => console.log('ready'));`;

describeInLab('upstream servers', () => {
  let world: World;
  let mirage: Mirage;
  let ca: string;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    const { router } = world;
    const directory = router.directory;
    await router.sh(`
      cd ${directory}
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=Test authority" -keyout ca.key -out ca.pem 2>/dev/null
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=dns.direct.example -keyout dns.key -out dns.csr 2>/dev/null
      printf 'subjectAltName=DNS:dns.direct.example,IP:10.20.0.1\\n' > ext
      openssl x509 -req -in dns.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out dns.pem 2>/dev/null`);
    ca = await router.read(`${directory}/ca.pem`);
    await router.write(
      `${directory}/unbound.conf`,
      `server:
  username: ""
  chroot: ""
  directory: "${directory}"
  pidfile: ""
  use-syslog: no
  log-queries: yes
  verbosity: 1
  do-daemonize: no
  module-config: "iterator"
  interface: 10.20.0.1@853
  interface: 10.20.0.1@443
  interface: 203.0.113.1@853
  tls-port: 853
  https-port: 443
  tls-service-key: "${directory}/dns.key"
  tls-service-pem: "${directory}/dns.pem"
  access-control: 0.0.0.0/0 allow
  local-zone: "example." static
  local-data: "www.real.example. 300 A 203.0.113.80"
  local-data: "www.real.example. 300 AAAA 2001:db8::80"
  local-data: "example. 60 SOA ns.example. nobody.example. 1 3600 600 86400 30"
`,
    );
    const unbound = router.spawn('unbound', ['-d', '-p', '-c', `${directory}/unbound.conf`]);
    await unbound.printed(/start of service/);
    const second = router.spawn('dnsmasq', [
      '--keep-in-foreground',
      '--no-resolv',
      '--no-hosts',
      '--conf-file=/dev/null',
      '--port=5302',
      '--listen-address=10.20.0.1',
      '--bind-interfaces',
      '--log-facility=-',
      '--log-queries',
      '--address=/www.real.example/203.0.113.80',
      '--local=/example/',
      ...Array.from({ length: 60 }, (_, i) => `--host-record=many.real.example,192.0.2.${i + 1}`),
      `--txt-record=long.real.example,${Array.from({ length: 10 }, () => 'x'.repeat(200)).join(',')}`,
    ]);
    await second.printed(/started/);
    mirage = new Mirage(world.client);
    await mirage.start();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const dig = async (...args: string[]): Promise<string> =>
    (await world.client.run('dig', ['+tries=1', '+time=12', ...args])).stdout;
  const log = async (name: string): Promise<DnsRow[]> =>
    (await mirage.json<DnsRow[]>('dump', 'dns')).filter((row) => row.name === name);
  const indented = () =>
    `|\n${ca
      .trim()
      .split('\n')
      .map((line) => `    ${line}`)
      .join('\n')}`;
  const use = (dns: Record<string, string>) => mirage.enhanced(profile(['MATCH,dante'], '', { ...real, ...dns }));

  describe('unbound', () => {
    test.each([
      ['DNS over TLS by address', 'tls://10.20.0.1'],
      ['DNS over HTTPS by POST', 'https://10.20.0.1/dns-query'],
      ['DNS over HTTPS by GET', 'https://10.20.0.1/dns-query#method=get'],
      ['DNS over TLS by name, which the bootstrap server knows', 'tls://dns.direct.example'],
    ])('%s', async (_, server) => {
      // The bootstrap server answers the web machine's address for everything below direct.example: unbound is not there.
      const byName = server.includes('dns.direct');
      await use({
        ca: indented(),
        nameserver: `['${server}']`,
        ...(byName ? { 'default-nameserver': "['10.20.0.1:5303']" } : {}),
      });
      if (byName) {
        const bootstrap = world.router.spawn('dnsmasq', [
          '--keep-in-foreground',
          '--no-resolv',
          '--no-hosts',
          '--conf-file=/dev/null',
          '--port=5303',
          '--log-facility=-',
          '--listen-address=10.20.0.1',
          '--bind-interfaces',
          '--address=/dns.direct.example/10.20.0.1',
        ]);
        await bootstrap.printed(/started/);
      }
      expect(await dig('www.real.example')).toMatch(/www\.real\.example\.\s+\d+\s+IN\s+A\s+203\.0\.113\.80/);
      expect(await dig('gone.real.example')).toContain('status: NXDOMAIN');
      const [row] = await log('www.real.example');
      expect(row).toMatchObject({ verdict: expect.stringMatching(/real|cache/) as string, rcode: 'NOERROR' });
      expect((await log('gone.real.example')).at(-1)?.upstream).toContain(server.split('#')[0]?.split('/dns')[0]);
    });

    test('a certificate that nobody vouches for, or for another name: SERVFAIL, and the reason is told', async () => {
      await use({ nameserver: "['tls://10.20.0.1']" });
      expect(await dig('www.real.example')).toContain('status: SERVFAIL');
      expect(mirage.helper.output).toMatch(/DNS_TLS/);
      await use({ ca: indented(), nameserver: "['tls://10.20.0.2:853']" });
      expect(await dig('www.real.example')).toContain('status: SERVFAIL');
    });

    test('many questions share one connection', async () => {
      const connections = async (): Promise<number> =>
        Number(await world.client.sh("ss -tnH state established dst 10.20.0.1 | grep -c ':853' || true"));
      await use({ ca: indented(), nameserver: "['tls://10.20.0.1']" });
      // Those of configurations before end when they have been idle.
      const before = await connections();
      await Promise.all(Array.from({ length: 20 }, (_, i) => dig(`n${i}.real.example`)));
      expect(await connections()).toBe(before + 1);
    });
  });

  describe('dnsmasq', () => {
    test('what does not fit into a datagram is asked for again over TCP', async () => {
      await use({ nameserver: "['10.20.0.1:5302']" });
      expect(await dig('+tcp', 'long.real.example', 'TXT')).toMatch(/x{200}/);
      expect(await dig('+noedns', '+ignore', 'long.real.example', 'TXT')).toMatch(/flags: [a-z ]*tc/);
      const [row] = await log('long.real.example');
      expect(row).toMatchObject({ verdict: 'real', rcode: 'NOERROR' });
    });

    test('names of one list go to their server, the others elsewhere; a denial without an SOA is not remembered', async () => {
      await use({
        nameserver: "['rcode://refused']",
        'nameserver-policy': "{'+.real.example': '10.20.0.1:5302'}",
      });
      expect(await dig('www.real.example')).toContain('203.0.113.80');
      expect(await dig('time.elsewhere.com')).toContain('status: REFUSED');
      await dig('gone.real.example');
      await dig('gone.real.example');
      // RFC 2308, section 5.
      expect((await log('gone.real.example')).at(-1)).toMatchObject({ verdict: 'real', rcode: 'NXDOMAIN' });
    });

    test('a usual server that lies is not believed where a fallback is there', async () => {
      await use({
        nameserver: "['10.20.0.1:5302']",
        fallback: "['tcp://203.0.113.1']",
        'fallback-filter': "{ipcidr: ['192.0.2.0/24']}",
      });
      expect(await dig('+short', 'many.real.example')).not.toContain('192.0.2.');
      expect(await dig('+short', 'www.real.example')).toContain('203.0.113.80');
    });
  });

  test('a forger on the way answers sooner: its address is not taken, and people are told', async () => {
    const running = world.router.spawn(process.execPath, ['-e', forger]);
    await running.printed(/ready/);
    await use({ nameserver: "['10.20.0.1:5301']", 'fake-ip-filter': "['+.example']" });
    for (const name of ['www.hidden.example', 'a.hidden.example', 'b.hidden.example', 'victim.example']) {
      const answer = await dig('+short', name);
      expect(answer, name).toContain('203.0.113.80');
      expect(answer, name).not.toContain('10.10.10.10');
    }
    await eventually(async () => {
      const { warnings } = await mirage.json<Snapshot>('status');
      expect(warnings.map(({ code }) => code)).toContain('DNS_FORGED_ANSWERS');
    });
  });

  test('by an interface that is named: the question leaves there, against the routes', async () => {
    await world.lab.link(world.client, '10.30.0.2/24', world.router, '10.30.0.1/24');
    await world.client.sh('ip route add default via 10.30.0.1 dev eth1 metric 500');
    const sent = () => world.client.sh('cat /sys/class/net/eth1/statistics/tx_bytes');
    for (const server of ['203.0.113.1#eth1', 'tcp://203.0.113.1#eth1']) {
      await use({ nameserver: `['${server}']`, 'fake-ip-filter': "['+.example']" });
      const before = Number(await sent());
      expect(await dig('+short', 'www.hidden.example')).toContain('203.0.113.80');
      expect(Number(await sent()) - before).toBeGreaterThan(60);
    }
    await use({ nameserver: "['203.0.113.1']", 'fake-ip-filter': "['+.example']" });
    const before = Number(await sent());
    expect(await dig('+short', 'www.hidden.example')).toContain('203.0.113.80');
    expect(Number(await sent())).toBe(before);
  });

  test('through a proxy: the question is seen behind it and nowhere before', async () => {
    await use({ nameserver: "['tcp://203.0.113.1#dante']", 'fake-ip-filter': "['+.example']" });
    const seen = world.questionsSeen().length;
    expect(await dig('+short', 'www.hidden.example')).toContain('203.0.113.80');
    expect(world.questionsSeen().slice(seen)).toEqual([]);
    expect(world.questionsBehindProxy().some((question) => question.endsWith(' www.hidden.example'))).toBe(true);
    expect((await log('www.hidden.example')).at(-1)?.upstream).toContain('#dante');
  });

  test('a resolver on this machine that encrypts (as dnscrypt-proxy does) is asked, and does not go in circles', async () => {
    const { client } = world;
    await client.write(`${client.directory}/ca.pem`, ca);
    await client.write(
      `${client.directory}/local.conf`,
      `server:
  username: ""
  chroot: ""
  directory: "${client.directory}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  interface: 127.0.0.1@5354
  do-not-query-localhost: no
  tls-cert-bundle: "${client.directory}/ca.pem"
  local-zone: "example." transparent
forward-zone:
  name: "."
  forward-tls-upstream: yes
  forward-addr: 203.0.113.1@853#dns.direct.example
`,
    );
    const local = client.spawn('unbound', ['-d', '-p', '-c', `${client.directory}/local.conf`]);
    await local.printed(/start of service/);
    await use({ nameserver: "['127.0.0.1:5354']" });
    expect(await dig('+short', 'www.real.example')).toContain('203.0.113.80');
    const own = (await mirage.connections()).filter((row) => row.destination.port === 853);
    expect(own.map((row) => row.chain)).toContainEqual(['DIRECT']);
    expect(own.some((row) => row.chain.includes('dante'))).toBe(false);
  });

  test("the machine's hosts file is answered, both ways", async () => {
    await world.client.write('/etc/hosts', '127.0.0.1 localhost\n10.20.0.77 nas.real.example nas\n');
    await use({ nameserver: "['rcode://refused']" });
    await eventually(async () => expect(await dig('+short', 'nas.real.example')).toBe('10.20.0.77\n'));
    expect(await dig('+short', '-x', '10.20.0.77')).toBe('nas.real.example.\n');
    expect((await log('nas.real.example')).at(-1)).toMatchObject({ verdict: 'hosts' });
  });
});
