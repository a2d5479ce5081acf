/** UDP servers on this machine: whoever speaks first is answered as without us, also where the rules lead everything else to a proxy. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const client4 = '10.20.0.2';
const client6 = '2001:db8:20::2';
const web4 = '203.0.113.80';
const web6 = '2001:db8:80::80';

/** Echoes, and sends what it is told to: "to HOST PORT" makes it speak first itself. */
const server = `
import socket, sys
family, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET if family == '4' else socket.AF_INET6, socket.SOCK_DGRAM)
if family == 'dual': s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind((host, port))
print('ready', flush=True)
while True:
    data, peer = s.recvfrom(65536)
    words = data.decode('latin1').split(' ')
    if words[0] == 'to':
        host = words[1] if family != 'dual' or ':' in words[1] else '::ffff:' + words[1]
        s.sendto(b'of my own', (host, int(words[2])))
    elif words[0] == 'segments':
        s.setsockopt(17, 103, 1000)
        s.sendto(b'x' * 10500, peer)
        s.setsockopt(17, 103, 0)
    else: s.sendto(data, peer)`;
/** A client whose socket takes answers from its peer only: prints them, or \`silence\`. */
const caller = `
import socket, sys
host, port, text, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect((host, port))
s.send(text.encode() if not text.isdigit() else b'a' * int(text))
try:
    for _ in range(count):
        got = s.recv(65536)
        print(len(got), s.getpeername()[1])
except OSError as error: print('silence' if isinstance(error, TimeoutError) else error.strerror)`;

describeInLab('UDP servers on this machine', () => {
  let world: World;
  let mirage: Mirage;

  const serve = async (family: '4' | '6' | 'dual', host: string, port: number) => {
    const served = world.client.spawn('python3', ['-c', server, family, host, String(port)]);
    await served.printed(/ready/);
    return served;
  };
  const call = async (host: string, port: number, text: string, count = 1): Promise<string[]> => {
    const result = await world.web.run('python3', ['-c', caller, host, String(port), text, String(count)]);
    return (result.stdout + result.stderr).trim().split('\n');
  };
  const flowsTo = async (host: string) =>
    (await mirage.connections()).filter((row) => row.destination.host === host && row.network === 'udp');

  beforeAll(async () => {
    world = await World.create();
    const { client, router, web } = world;
    await router.sh(`
      echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
      ip -6 address add 2001:db8:20::1/64 dev eth0 nodad
      ip -6 address add 2001:db8:80::1/64 dev eth1 nodad`);
    await web.sh('ip -6 address add 2001:db8:80::80/64 dev eth0 nodad; ip -6 route add default via 2001:db8:80::1');
    await client.sh('ip -6 address add 2001:db8:20::2/64 dev eth0 nodad; ip -6 route add default via 2001:db8:20::1');
    await world.startDante(1080);
    await serve('4', '0.0.0.0', 51_820);
    await serve('dual', '::', 51_821);
    await serve('6', '::', 51_822);
    await serve('4', client4, 51_823);
    await serve('6', client6, 51_824);
    mirage = new Mirage(client);
    await mirage.start();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  describe.each(['MATCH,DIRECT', 'MATCH,dante'])('%s', (rule) => {
    beforeAll(async () => {
      await mirage.enhanced(profile([rule], 'ipv6: true'));
    });

    test.each([
      ['0.0.0.0', client4, 51_820],
      [':: by IPv4', client4, 51_821],
      [':: by IPv6', client6, 51_821],
      [':: without IPv4', client6, 51_822],
      ['bound to a source', client4, 51_823],
      ['bound to a source, IPv6', client6, 51_824],
    ])('a server at %s answers from its own address and port', async (_name, host, port) => {
      expect(await call(host, port, 'hello')).toEqual([`5 ${port}`]);
      expect(await call(host, port, '9000')).toEqual([`9000 ${port}`]);
    });

    test.each([
      [client4, 51_820],
      [client6, 51_821],
    ])('segments of one call: %s port %i', async (host, port) => {
      expect(await call(host, port, 'segments', 11)).toEqual([
        ...Array.from({ length: 10 }, () => `1000 ${port}`),
        `500 ${port}`,
      ]);
    });

    test('and no flow has appeared', async () => {
      for (const host of [web4, web6]) {
        const flows = await flowsTo(host);
        expect(flows.filter((row) => row.source.port >= 51_820 && row.destination.port !== 7_007)).toEqual([]);
      }
    });

    test('what a server sends by itself goes by the rules', async () => {
      const sinkPort = rule === 'MATCH,DIRECT' ? 7_007 : 7_008;
      const sink = world.web.spawn('python3', [
        '-uc',
        `import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('${web4}', ${sinkPort}))\nprint('ready')\nprint(*s.recvfrom(100))`,
      ]);
      await sink.printed(/ready/);
      // Told by somebody else, to speak to an address that has not spoken.
      await call(client4, 51_820, `to ${web4} ${sinkPort}`, 0);
      const [, from, port] = await sink.printed(/'([\d.]+)', (\d+)/);
      expect(from).toBe(rule === 'MATCH,DIRECT' ? client4 : '203.0.113.1');
      expect(port).not.toBe('51820');
      expect((await flowsTo(web4)).find((row) => row.destination.port === sinkPort)).toMatchObject({
        chain: [rule.slice('MATCH,'.length)],
      });
      await sink.stop();
    });
  });

  describe('a datagram from elsewhere opens no way around the rules', () => {
    /** Speaks to a port of the client from its own, then tells who sends it what. */
    const knocker = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('${web4}', int(sys.argv[1])))
s.sendto(b'knock', ('${client4}', int(sys.argv[2])))
print('knocked', flush=True)
while True:
    data, peer = s.recvfrom(100)
    print(data.decode(), 'from', *peer, flush=True)`;
    const knock = async (from: number, port: number) => {
      const knocking = world.web.spawn('python3', ['-c', knocker, String(from), String(port)]);
      await knocking.printed(/knocked/);
      return knocking;
    };
    /** Whether what a program at this port sends to the knocker of its own accord went by the rules (to the proxy). */
    const expectByRules = async (knocking: Awaited<ReturnType<typeof knock>>, from: number, port: number) => {
      await call(client4, port, `to ${web4} ${from}`, 0);
      const [, sender] = await knocking.printed(/of my own from (\S+)/);
      expect(sender).toBe('203.0.113.1');
      expect((await flowsTo(web4)).find((row) => row.destination.port === from)).toMatchObject({ chain: ['dante'] });
    };

    test('heard by the program: an answer', async () => {
      await serve('4', '0.0.0.0', 51_830);
      const knocking = await knock(7_030, 51_830);
      await knocking.printed(new RegExp(`knock from ${client4} 51830`));
      await call(client4, 51_830, `to ${web4} 7030`, 0);
      await knocking.printed(new RegExp(`of my own from ${client4} 51830`));
    });

    test('before there was a socket', async () => {
      const knocking = await knock(7_031, 51_831);
      await sleep(100);
      await serve('4', '0.0.0.0', 51_831);
      await expectByRules(knocking, 7_031, 51_831);
    });

    test('stopped by the firewall', async () => {
      await world.client.sh(
        `nft 'table inet shut { chain in { type filter hook input priority 0; udp sport 7032 drop; }; }'`,
      );
      await serve('4', '0.0.0.0', 51_832);
      const knocking = await knock(7_032, 51_832);
      await sleep(100);
      await world.client.sh('nft delete table inet shut');
      await expectByRules(knocking, 7_032, 51_832);
    });

    test('to another program that was at the same port', async () => {
      const first = await serve('4', '0.0.0.0', 51_833);
      const knocking = await knock(7_033, 51_833);
      await knocking.printed(new RegExp(`knock from ${client4} 51833`));
      await first.stop();
      // For a second it is taken for granted that the server is still there.
      await sleep(1_100);
      await serve('4', '0.0.0.0', 51_833);
      await expectByRules(knocking, 7_033, 51_833);
    });
  });

  test('iperf3 as a server on this machine: datagrams both ways', async () => {
    const iperf = world.client.spawn('iperf3', ['-s', '--forceflush']);
    await iperf.printed(/listening/);
    for (const direction of [[], ['-R']]) {
      const args = ['-u', '-b', '10M', '-t', '1', '-J', '-c', client4, ...direction];
      const result = JSON.parse((await world.web.run('iperf3', args)).stdout) as {
        end?: { sum: { packets: number; lost_percent: number } };
        error?: string;
      };
      expect(result.error).toBeUndefined();
      expect(result.end?.sum.packets).toBeGreaterThan(500);
      expect(result.end?.sum.lost_percent).toBeLessThan(20);
    }
  });

  test('a DNS server on this machine answers others', async () => {
    const dns = world.client.spawn('dnsmasq', [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--user=root',
      '--pid-file=',
      '--port=5353',
      '--address=/here.example/192.0.2.7',
      '--log-facility=-',
    ]);
    await dns.printed(/started/);
    const dig = await world.web.run('dig', ['+short', '+tries=1', '-p', '5353', `@${client4}`, 'here.example']);
    expect(dig.stdout).toBe('192.0.2.7\n');
  });
});
