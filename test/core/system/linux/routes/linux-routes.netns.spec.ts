/** Every line of the rule list against the real kernel: who goes where, before and after the device's death, and after undo. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../../core/base/clock.ts';
import { silentLogger } from '../../../../../core/base/logger.ts';
import { LinuxRoutes } from '../../../../../core/system/linux/routes/linux-routes.ts';
import type { RouteConfig } from '../../../../../core/system/routes.ts';
import type { UndoJournal } from '../../../../../core/system/undo-journal.ts';
import { Lab, type Machine } from '../../../../support/lab.ts';
import { describeInLab } from '../../../../support/tier.ts';
import { JournalDirectory } from '../../journal-directory.ts';
import { MachineCommandRunner } from '../../machine-command-runner.ts';

const wanted: RouteConfig = {
  capture: 'everything',
  device: 'mirage0',
  tunAddress4: '198.18.0.1',
  mark: 0x4d49,
  otherDevices: ['eth0', 'eth1', 'br0'],
  tunPrefix6: 'fdfe:dcba:9876::1/126',
  fakeRanges: ['198.18.0.0/15', '28.0.0.0/8'],
  exclude: ['203.0.113.0/24', '2001:db8:9::/48'],
  ipv6: true,
  strict: false,
  sparedMark: 0x4d4a,
};

const noHealth = { raise: () => undefined, clear: () => undefined };

const addTun =
  'ip tuntap add mode tun name mirage0 && ip link set mirage0 addrgenmode none && ip addr add 198.18.0.1/32 dev mirage0 && ip addr add fdfe:dcba:9876::1/126 dev mirage0 nodad && ip link set mirage0 up';

describeInLab('rules and routes in the kernel', () => {
  let lab: Lab;
  let client: Machine;
  let journal: UndoJournal;
  let routes: LinuxRoutes;
  let directory: JournalDirectory;

  beforeAll(async () => {
    lab = new Lab();
    client = await lab.machine('client');
    const router = await lab.machine('router');
    const office = await lab.machine('office');
    await lab.link(client, '10.20.0.2/24', router, '10.20.0.1/24');
    await lab.link(client, '10.99.0.2/24', office, '10.99.0.1/24');
    await client.sh(`
      for f in all default eth0 eth1; do echo 1 > /proc/sys/net/ipv4/conf/$f/rp_filter; done
      echo 1 > /proc/sys/net/ipv4/ip_forward
      ip addr add fd00:20::2/64 dev eth0 nodad; ip addr add 2001:db8:20::2/64 dev eth0 nodad
      ip route add default via 10.20.0.1
      ip -6 route add default via fd00:20::1 dev eth0
      ip route add 10.50.0.0/16 via 10.99.0.1
      ip link add br0 type bridge; ip addr add 172.30.0.1/24 dev br0; ip link set br0 addrgenmode none; ip link set br0 up`);
    await client.sh(addTun);
    // Addresses that are still checked for duplicates get their routes later.
    await client.sh('for i in $(seq 1200); do ip -6 addr show tentative | grep -q inet6 || exit 0; sleep 0.1; done');
    directory = new JournalDirectory();
    journal = await directory.open();
    routes = new LinuxRoutes({
      runner: new MachineCommandRunner(client),
      journal,
      logger: silentLogger,
      health: noHealth,
      clock: systemClock,
    });
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    directory?.[Symbol.dispose]();
  });

  /** The interface (or `local`, `unreachable`) that the kernel chooses. */
  const via = async (query: string): Promise<string> => {
    const family = query.includes(':') ? '-6' : '-4';
    const result = await client.run('ip', [family, 'route', 'get', ...query.split(' ')]);
    if (result.code !== 0) return /No route to host|unreachable/.test(result.stderr) ? 'unreachable' : result.stderr;
    if (result.stdout.startsWith('local ')) return 'local';
    return /\bdev (\S+)/.exec(result.stdout)?.[1] ?? result.stdout;
  };
  const state = async (): Promise<string> =>
    await client.sh(
      'ip rule; ip -6 rule; ip route show table all; ip -6 route show table all | sed "s/ expires [0-9]*sec//"',
    );

  describe('while the tunnel is up', () => {
    beforeAll(async () => {
      await routes.apply(wanted);
    });

    test.each([
      ['a program of this machine', '1.2.3.4', 'mirage0'],
      ['one that chose the TUN as its source', '1.2.3.4 from 198.18.0.1', 'mirage0'],
      ['one that chose the TUN as its source, to the LAN', '10.20.0.77 from 198.18.0.1', 'mirage0'],
      ['one that chose the TUN as its source, to an excluded prefix', '203.0.113.80 from 198.18.0.1', 'mirage0'],
      ['one that chose the TUN as its source, to all on the link', '224.0.0.251 from 198.18.0.1', 'mirage0'],
      ['one of our own sockets', '1.2.3.4 mark 0x4d49', 'eth0'],
      ['one of our own sockets, asking for names', '10.20.0.1 ipproto udp dport 53 mark 0x4d49', 'eth0'],
      ['one bound to another source address goes past (documented limit)', '1.2.3.4 from 10.20.0.2', 'eth0'],
      ['one bound to an interface goes past', '1.2.3.4 oif eth0', 'eth0'],
      ['one bound to another interface goes there', '10.99.0.77 oif eth1', 'eth1'],
      ['multicast stays on the link', '224.0.0.251', 'eth0'],
      ['SSDP stays on the link', '239.255.255.250 ipproto udp dport 1900', 'eth0'],
      ['broadcast stays on the link', '255.255.255.255 oif eth0', 'eth0'],
      ['a neighbour on the LAN', '10.20.0.77', 'eth0'],
      ['a network behind a static route', '10.50.1.1', 'eth1'],
      ['a container', '172.30.0.2', 'br0'],
      ['DNS to a LAN address, UDP', '10.20.0.1 ipproto udp dport 53', 'mirage0'],
      ['DNS to a LAN address, TCP', '10.20.0.1 ipproto tcp dport 53', 'mirage0'],
      ['DNS to an outside address', '8.8.8.8 ipproto udp dport 53', 'mirage0'],
      ['another port of that LAN address', '10.20.0.1 ipproto udp dport 123', 'eth0'],
      ['DNS to a stub on loopback', '127.0.0.53 ipproto udp dport 53', 'local'],
      ['our own address', '10.20.0.2', 'local'],
      ['an excluded prefix', '203.0.113.80', 'eth0'],
      ['DNS to an excluded prefix', '203.0.113.80 ipproto udp dport 53', 'eth0'],
      ['a fake address', '198.18.3.4', 'mirage0'],
      ['a retired fake address', '28.1.2.3', 'mirage0'],
      ['a fake address from a LAN source', '198.18.3.4 from 10.20.0.2', 'mirage0'],
      ['a fake address asked by a container', '198.18.3.4 from 172.30.0.2 iif br0', 'mirage0'],
      ['a fake address asked by the LAN', '198.18.3.4 from 10.20.0.9 iif eth0', 'mirage0'],
      ['a container goes out as before', '1.2.3.4 from 172.30.0.2 iif br0', 'eth0'],
      ['a container asks DNS as before', '10.20.0.1 from 172.30.0.2 iif br0 ipproto udp dport 53', 'eth0'],
      ['what comes in from the LAN is ours', '10.20.0.2 from 10.20.0.9 iif eth0', 'local'],
      ['what comes in from outside is ours', '10.20.0.2 from 1.2.3.4 iif eth0', 'local'],
      ['what the TUN emits for outside goes where it would without us', '1.2.3.4 from 198.18.3.4 iif mirage0', 'eth0'],
      ['an answer out of the TUN, from a fake address', '198.18.0.1 from 198.18.3.4 iif mirage0', 'local'],
      ['an answer out of the TUN, from a real address', '198.18.0.1 from 1.2.3.4 iif mirage0', 'local'],
    ])('IPv4: %s', async (_who, query, expected) => {
      expect(await via(query)).toBe(expected);
    });

    test.each([
      ['a program of this machine', '2001:db8:1::1', 'mirage0'],
      ['one that chose the TUN as its source', '2001:db8:1::1 from fdfe:dcba:9876::1', 'mirage0'],
      ['one that chose the TUN as its source, to the LAN', 'fd00:20::77 from fdfe:dcba:9876::1', 'mirage0'],
      [
        'one that chose the TUN as its source, to an excluded prefix',
        '2001:db8:9::1 from fdfe:dcba:9876::1',
        'mirage0',
      ],
      ['one of our own sockets', '2001:db8:1::1 mark 0x4d49', 'eth0'],
      ['one bound to a source in ::/1', '2001:db8:1::1 from 2001:db8:20::2', 'eth0'],
      ['one bound to a source in 8000::/1', '2001:db8:1::1 from fd00:20::2', 'eth0'],
      ['one bound to an interface', '2001:db8:1::1 oif eth0', 'eth0'],
      ['multicast', 'ff02::fb oif eth0', 'eth0'],
      ['link-local', 'fe80::1 oif eth0', 'eth0'],
      ['a neighbour on the LAN', 'fd00:20::77', 'eth0'],
      ['DNS to a LAN address', 'fd00:20::1 ipproto udp dport 53', 'mirage0'],
      ['another port of that LAN address', 'fd00:20::1 ipproto tcp dport 443', 'eth0'],
      ['an excluded prefix', '2001:db8:9::1', 'eth0'],
      ['loopback', '::1', 'local'],
      ['an answer out of the TUN', 'fdfe:dcba:9876::1 from 2001:db8:1::1 iif mirage0', 'local'],
    ])('IPv6: %s', async (_who, query, expected) => {
      expect(await via(query)).toBe(expected);
    });

    test('every planned rule stands in the kernel, in the order of the plan', async () => {
      const shown = (await client.sh('ip rule')).split('\n').filter((line) => line.endsWith(' proto 153'));
      expect(shown).toEqual([
        '5380:\tfrom 198.18.0.1 iif lo lookup 5380 proto 153',
        '5381:\tfrom 198.18.0.1 iif lo unreachable proto 153',
        '5382:\tfrom all to 198.18.0.0/15 lookup 5380 proto 153',
        '5382:\tfrom all to 28.0.0.0/8 lookup 5380 proto 153',
        '5383:\tnot from all iif lo goto 5391 proto 153',
        '5384:\tfrom all fwmark 0x4d49 goto 5391 proto 153',
        '5384:\tfrom all to 224.0.0.0/4 goto 5391 proto 153',
        '5384:\tfrom all to 255.255.255.255 goto 5391 proto 153',
        '5384:\tfrom all to 203.0.113.0/24 goto 5391 proto 153',
        '5385:\tfrom all dport 53 goto 5388 proto 153',
        '5387:\tfrom all lookup main suppress_prefixlength 1 proto 153',
        '5388:\tfrom all nop proto 153',
        '5389:\tfrom 0.0.0.0 iif lo oif br0 goto 5391 proto 153',
        '5389:\tfrom 0.0.0.0 iif lo oif eth0 goto 5391 proto 153',
        '5389:\tfrom 0.0.0.0 iif lo oif eth1 goto 5391 proto 153',
        '5390:\tfrom 0.0.0.0 iif lo lookup 5380 proto 153',
        '5391:\tfrom all nop proto 153',
      ]);
    });

    test('applying again changes nothing and writes nothing', async () => {
      const before = [await state(), journal.changes()];
      await routes.apply(wanted);
      expect([await state(), journal.changes()]).toEqual(before);
    });

    test('what somebody deleted is put back; a prefix that is no longer wanted goes', async () => {
      await client.sh('ip rule del pref 5387; ip route flush table 5380');
      await routes.apply({ ...wanted, exclude: ['192.0.2.0/24'], fakeRanges: ['198.18.0.0/15'] });
      expect(await via('203.0.113.80')).toBe('mirage0');
      expect(await via('192.0.2.1')).toBe('eth0');
      expect(await via('10.20.0.77')).toBe('eth0');
      expect(await via('198.18.3.4 from 10.20.0.2')).toBe('mirage0');
      expect(await via('28.1.2.3 from 10.20.0.2')).toBe('eth0');
      await routes.apply(wanted);
      expect(await via('203.0.113.80')).toBe('eth0');
    });
  });

  describe('when the device is gone', () => {
    beforeAll(async () => {
      await routes.apply(wanted);
      await client.sh('ip link del mirage0');
    });
    afterAll(async () => {
      await client.sh(addTun);
      await routes.apply(undefined);
    });

    test.each([
      ['a stale fake address fails at once', '198.18.3.4', 'unreachable'],
      ['a retired one too', '28.1.2.3', 'unreachable'],
      ['from a container too', '198.18.3.4 from 172.30.0.2 iif br0', 'unreachable'],
      ['what was captured fails at once', '1.2.3.4', 'unreachable'],
      ['names asked of the LAN fail at once', '10.20.0.1 ipproto udp dport 53', 'unreachable'],
      ['names asked of a server outside fail at once', '8.8.8.8 ipproto tcp dport 53', 'unreachable'],
      ['IPv6 that was captured ends in the loopback', '2001:db8:1::1', 'lo'],
      ['and never goes on as from there', '2001:db8:1::1 from ::1', 'unreachable'],
      ['a socket bound to a device goes by it', '1.2.3.4 oif eth0', 'eth0'],
      ['a socket bound to a device goes by it, IPv6', '2001:db8:1::1 oif eth0', 'eth0'],
      ['one bound to a source address goes as before', '1.2.3.4 from 10.20.0.2', 'eth0'],
      ['our own sockets go', '1.2.3.4 mark 0x4d49', 'eth0'],
      ['the LAN is as before', '10.20.0.77', 'eth0'],
      ['an excluded prefix is as before', '203.0.113.80', 'eth0'],
      ['a container goes out as before', '1.2.3.4 from 172.30.0.2 iif br0', 'eth0'],
      ['a socket that still has the IPv6 source goes nowhere else', '2001:db8:1::1 from fdfe:dcba:9876::1', 'lo'],
      ['nor by another device', '2001:db8:1::1 from fdfe:dcba:9876::1 oif eth0', 'lo'],
    ])('%s', async (_who, query, expected) => {
      expect(await via(query)).toBe(expected);
    });

    test('an IPv6 socket that was not bound does not find another source by itself', async () => {
      const script = `import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.connect(('2001:db8:1::1', 7)); print(s.getsockname()[0])`;
      expect((await client.run('python3', ['-c', script])).stdout).toBe('::1\n');
    });

    test('a connection to a stale fake address fails in no time', async () => {
      // Where nobody answers who has an address, that takes three seconds.
      const result = await client.run('nc', ['-v', '-w', '2', '198.18.3.4', '80']);
      expect(result.stderr).toContain('No route to host');
    });
  });

  describe('prefixes in other words than the kernel has for them', () => {
    test.each<[string, string[]]>([
      ['host bits', ['192.0.2.77/24', '2001:db8:9::1/48']],
      ['twice', ['192.0.2.0/24', '192.0.2.9/24', '192.0.2.0/24', '2001:DB8::/32', '2001:db8:0::/32']],
      ['single addresses', ['192.0.2.7', '192.0.2.7/32', '2001:db8::7', '2001:db8::7/128']],
      ['IPv4 in IPv6', ['::ffff:192.0.2.0/120', '::ffff:192.0.2.7', '::ffff:10.0.0.0/104']],
      ['short prefixes', ['128.0.0.0/1', '0.0.0.0/1', '::/1', '8000::/1']],
      ['zero addresses', ['0.0.0.0/8', '0.0.0.0/32', '::/128', '::/96']],
      ['IPv6 with IPv4 at its end', ['64:ff9b::192.0.2.1/96', '::1.2.3.4/128', '2001:db8::1.2.3.0/120']],
      [
        'loopback, link-local, multicast',
        ['127.0.0.0/8', '::1', 'fe80::1/64', '224.0.0.0/4', 'ff02::/16', '255.255.255.255'],
      ],
      ['our own', ['198.18.0.1', 'fdfe:dcba:9876::/126']],
    ])('%s: applied, found again as they are, and removed', async (_what, exclude) => {
      await routes.apply(undefined);
      const before = await state();
      await routes.apply({ ...wanted, exclude });
      expect(await routes.missing()).toBe(0);
      const applied = await state();
      await routes.apply({ ...wanted, exclude });
      expect(await state()).toBe(applied);
      await routes.apply(undefined);
      expect(await state()).toBe(before);
      expect(journal.changes()).toEqual([]);
    });
  });

  describe.each<[string, string, string]>([
    [
      'wg-quick',
      'ip -6 route add default dev eth1 table 51820; ip -6 rule add not fwmark 0xca6c table 51820; ip -6 rule add table main suppress_prefixlength 0',
      'ip -6 rule del table 51820; ip -6 rule del table main suppress_prefixlength 0; ip -6 route flush table 51820',
    ],
    ['2000::/3', 'ip -6 route add 2000::/3 dev eth1', 'ip -6 route del 2000::/3 dev eth1'],
    ...[300, 13].map((preference): [string, string, string] => [
      `::/1 and 8000::/1 in a table of its own (preference ${preference})`,
      `ip -6 route add ::/1 dev eth1 table 77; ip -6 route add 8000::/1 dev eth1 table 77; ip -6 route add throw fd00::/8 table 77; ip -6 rule add pref ${preference} lookup 77`,
      `ip -6 rule del pref ${preference}; ip -6 route flush table 77`,
    ]),
  ])('IPv6 beside %s, that comes before us and after us', (_who, on, off) => {
    test.each([
      [true, 'before'],
      [false, 'after'],
    ])('first: %s (%s)', async (isFirst) => {
      if (!isFirst) await routes.apply(wanted);
      await client.sh(on);
      await routes.apply(wanted);
      expect({
        program: await via('2001:db8:1::1'),
        ours: await via('2001:db8:1::1 mark 0x4d49'),
        neighbour: await via('fd00:20::77'),
        dns: await via('fd00:20::1 ipproto udp dport 53'),
        excluded: await via('2001:db8:9::1'),
        reply: await via('2001:db8:1::1 from fdfe:dcba:9876::1'),
        ipv4: await via('1.2.3.4'),
        ours4: await via('1.2.3.4 mark 0x4d49'),
      }).toEqual({
        program: 'mirage0',
        ours: 'eth1',
        neighbour: 'eth0',
        dns: 'mirage0',
        excluded: 'eth1',
        reply: 'mirage0',
        ipv4: 'mirage0',
        ours4: 'eth0',
      });
      await client.sh(off);
      await routes.apply(undefined);
      expect(await client.sh('ip rule; ip -6 rule')).not.toMatch(/proto 153|51820|lookup 77/);
    });
  });

  describe('undo', () => {
    beforeEach(async () => {
      await routes.apply(undefined);
      await client.sh('ip link show mirage0 >/dev/null 2>&1 || { ' + addTun + '; }');
    });

    test('rules and routes are byte for byte as before; foreign ones beside ours are untouched', async () => {
      await client.sh(
        'ip rule add pref 5379 to 192.0.2.0/24 lookup 100; ip rule add pref 9000 from all lookup 2022; ip route add default dev eth1 table 2022; ip route add 192.0.2.0/24 dev eth1 table 100',
      );
      const before = await state();
      await routes.apply(wanted);
      expect(await state()).not.toBe(before);
      expect(journal.changes().length).toBeGreaterThan(20);
      await routes.apply(undefined);
      expect(await state()).toBe(before);
      expect(journal.changes()).toEqual([]);
      expect(directory.kinds()).toBeUndefined();
      await client.sh(
        'ip rule del pref 5379; ip rule del pref 9000; ip route flush table 2022; ip route flush table 100',
      );
    });

    test('the device may be gone by then', async () => {
      await routes.apply(wanted);
      await client.sh('ip link del mirage0');
      const gone = await client.sh('ip rule; ip -6 rule');
      await routes.apply(undefined);
      const left = await client.sh('ip rule; ip -6 rule; ip route show table all; ip -6 route show table all');
      expect(gone).toContain('5380');
      expect(left).not.toMatch(/53[89]\d|mirage0/);
    });

    test('somebody else in our table: a clear error, and nothing is changed', async () => {
      await client.sh(
        'ip route add 192.0.2.0/24 dev eth1 table 5380; ip rule add pref 5383 to 192.0.2.0/24 lookup 5380 protocol 153',
      );
      const before = await state();
      await expect(routes.apply(wanted)).rejects.toMatchObject({
        code: 'SYSTEM_ROUTES_FAILED',
        message: expect.stringContaining(
          'ip route 192.0.2.0/24 dev eth1 table 5380; ip rule pref 5383 to 192.0.2.0/24 lookup 5380',
        ),
      });
      expect(await state()).toBe(before);
      await client.sh('ip route flush table 5380; ip rule del pref 5383');
    });

    test('a failed start is taken back whole', async () => {
      const before = await state();
      await expect(routes.apply({ ...wanted, device: 'nosuch0' })).rejects.toMatchObject({
        code: 'SYSTEM_ROUTES_FAILED',
        message: 'ip -4 route add default dev nosuch0 table 5380 failed: Cannot find device "nosuch0"',
      });
      expect(await state()).toBe(before);
      expect(journal.changes()).toEqual([]);
    });

    test('without IPv6 its rules are left alone', async () => {
      const before = await client.sh('ip -6 rule; ip -6 route show table all');
      await routes.apply({ ...wanted, ipv6: false });
      expect(await client.sh('ip -6 rule; ip -6 route show table all')).toBe(before);
    });

    test('a thousand excluded prefixes are applied and removed in well under five seconds', async () => {
      const exclude = Array.from({ length: 1_000 }, (_, i) => `100.${64 + (i >> 8)}.${i & 255}.0/24`);
      const begun = performance.now();
      await routes.apply({ ...wanted, exclude });
      expect(await via('100.67.231.9')).toBe('eth0');
      await routes.apply(undefined);
      expect(performance.now() - begun).toBeLessThan(5_000);
    });
  });
});
