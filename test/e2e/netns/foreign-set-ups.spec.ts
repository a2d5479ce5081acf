/**
 * Other set-ups of a machine's network, one a row: under MATCH,DIRECT everything that people do has the same outcome, and is seen by
 * the far side from the same address, as on the same machine without us. VPNs are in vpn.spec.
 */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Machine } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const askWho = `
const s = require('dgram').createSocket('udp4'); s.on('error', (e) => { console.log(e.code); s.close(); });
s.on('message', (m) => { console.log(String(m).replace('client=', '')); s.close(); }); s.send('x', 10, '203.0.113.80');
setTimeout(() => { console.log('silence'); process.exit(); }, 1500 * Number(process.argv[1])).unref();`;

/** Another default, for what a rule leads to table 77. */
const table77 = 'ip route add default via 10.66.0.1 table 77';
const toTable77 = (rule: string): [string, string] => [
  `${table77}; ip rule add pref 1000 ${rule} lookup 77`,
  'ip rule del pref 1000; ip route flush table 77',
];
const nft = (...lines: string[]): [string, string] => [
  `nft -f - <<'END'\n${['table inet others {', ...lines, '}'].join('\n')}\nEND`,
  'nft delete table inet others',
];
const usual = 'ip route replace default via 10.20.0.1';

const setups: readonly [string, string, string][] = [
  ['nothing else', 'true', 'true'],
  [
    'two defaults with metrics, the second way is better',
    'ip route del default; ip route add default via 10.20.0.1 metric 600; ip route add default via 10.66.0.1 metric 100',
    `ip route del default; ip route del default; ${usual}`,
  ],
  [
    'two defaults with metrics, the first way is better',
    'ip route add default via 10.66.0.1 metric 100',
    'ip route del default via 10.66.0.1',
  ],
  ['OpenVPN redirect-gateway', 'ip route replace default via 10.66.0.1', usual],
  [
    'OpenVPN redirect-gateway def1 bypass-dhcp',
    'ip route add 203.0.113.9 via 10.20.0.1; ip route add 10.20.0.1 dev eth0; ip route add 0.0.0.0/1 via 10.66.0.1; ip route add 128.0.0.0/1 via 10.66.0.1',
    'ip route del 203.0.113.9; ip route del 10.20.0.1; ip route del 0.0.0.0/1; ip route del 128.0.0.0/1',
  ],
  ['WireGuard with Table = off: one network', 'ip route add 203.0.113.80 via 10.66.0.1', 'ip route del 203.0.113.80'],
  ['a rule for TCP to port 80', ...toTable77('ipproto tcp dport 80')],
  ['a rule for a host', ...toTable77('to 203.0.113.80')],
  ['a rule for a device that is chosen', ...toTable77('oif eth1')],
  ['a rule for a source that is chosen', ...toTable77('from 10.66.0.2')],
  ['a rule for the type of service of pings', ...toTable77('tos 0x10')],
  [
    'a preferred source',
    'ip addr add 10.20.0.55/24 dev eth0; ip route replace default via 10.20.0.1 src 10.20.0.55',
    `${usual}; ip addr del 10.20.0.55/24 dev eth0`,
  ],
  ['a small MTU of the route', 'ip route replace default via 10.20.0.1 mtu 1280 advmss 1200', usual],
  ['a default on the link, by proxy ARP', 'ip route replace default dev eth1', usual],
  [
    'strict rp_filter, as NetworkManager and many distributions set it',
    'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done',
    'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done',
  ],
  [
    'a firewall that lets in only what belongs to a conversation (ufw, firewalld)',
    ...nft(
      'chain input { type filter hook input priority 0; policy drop; iifname "lo" accept; ct state established,related accept; ct state invalid drop; }',
      'chain forward { type filter hook forward priority 0; policy drop; }',
    ),
  ],
  [
    'a firewall that refuses by RST what belongs to no conversation',
    ...nft(
      'chain input { type filter hook input priority 0; iifname "lo" accept; ct state established,related accept; meta l4proto tcp reject with tcp reset; reject; }',
    ),
  ],
  [
    'a firewall that drops a port on its way out',
    ...nft('chain output { type filter hook output priority 0; ip daddr 203.0.113.80 tcp dport 80 drop; }'),
  ],
  [
    'a firewall that refuses a port on its way out',
    ...nft(
      'chain output { type filter hook output priority 0; ip daddr 203.0.113.80 tcp dport 80 reject with tcp reset; }',
    ),
  ],
  [
    'destination NAT of what this machine sends',
    ...nft('chain output { type nat hook output priority -100; ip daddr 203.0.113.99 dnat ip to 203.0.113.80; }'),
  ],
  [
    'a bridge of containers, with NAT and forwarding',
    `ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up; echo 1 > /proc/sys/net/ipv4/ip_forward; ${nft('chain post { type nat hook postrouting priority 100; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; }')[0]}`,
    'nft delete table inet others; ip link del docker0; echo 0 > /proc/sys/net/ipv4/ip_forward',
  ],
  [
    'an address of this machine at the loopback',
    'ip addr add 203.0.113.99/32 dev lo',
    'ip addr del 203.0.113.99/32 dev lo',
  ],
  [
    'a network that is local as a whole',
    'ip route add local 203.0.113.96/28 dev lo',
    'ip route del local 203.0.113.96/28 dev lo',
  ],
];

describeInLab('beside other set-ups', () => {
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
      [world.web, second].map(async (machine) => {
        const server = machine.spawn(process.execPath, [
          new URL('../../support/web-server.ts', import.meta.url).pathname,
          '203.0.113.80',
        ]);
        await server.printed(/ready/);
      }),
    );
    mirage = new Mirage(world.client);
    await mirage.start();
    plain = await world.client.networkState();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const run = async (...words: string[]) => await world.client.run(words[0] ?? '', words.slice(1));
  /** What is said within so many seconds. */
  const ask = async (patience: string): Promise<Record<string, string>> => {
    /** From which address the far side was asked, or how it failed. */
    const curlBy = async (command: string[], host: string, ...options: string[]): Promise<string> => {
      const { code, stdout } = await run(...command, 'curl', '-sS', '-m', patience, ...options, `http://${host}/`);
      return /client=(\S+)/.exec(stdout)?.[1] ?? `curl: ${code}`;
    };
    const curl = async (host: string): Promise<string> => await curlBy([], host);
    const bound = async (source: string): Promise<string> => await curlBy([], '203.0.113.80', '--interface', source);
    const ping = async (...words: string[]): Promise<string> =>
      /\d received/.exec((await run('ping', '-n', '-c', '1', '-W', patience, ...words)).stdout)?.[0] ?? 'failed';
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const [name, address, other, datagram, pingName, pingAddress, pingLow, text, boundDevice, boundSource, user, lan] =
      await Promise.all([
        curl('direct.example'),
        curl('203.0.113.80'),
        curl('203.0.113.99'),
        run(process.execPath, '-e', askWho, patience).then(({ stdout }) => stdout.trim()),
        ping('direct.example'),
        ping('203.0.113.80'),
        ping('-Q', '0x10', '203.0.113.80'),
        run(...`dig +short +time=${patience} +tries=1 @10.20.0.1 direct.example TXT`.split(' ')).then(({ stdout }) =>
          stdout.trim(),
        ),
        bound('eth1'),
        bound('10.66.0.2'),
        curlBy(nobody, '203.0.113.80'),
        ping('10.20.0.1'),
      ]);
    return {
      name,
      address,
      other,
      datagram,
      pingName,
      pingAddress,
      pingLow,
      text,
      boundDevice,
      boundSource,
      user,
      lan,
    };
  };

  test.each(setups)('%s', async (_what, on, off) => {
    await world.client.sh(on);
    const compare = async (patience: string) => {
      const without = await ask(patience);
      await mirage.enhanced(profile(['MATCH,DIRECT']));
      const beside = await ask(patience);
      await mirage.off();
      return { without, beside };
    };
    try {
      let { without, beside } = await compare('1');
      // A busy machine may need longer: what differs then is compared anew, with more patience.
      if (!isDeepStrictEqual(without, beside)) ({ without, beside } = await compare('8'));
      expect(beside).toEqual(without);
    } finally {
      await mirage.off();
      await world.client.sh(off);
    }
    expect(await world.client.networkState()).toBe(plain);
  });
});
