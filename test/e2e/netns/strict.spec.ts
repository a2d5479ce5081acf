/**
 * `tun.strict-route`: what programs send around the TUN by choosing a source address or a device is refused, and nothing else
 * is. 203.0.113.81 is for the proxy: whatever goes there from the client's own links has gone around the rules.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import type { Machine, Running } from '../../support/lab.ts';
import { LeakWatch } from '../../support/leak-watch.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const program = new URL('../../support/bound-socket.py', import.meta.url).pathname;
const webServer = new URL('../../support/web-server.ts', import.meta.url).pathname;

/** What a program does, by `bound-socket.py`; what it is told under strict-route, and without. */
const bound: readonly [string, string, string][] = [
  ['tcp 203.0.113.81 7 source=10.20.0.2', 'ECONNREFUSED', 'hello'],
  ['tcp 203.0.113.81 7 device=eth0', 'ECONNREFUSED', 'hello'],
  ['tcp 203.0.113.81 7 source=10.20.0.2 device=eth0', 'ECONNREFUSED', 'hello'],
  ['tcp 203.0.113.81 7 source=10.20.0.2 transparent', 'ECONNREFUSED', 'hello'],
  // Of the second link, whose network does not lead there: without us it is sent by the first.
  ['tcp 203.0.113.81 7 source=10.99.0.2', 'ECONNREFUSED', 'hello'],
  ['fastopen 203.0.113.81 7 source=10.20.0.2', 'ECONNREFUSED', 'hello'],
  ['udp 203.0.113.81 9 source=10.20.0.2', 'EPERM', 'hello'],
  ['udp 203.0.113.81 9 device=eth0', 'EPERM', 'hello'],
  ['udp 203.0.113.81 9 unicast-if=eth0', 'EPERM', 'hello'],
  ['udp 203.0.113.81 9 pktinfo=10.20.0.2', 'EPERM', 'hello'],
  ['udp 203.0.113.81 9 source=10.20.0.2 ip-options', 'EPERM', 'hello'],
  ['mptcp 203.0.113.81 7 source=10.20.0.2', 'ECONNREFUSED', 'hello'],
  ['raw 203.0.113.81 9 from=10.20.0.77 source=10.20.0.2', 'EPERM', 'sent'],
  ['icmp 203.0.113.81 0 source=10.20.0.2', 'EPERM', 'sent'],
  ['icmp 203.0.113.81 0 device=eth0', 'EPERM', 'sent'],
  // Questions to the server of the LAN would be ours.
  ['udp 10.20.0.1 53 source=10.20.0.2 wait=1', 'EPERM', 'silence'],
  ['tcp 10.20.0.1 53 device=eth0 wait=1', 'ECONNREFUSED', 'silence'],
  ['tcp fd00:99::81 7 source=fd00:20::2', 'ECONNREFUSED', 'hello'],
  ['tcp fd00:99::81 7 device=eth0', 'ECONNREFUSED', 'hello'],
  ['udp fd00:99::81 9 source=fd00:20::2', 'EPERM', 'hello'],
  ['udp fd00:99::81 9 unicast-if=eth0', 'EPERM', 'hello'],
  ['udp fd00:99::81 9 pktinfo=fd00:20::2', 'EPERM', 'hello'],
  ['udp fd00:99::81 9 source=fd00:20::2 ext-header', 'EPERM', 'hello'],
  ['icmp fd00:99::81 0 source=fd00:20::2', 'EPERM', 'sent'],
];

/** What goes on as ever. */
const rightful: readonly [string, string][] = [
  // The LAN, another link, a route of its own, what the person keeps out.
  ['tcp 10.20.0.1 7 source=10.20.0.2', 'hello'],
  ['udp 10.20.0.1 9 device=eth0', 'hello'],
  ['icmp 10.20.0.1 0 device=eth0', 'sent'],
  ['tcp fd00:20::1 7 device=eth0', 'hello'],
  ['tcp 10.99.0.1 7 device=eth1', 'hello'],
  ['tcp 192.168.77.7 7 source=10.99.0.2', 'hello'],
  ['udp 192.168.77.7 9 device=eth1', 'hello'],
  ['udp 203.0.113.82 9 source=10.20.0.2', 'hello'],
  // Into the TUN, with its own address or ours.
  ['tcp 203.0.113.80 7', 'hello'],
  ['udp 203.0.113.80 9', 'hello'],
  ['tcp 203.0.113.80 7 source=198.18.0.1', 'hello'],
  ['tcp direct.example 7 source=10.20.0.2', 'hello'],
  // A VPN's own sockets, known by the mark that its rule has; a mark and mask.
  ['tcp 203.0.113.81 7 source=10.20.0.2 mark=0xca6c', 'hello'],
  ['udp 203.0.113.81 9 device=eth0 mark=0xca6c', 'hello'],
  ['udp 203.0.113.81 9 device=eth0 mark=0x8001f', 'hello'],
  // DHCP: a lease is renewed at the server, wherever it is.
  ['udp 203.0.113.81 67 device=eth0 source=10.20.0.2 port=68 wait=1', 'silence'],
];

/** TCP 7070 and UDP 7071 at one address, UDP 7072 and 7073 at the wildcard (one tells the kernel its source), 7074 by IPv6. */
const servers = `
import socket, struct, threading
def tcp():
  s = socket.create_server(('10.20.0.2', 7070))
  while True:
    c, _ = s.accept(); c.sendall(c.recv(99)); c.close()
def udp(address, port, source=None):
  s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM); s.bind((address, port))
  while True:
    m, who = s.recvfrom(99)
    s.sendmsg([m], [(0, 8, b'\\0' * 4 + socket.inet_aton(source) + b'\\0' * 4)] if source else [], 0, who)
for work in ((tcp,), (udp, '10.20.0.2', 7071), (udp, '0.0.0.0', 7072), (udp, '0.0.0.0', 7073, '10.99.0.2'), (udp, 'fd00:20::2', 7074)):
  threading.Thread(target=work[0], args=work[1:], daemon=True).start()
import time; time.sleep(0.3); print('ready', flush=True); time.sleep(99)`;

/** Goes on connecting and sending; says when it is refused. */
const talkative = `
import errno, socket, time
print('ready')
while True:
  for kind, port in ((socket.SOCK_STREAM, 7), (socket.SOCK_DGRAM, 9)):
    s = socket.socket(socket.AF_INET, kind); s.settimeout(0.5)
    try:
      s.connect(('203.0.113.81', port)); s.send(b'x')
    except OSError as e:
      print(errno.errorcode.get(e.errno, e))
    s.close()
  time.sleep(0.002)`;

describeInLab('strict-route', () => {
  let world: World;
  let mirage: Mirage;
  let watch: LeakWatch;
  let container: Machine;
  let plain: string;

  const config = (strict: boolean, dns: Readonly<Record<string, string>> = {}): string =>
    profile(
      [
        'IP-CIDR,203.0.113.83/32,local,no-resolve',
        'IP-CIDR,203.0.113.81/32,dante,no-resolve',
        'IP-CIDR6,fd00:99::81/128,dante,no-resolve',
        'MATCH,DIRECT',
      ],
      `ipv6: true\ntun: { strict-route: ${strict}, route-exclude-address: [203.0.113.82/32] }`,
      dns,
    );
  /** What has gone around the rules since; not for the proxy, and not by the marks of a VPN. */
  const around = (since: readonly number[]): string[] =>
    watch.packets(since).map(({ link, text }) => `${link} ${text}`);

  beforeAll(async () => {
    world = await World.create();
    const { client, router, web } = world;
    const office = await world.lab.machine('office');
    await world.lab.link(client, '10.99.0.2/24', office, '10.99.0.1/24');
    container = await world.lab.machine('container');
    await world.lab.link(client, '172.30.0.1/24', container, '172.30.0.2/24');
    await container.sh('ip route add default via 172.30.0.1');
    await client.sh(`
      echo 1 > /proc/sys/net/ipv4/ip_forward; echo 3 > /proc/sys/net/ipv4/tcp_fastopen
      ip addr add fd00:20::2/64 dev eth0 nodad; ip -6 route add default via fd00:20::1 dev eth0
      ip route add 192.168.77.0/24 via 10.99.0.1
      ip rule add pref 900 fwmark 0xca6c lookup main; ip rule add pref 901 fwmark 0x80000/0xff0000 lookup main`);
    await router.sh(`
      ip addr add fd00:20::1/64 dev eth0 nodad; ip addr add fd00:99::1/64 dev eth1 nodad
      echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; ip route add 172.30.0.0/24 via 10.20.0.2
      ip route add 10.99.0.0/24 via 10.20.0.2`);
    await web.sh(`
      for a in 81 82 83; do ip addr add 203.0.113.$a/32 dev lo; done
      ip addr add fd00:99::81/64 dev eth0 nodad; ip -6 route add default via fd00:99::1
      echo 3 > /proc/sys/net/ipv4/tcp_fastopen`);
    await office.sh('ip addr add 192.168.77.7/32 dev lo; ip addr add 192.168.88.8/32 dev lo');
    const servers: [Machine, string][] = [
      [web, '203.0.113.80'],
      [web, '203.0.113.81'],
      [web, '203.0.113.82'],
      [web, '203.0.113.83'],
      [router, '10.20.0.1'],
      [office, '10.99.0.1'],
      [office, '192.168.77.7'],
      [office, '192.168.88.8'],
    ];
    await Promise.all([
      world.startDante(),
      ...servers.map(async ([machine, address]) => {
        await machine.spawn(process.execPath, [webServer, address]).printed(/ready/);
      }),
      ...[
        [web, 'fd00:99::81'],
        [router, 'fd00:20::1'],
      ].map(async ([machine, address]) => await startEcho6(machine as Machine, address as string)),
    ]);
    plain = await client.networkState();
    mirage = new Mirage(client);
    await mirage.start();
    watch = await LeakWatch.start(client, ['eth0', 'eth1'], 'dst host 10.20.0.1 and not dst port 53');
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** TCP 7 and UDP 9 by IPv6. */
  async function startEcho6(machine: Machine, address: string): Promise<void> {
    const server = machine.spawn(process.execPath, [
      '-e',
      `const udp = require('dgram').createSocket('udp6');
       udp.on('message', (message, from) => udp.send(message, from.port, from.address));
       udp.bind(9, '${address}', () => require('net').createServer((c) => c.on('error', () => undefined).pipe(c)).listen(7, '${address}', () => console.log('ready')))`,
    ]);
    await server.printed(/ready/);
  }

  const askAll = async (rows: readonly (readonly string[])[]): Promise<string[]> => {
    const lines = rows.map(([words = '']) => words);
    const { stdout } = await world.client.run('python3', [program, ...lines]);
    return stdout
      .trim()
      .split('\n')
      .map((told, i) => `${lines[i]}: ${told}`);
  };

  test('false: programs go the way that they have chosen', async () => {
    await mirage.enhanced(config(false));
    expect(await askAll(bound)).toEqual(bound.map(([words, , without]) => `${words}: ${without}`));
    expect(await world.client.sh('nft list ruleset')).toBe('');
  });

  describe('true', () => {
    let open: Running;
    beforeAll(async () => {
      open = world.client.spawn('python3', ['-u', program, 'tcp 203.0.113.81 7 source=10.20.0.2 slow'], {
        stdin: 'pipe',
      });
      await open.printed(/open/);
      await mirage.enhanced(config(true));
    });

    test('a chosen way around the TUN is refused at once, and nothing leaves', async () => {
      const since = watch.position();
      expect(await askAll(bound)).toEqual(bound.map(([words, strict]) => `${words}: ${strict}`));
      await sleep(100);
      expect(around(since)).toEqual([]);
    });

    test('what begins nothing new, or stays near, goes on', async () => {
      expect(await askAll(rightful)).toEqual(rightful.map(([words, answer]) => `${words}: ${answer}`));
    });

    test('a name has a fake address: a source address of its own does not lead around the TUN', async () => {
      const { stdout } = await world.client.run(
        'curl',
        '-sS -m 5 --interface 10.20.0.2 http://direct.example/'.split(' '),
      );
      expect(stdout).toContain('host=direct.example client=10.20.0.2');
      const rows = await mirage.connections();
      expect(
        rows.filter(({ source, destination }) => source.host === '10.20.0.2' && destination.host === 'direct.example'),
      ).not.toEqual([]);
    });

    test('servers answer, by TCP and UDP, also those at one address: callers from elsewhere, IPv4 and IPv6', async () => {
      const server = world.client.spawn('python3', ['-u', '-c', servers]);
      await server.printed(/ready/);
      const callers = [
        'tcp 10.20.0.2 7070',
        'udp 10.20.0.2 7071',
        'udp 10.20.0.2 7072',
        'udp 10.99.0.2 7073',
        'udp fd00:20::2 7074',
      ];
      const { stdout } = await world.web.run('python3', [program, ...callers]);
      expect(stdout.trim().split('\n')).toEqual(callers.map(() => 'hello'));
      await server.stop();
    });

    test('containers are not concerned, nor is what they publish', async () => {
      const { stdout } = await container.run('curl', ['-sS', '-m', '5', 'http://203.0.113.80/']);
      expect(stdout).toContain('client=172.30.0.2');
      const server = container.spawn('python3', ['-u', '-m', 'http.server', '8080']);
      await world.waitForListener(container, 8080);
      expect((await world.web.run('curl', ['-sS', '-m', '5', 'http://172.30.0.2:8080/'])).code).toBe(0);
      await server.stop();
    });

    test('a proxy and a resolver on this machine that bind their sockets are spared', async () => {
      const { client } = world;
      const started = performance.now();
      const socks = client.spawn('microsocks', ['-i', '127.0.0.1', '-p', '1085', '-b', '10.20.0.2']);
      const resolver = client.spawn('dnsmasq', [
        ...'--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= --cache-size=0'.split(
          ' ',
        ),
        ...'--server=10.20.0.1@10.20.0.2 --listen-address=127.0.0.1 --bind-interfaces --port=5335 --log-facility=-'.split(
          ' ',
        ),
      ]);
      await resolver.printed(/started/);
      await mirage.enhanced(config(true, { nameserver: "['127.0.0.1:5335']" }));
      // Whoever begins to listen is spared within a second.
      await sleep(Math.max(0, 1_500 - (performance.now() - started)));
      const curl = async (host: string) => (await client.run('curl', ['-sS', '-m', '5', `http://${host}/`])).stdout;
      expect(await curl('203.0.113.83')).toContain('client=10.20.0.2');
      const rows = await mirage.connections();
      expect(rows.find(({ destination }) => destination.host === '203.0.113.83')?.chain).toEqual(['local']);
      expect(await curl('refused.example')).toContain('host=refused.example client=10.20.0.2');
      await Promise.all([socks.stop(), resolver.stop()]);
      await mirage.enhanced(config(true));
    });

    test('a network that comes meanwhile is reached, one that goes is not', async () => {
      const ask = async () => (await askAll([['tcp 192.168.88.8 7 source=10.99.0.2 wait=2']]))[0];
      await world.client.sh('ip route add 192.168.88.0/24 via 10.99.0.1');
      await expect.poll(ask).toMatch(/hello$/);
      await world.client.sh('ip route del 192.168.88.0/24');
      await expect.poll(ask).toMatch(/ECONNREFUSED$/);
    });

    test('multicast and broadcast stay on the LAN', async () => {
      expect(
        await askAll([
          ['udp 224.0.0.251 5353 source=10.20.0.2 wait=1'],
          ['udp 239.255.255.250 1900 device=eth0 wait=1'],
          ['udp ff02::fb 5353 device=eth0 wait=1'],
        ]),
      ).toEqual([
        expect.stringMatching(/silence$/),
        expect.stringMatching(/silence$/),
        expect.stringMatching(/silence$/),
      ]);
    });

    test('a firewall that begins anew (nft flush ruleset): put back at once', async () => {
      const table = () => world.client.sh('nft -t list ruleset | sed "s/packets.*bytes [0-9]*//"');
      const whole = await table();
      await world.client.sh('nft flush ruleset');
      await expect.poll(table).toBe(whole);
      expect(await askAll(bound.slice(0, 1))).toEqual([expect.stringMatching(/ECONNREFUSED$/)]);
    });

    test('a death and the next helper: refused all the while, and put in force again', async () => {
      const since = watch.position();
      await mirage.kill9();
      expect(await askAll(bound.slice(0, 8))).toEqual(
        bound.slice(0, 8).map(([words, strict]) => `${words}: ${strict}`),
      );
      await mirage.start();
      expect(await askAll(bound.slice(0, 8))).toEqual(
        bound.slice(0, 8).map(([words, strict]) => `${words}: ${strict}`),
      );
      expect(around(since)).toEqual([]);
    });

    test('a rule that nobody can precede leads everything elsewhere: refused, and told', async () => {
      await world.client.sh('ip route add default via 10.99.0.1 table 77; ip rule add pref 5 lookup 77');
      const since = watch.position();
      const unbound = [
        'tcp 203.0.113.81 7',
        'udp 203.0.113.81 9',
        'icmp 203.0.113.81 0',
        'tcp 203.0.113.81 7 source=10.99.0.2',
      ];
      const { stdout } = await world.client.run('python3', [program, ...unbound]);
      expect(stdout.trim().split('\n')).toEqual(['ECONNREFUSED', 'EPERM', 'EPERM', 'ECONNREFUSED']);
      const { warnings } = await mirage.json<Snapshot>('status');
      expect(warnings.map(({ code }) => code)).toContain('ROUTES_CONTESTED');
      await world.client.sh('ip rule del pref 5');
      // Back where there is room before them.
      await expect.poll(() => world.client.sh('ip rule')).not.toContain('\n1:');
      expect(around(since)).toEqual([]);
    });

    test('a VPN whose rules come first for a moment, again and again: nothing leaves by it', async () => {
      const since = watch.position();
      const busy = world.client.spawn('python3', ['-u', '-c', talkative]);
      await busy.printed(/ready/);
      for (let i = 0; i < 3; i++) {
        await world.client.sh('ip -batch -', {
          input: 'rule add not fwmark 0xca6c lookup 77\nrule add lookup main suppress_prefixlength 0\n',
        });
        await expect.poll(() => world.client.sh('ip route get 203.0.113.81')).toContain('mirage0');
        await world.client.sh('ip -batch -', {
          input: 'rule del not fwmark 0xca6c lookup 77\nrule del lookup main suppress_prefixlength 0\n',
        });
      }
      await busy.stop('SIGINT');
      await world.client.sh('ip route flush table 77');
      expect(around(since)).toEqual([]);
      // The moments were there: who spoke in one was refused.
      expect(busy.output).toMatch(/ECONNREFUSED|EPERM/);
    });

    test('a profile without it takes it back while it runs', async () => {
      await mirage.enhanced(config(false));
      expect(await askAll(bound.slice(0, 1))).toEqual([expect.stringMatching(/hello$/)]);
      expect(await world.client.sh('nft list ruleset')).toBe('');
      await mirage.enhanced(config(true));
    });

    test('a connection from before lives on', async () => {
      open.process.stdin?.write('\n');
      await open.printed(/again/);
    });
  });

  test('off: nothing is left', async () => {
    await mirage.off();
    expect(await world.client.networkState()).toBe(plain);
  });
});
