/**
 * Networks that few have, one a row: under MATCH,DIRECT what programs do every day has the same outcome as without us, seen by the
 * far side from the same address. With MIRAGE_ALL_NETWORKS=1 all rows are tried, else those that were mended once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Machine } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

interface Row {
  readonly title: string;
  readonly on: string;
  readonly off: string;
  /** The same of the second way's machine. */
  readonly there?: string;
  readonly thereOff?: string;
  /** The set-up comes while we run. */
  readonly later?: true;
  /** What is done besides, or instead where the key is the same; an empty text leaves something out. */
  readonly also?: Readonly<Record<string, string>>;
  /** Only with MIRAGE_ALL_NETWORKS=1. */
  readonly tail?: true;
}

const usual = 'ip route replace default via 10.20.0.1';
const table77 = 'ip route add default via 10.66.0.1 table 77';
const toTable77 = (...selectors: string[]) => ({
  on: [table77, ...selectors.map((selector) => `ip rule add pref 1000 ${selector} lookup 77`)].join('; '),
  off: [...selectors.map(() => 'ip rule del pref 1000'), 'ip route flush table 77'].join('; '),
});
const nft = (...chains: string[]) => ({
  on: `nft -f - <<'END'\n${['table inet others {', ...chains.flatMap((chain) => [chain, '']), '}'].join('\n')}\nEND`,
  off: 'nft delete table inet others',
});
const chain = (hook: string, ...rules: string[]): string =>
  [`chain c${hook.length} {`, `type ${hook};`, ...rules, '}'].join('\n');
/** Names are not asked for where the server of names is cut off as well: with us a program hears of that when it connects. */
const withoutNames = { name: '', userName: '', udpName: '', pingName: '', missing: '', text: '' };
const other = { other: 'tcp,203.0.113.99', udpOther: 'udp,203.0.113.99', pingOther: 'ping,203.0.113.99' };
const resolvConf = (text: string, more = ''): Pick<Row, 'on' | 'off'> => ({
  on: `cp /etc/resolv.conf /run/before; printf '%s' '${text}' > /etc/resolv.conf; ${more}`,
  off: 'cat /run/before > /etc/resolv.conf; [ ! -f /run/dnsmasq.pid ] || kill "$(cat /run/dnsmasq.pid)"',
});
const localResolver = (address: string, ...flags: string[]): string =>
  `dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --server=10.20.0.1 --listen-address=${address} --bind-interfaces --pid-file=/run/dnsmasq.pid --user=root --log-facility=/run/dnsmasq.log ${flags.join(' ')}`;
const nameLook = { long: 'getent,ahosts,portal', short: 'getent,ahosts,portal.lan.example' };

const rows: readonly Row[] = [
  { title: 'a table for a user', ...toTable77('uidrange 65534-65534'), also: { userName: '' } },
  {
    title: 'a table for a user, which comes while we run',
    ...toTable77('uidrange 65534-65534'),
    later: true,
    also: { userName: '' },
  },
  {
    title: 'a user for whom nothing leads out',
    on: 'ip rule add pref 1000 uidrange 65534-65534 unreachable',
    off: 'ip rule del pref 1000',
    also: { userName: '' },
  },
  {
    title: 'a firewall that refuses a user',
    ...nft(
      chain(
        'filter hook output priority 0',
        'meta skuid 65534 ip daddr 203.0.113.80 tcp dport 80 reject with tcp reset',
      ),
    ),
  },
  { title: 'a table with nothing but a default, before the main table', ...toTable77(''), also: withoutNames },
  { title: 'the same for TCP', ...toTable77('ipproto tcp'), also: { lanTcp: 'tcp,10.20.0.1,1080', ...withoutNames } },
  {
    title: 'a default for all but a group of devices',
    on: `${table77}; ip link set eth0 group 9; ip rule add pref 1000 lookup main suppress_ifgroup 9; ip rule add pref 1001 lookup 77`,
    off: 'ip rule del pref 1000; ip rule del pref 1001; ip link set eth0 group 0; ip route flush table 77',
    also: withoutNames,
  },
  {
    title: 'two uplinks by source, none in the main table',
    on: 'ip route del default; ip route add default via 10.20.0.1 table 71; ip route add default via 10.66.0.1 table 72; ip rule add pref 901 from 10.20.0.2 lookup 71; ip rule add pref 902 from 10.66.0.2 lookup 72; ip rule add pref 903 lookup 72',
    off: `ip rule del pref 901; ip rule del pref 902; ip rule del pref 903; ip route flush table 71; ip route flush table 72; ${usual}`,
    also: withoutNames,
  },
  { title: 'servers of names behind another table', ...toTable77('ipproto udp dport 53'), also: withoutNames },
  ...['blackhole', 'prohibit', 'unreachable'].map(
    (kind): Row => ({
      title: `a host that another table refuses: ${kind}`,
      on: `ip route add ${kind} 203.0.113.99 table 77; ip rule add pref 1000 lookup 77`,
      off: 'ip rule del pref 1000; ip route flush table 77',
      also: other,
    }),
  ),
  { title: 'no way out', on: 'ip route del default', off: usual, also: { ping: '', pingName: '' } },
  {
    title: 'no name server in resolv.conf: the machine itself',
    ...resolvConf('options timeout:1\n', localResolver('127.0.0.1')),
    also: { long: 'getent,ahosts,portal' },
  },
  {
    title: 'a name server in an old spelling',
    ...resolvConf('nameserver 10.20.1\nsearch lan.example\n'),
    also: nameLook,
  },
];

describeInLab('on unusual networks', () => {
  let world: World;
  let second: Machine;
  let mirage: Mirage;
  let plain: string;

  beforeAll(async () => {
    world = await World.create();
    second = await world.lab.machine('second');
    await world.lab.link(world.client, '10.66.0.2/24', second, '10.66.0.1/24');
    await second.sh(`for a in 203.0.113.80 203.0.113.99; do ip addr add $a/32 dev lo; done
ip route add 10.20.0.0/24 via 10.66.0.2; echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp; echo 1 > /proc/sys/net/ipv4/ip_forward
ip route add 203.0.113.0/24 dev lo`);
    await world.web.sh('ip addr add 203.0.113.99/32 dev lo');
    await Promise.all(
      [world.web, second].flatMap((machine) =>
        ['203.0.113.80', '203.0.113.99'].map(async (address) => {
          const server = machine.spawn(process.execPath, [
            new URL('../../support/web-server.ts', import.meta.url).pathname,
            address,
          ]);
          await server.printed(/ready/);
        }),
      ),
    );
    mirage = new Mirage(world.client);
    await mirage.start();
    plain = await world.client.networkState();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const everyday = {
    name: 'tcp,direct.example',
    address: 'tcp,203.0.113.80',
    user: '@65534 tcp,203.0.113.80',
    userName: '@65534 tcp,direct.example',
    userUdp: '@65534 udp,203.0.113.80',
    udp: 'udp,203.0.113.80',
    udpName: 'udp,direct.example',
    ping: 'ping,203.0.113.80',
    pingName: 'ping,direct.example',
    lan: 'ping,10.20.0.1',
    text: 'dig,direct.example,TXT',
    missing: 'dig,gone.example',
  };
  const ask = async (also: Row['also'] = {}): Promise<Record<string, string>> => {
    const asked = Object.entries({ ...everyday, ...also }).filter(([, what]) => what !== '');
    const program = new URL('../../support/everyday.py', import.meta.url).pathname;
    const words = asked.map(([key, what]) => `${key}=${what}`);
    const { stdout, stderr } = await world.client.run('python3', [program, ...words]);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Record<string, string>;
  };
  const isAll = process.env['MIRAGE_ALL_NETWORKS'] === '1';

  test.each(rows.filter(({ tail }) => isAll || tail !== true))(
    '$title',
    async ({ on, off, there, thereOff, later, also }) => {
      const change = async (): Promise<void> => {
        if (there !== undefined) await second.sh(there);
        await world.client.sh(on);
      };
      try {
        if (later === true) {
          await mirage.enhanced(profile(['MATCH,DIRECT']));
          await change();
          await sleep(500);
          const beside = await ask(also);
          await mirage.off();
          expect(beside).toEqual(await ask(also));
        } else {
          await change();
          const without = await ask(also);
          await mirage.enhanced(profile(['MATCH,DIRECT']));
          expect(await ask(also)).toEqual(without);
        }
      } finally {
        await mirage.off();
        await world.client.sh(off);
        if (thereOff !== undefined) await second.sh(thereOff);
      }
      expect(await world.client.networkState()).toBe(plain);
    },
  );
});
