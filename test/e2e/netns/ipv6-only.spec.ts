/**
 * A machine with IPv6 alone: names are reached by IPv4 and IPv6 alike, DIRECT and through a proxy that has only an IPv6 address. What a
 * resolver with DNS64 says of a name that has IPv4 alone looks like `both.example` here (RFC 6147).
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promptly } from '../../support/eventually.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const server = `
require('http').createServer((q, r) => r.end('client=' + q.socket.remoteAddress + '\\n')).listen(80, '::', () => console.log('ready'));
const udp = require('dgram').createSocket('udp6');
udp.on('message', (m, from) => udp.send('client=' + from.address, from.port, from.address)); udp.bind(10, '2001:db8:80::80');`;
/** One datagram to a name by IPv4 or IPv6: `FAMILY NAME`. */
const datagram = `
import socket, sys
family = socket.AF_INET6 if sys.argv[1] == '6' else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(8)
s.connect(socket.getaddrinfo(sys.argv[2], 10, family)[0][4]); s.send(b'x'); print(s.recv(99).decode())`;
const profile = `
mixed-port: 7890
dns: { nameserver: [system] }
proxies:
  - { name: six, type: socks5, server: '2001:db8:20::1', port: 1082 }
  - { name: named, type: socks5, server: proxy.example, port: 1082 }
rules:
  - DOMAIN,hidden.example,six
  - DOMAIN-SUFFIX,hidden.example,named
  - MATCH,DIRECT
`;

describeInLab('a machine with IPv6 alone', () => {
  let world: World;
  let mirage: Mirage;
  let before: string;

  beforeAll(async () => {
    world = await World.create();
    const { client, router, web } = world;
    await router.sh(`echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip -6 address add 2001:db8:20::1/64 dev eth0 nodad; ip -6 address add 2001:db8:80::1/64 dev eth1 nodad`);
    await web.sh(
      'ip -6 address add 2001:db8:80::80/64 dev eth0 nodad; ip -6 route add default via 2001:db8:80::1; echo 203.0.113.80 hidden.example >> /etc/hosts',
    );
    await client.sh(
      'ip address flush dev eth0; ip -6 address add 2001:db8:20::2/64 dev eth0 nodad; ip -6 route add default via 2001:db8:20::1',
    );
    await client.write('/etc/resolv.conf', 'nameserver 2001:db8:20::1\n');
    await web.spawn(process.execPath, ['-e', server]).printed(/ready/);
    const names = {
      'six.example': ['2001:db8:80::80'],
      'both.example': ['2001:db8:80::80', '203.0.113.80'],
      'proxy.example': ['2001:db8:20::1'],
    };
    await router
      .spawn('dnsmasq', [
        '--keep-in-foreground',
        '--conf-file=/dev/null',
        '--no-resolv',
        '--no-hosts',
        '--user=root',
        '--pid-file=',
        '--listen-address=2001:db8:20::1',
        '--bind-interfaces',
        '--local=/example/',
        '--log-facility=-',
        ...Object.entries(names).flatMap(([name, all]) => all.map((address) => `--host-record=${name},${address}`)),
      ])
      .printed(/started/);
    await world.startMicrosocks(router, '::', 1082);
    mirage = new Mirage(client);
    before = await client.networkState();
    await mirage.start();
    await mirage.enhanced(profile);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const curl = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await promptly(() => world.client.run('curl', ['-gsS', '-m', '8', ...args]));
    return /client=(\S+)/.exec(stdout)?.[1] ?? stderr.trim();
  };
  const self = '2001:db8:20::2';
  const router4 = '::ffff:203.0.113.1';

  test.each([
    ['six.example', [], self],
    ['six.example', ['-6'], self],
    ['both.example', [], self],
    ['both.example', ['-4'], self],
    ['both.example', ['-6'], self],
    ['hidden.example', [], router4],
    ['hidden.example', ['-4'], router4],
    ['hidden.example', ['-6'], router4],
    ['www.hidden.example', ['-6'], router4],
    ['[2001:db8:80::80]', [], self],
  ])('http://%s/ %j comes from %s', async (host, how, from) => {
    expect(await curl(...how, `http://${host}/`)).toBe(from);
  });

  test.each(['4', '6'])('UDP to a name by IPv%s', async (family) => {
    const { stdout, stderr } = await world.client.run('python3', ['-c', datagram, family, 'both.example']);
    expect(stdout, stderr).toBe(`client=${self}\n`);
  });

  test('through the mixed port; and an address that nothing leads to fails at once', async () => {
    expect(await curl('-x', 'socks5h://127.0.0.1:7890', 'http://both.example/')).toBe(self);
    expect(await curl('-x', 'http://127.0.0.1:7890', 'http://hidden.example/')).toBe(router4);
    expect(await curl('http://203.0.113.80/')).toMatch(/Couldn't connect|Failed to connect/);
  });

  test('health has nothing to say, and off gives all back', async () => {
    expect((await mirage.json<{ warnings: { code: string }[] }>('status')).warnings).toEqual([]);
    await mirage.off();
    expect(await world.client.networkState()).toBe(before);
  });
});
