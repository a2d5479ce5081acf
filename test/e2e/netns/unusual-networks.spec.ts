/**
 * Networks that few have, one a row: under MATCH,DIRECT what programs do every day has the same outcome as without us, seen by the
 * far side from the same address. With MIRAGE_ALL_NETWORKS=1 all rows are tried, else those that were mended once.
 */
import { describeNetworks, type Row } from '../../support/unusual-network.ts';

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

/** Those that passed at once. */
const tail: readonly Row[] = [
  {
    title: 'another program marks all that is sent',
    ...nft(chain('route hook output priority -150', 'meta mark set 0x1')),
  },
  {
    title: 'marks are kept by connection tracking',
    ...nft(
      chain('route hook output priority -150', 'meta mark set ct mark'),
      chain('filter hook postrouting priority -150', 'ct mark set meta mark'),
    ),
  },
  {
    title: 'the default is in the table of that name',
    on: 'ip route del default; ip route add default via 10.66.0.1 table default',
    off: `ip route flush table default; ${usual}`,
  },
  {
    title: 'several ways for one default',
    on: 'ip route replace default nexthop via 10.66.0.1 nexthop via 10.66.0.1 dev eth1 onlink',
    off: usual,
  },
  {
    title: 'next hops as objects, and a group of them',
    on: 'ip nexthop add id 5 via 10.66.0.1 dev eth1; ip nexthop add id 6 via 10.66.0.1 dev eth1 onlink; ip nexthop add id 7 group 5/6; ip route replace default nhid 7',
    off: `${usual}; ip nexthop del id 7; ip nexthop del id 6; ip nexthop del id 5`,
  },
  {
    title: 'a gateway that is not on the link (onlink)',
    on: 'ip route replace default via 192.0.2.1 dev eth1 onlink',
    off: usual,
    there: 'ip addr add 192.0.2.1/32 dev lo',
    thereOff: 'ip addr del 192.0.2.1/32 dev lo',
  },
  {
    title: 'a link without addresses: the machine has one at the loopback',
    on: 'ip addr add 10.99.0.2/32 dev lo; ip route replace default via 10.66.0.1 dev eth1 onlink src 10.99.0.2',
    off: `${usual}; ip addr del 10.99.0.2/32 dev lo`,
    there: 'ip route add 10.99.0.2 via 10.66.0.2',
    thereOff: 'ip route del 10.99.0.2',
  },
  {
    title: 'point to point: an address with a peer, and a default by the device alone',
    on: 'ip addr add 10.99.0.2 peer 10.99.0.1 dev eth1; ip route replace default dev eth1 src 10.99.0.2',
    off: `${usual}; ip addr del 10.99.0.2 peer 10.99.0.1 dev eth1`,
    there: 'ip addr add 10.99.0.1/32 dev eth0; ip route add 10.99.0.2 dev eth0',
    thereOff: 'ip route del 10.99.0.2; ip addr del 10.99.0.1/32 dev eth0',
  },
  {
    title: 'IPv4 by an IPv6 gateway (RFC 5549)',
    on: 'ip route replace default via inet6 fe80::66 dev eth1',
    off: usual,
    there: 'ip -6 addr add fe80::66/64 dev eth0',
    thereOff: 'ip -6 addr del fe80::66/64 dev eth0',
  },
  ...[576, 1280, 9000].map(
    (mtu): Row => ({ title: `an MTU of ${mtu}`, on: `ip link set eth0 mtu ${mtu}`, off: 'ip link set eth0 mtu 1500' }),
  ),
  {
    title: 'an MTU that shrinks while we run',
    on: 'ip link set eth0 mtu 1280',
    off: 'ip link set eth0 mtu 1500',
    later: true,
  },
  ...['append', 'prepend'].map(
    (verb): Row => ({
      title: `two defaults of one metric (${verb})`,
      on: `ip route ${verb} default via 10.66.0.1`,
      off: 'ip route del default via 10.66.0.1',
    }),
  ),
  ...['blackhole', 'prohibit', 'unreachable'].map(
    (kind): Row => ({
      title: `a host that the main table refuses: ${kind}`,
      on: `ip route add ${kind} 203.0.113.99`,
      off: `ip route del ${kind} 203.0.113.99`,
      also: other,
    }),
  ),
  {
    title: 'a table that leads nowhere (throw)',
    on: 'ip route add throw default table 77; ip rule add pref 1000 lookup 77',
    off: 'ip rule del pref 1000; ip route flush table 77',
  },
  {
    title: 'switches of the kernel: src_valid_mark with strict rp_filter, ip_nonlocal_bind, fwmark_reflect',
    on: 'for f in net/ipv4/conf/*/rp_filter net/ipv4/conf/*/src_valid_mark net/ipv4/ip_nonlocal_bind net/ipv4/fwmark_reflect; do for g in /proc/sys/$f; do echo 1 > $g; done; done',
    off: 'for f in net/ipv4/conf/*/rp_filter net/ipv4/conf/*/src_valid_mark net/ipv4/ip_nonlocal_bind net/ipv4/fwmark_reflect; do for g in /proc/sys/$f; do echo 0 > $g; done; done',
  },
  {
    title: 'a bridge as the uplink',
    on: 'ip route del default; ip link add br0 type bridge; ip link set br0 up; ip addr flush dev eth0; ip link set eth0 master br0; ip addr add 10.20.0.2/24 dev br0; ip route add default via 10.20.0.1',
    off: `ip link del br0; ip addr add 10.20.0.2/24 dev eth0; ${usual}`,
  },
  {
    title: 'an overlay (VXLAN) for the internet',
    on: 'ip link add vx0 type vxlan id 7 remote 10.66.0.1 local 10.66.0.2 dstport 4789; ip addr add 10.88.0.2/24 dev vx0; ip link set vx0 up; ip route add default via 10.88.0.1 table 88; ip rule add pref 1000 to 203.0.113.0/24 lookup 88',
    off: 'ip rule del pref 1000; ip link del vx0',
    there:
      'ip link add vx0 type vxlan id 7 remote 10.66.0.2 local 10.66.0.1 dstport 4789; ip addr add 10.88.0.1/24 dev vx0; ip link set vx0 up',
    thereOff: 'ip link del vx0',
  },
  ...[
    ['of carriers (100.64.0.0/10)', '100.64.7.2/10', '100.64.0.1/10'],
    ['of the link (169.254.0.0/16)', '169.254.7.2/16', '169.254.0.1/16'],
    ['of two addresses (/31)', '192.0.2.8/31', '192.0.2.9/31'],
  ].map(
    ([what, here = '', there = '']): Row => ({
      title: `an uplink ${what}`,
      on: `ip addr add ${here} dev eth1; ip route replace default via ${there.split('/')[0]}`,
      off: `ip addr del ${here} dev eth1; ${usual}`,
      there: `ip addr add ${there} dev eth0`,
      thereOff: `ip addr del ${there} dev eth0`,
    }),
  ),
  {
    title: 'questions are led to a server by NAT',
    ...nft(chain('nat hook output priority -100', 'udp dport 53 ip daddr != 10.20.0.1 dnat ip to 10.20.0.1')),
  },
  {
    title: 'all is masqueraded',
    ...nft(chain('nat hook postrouting priority 100', 'oifname != "lo" masquerade fully-random')),
  },
  {
    title: 'no connection tracking',
    ...nft(
      chain('filter hook output priority -300', 'notrack'),
      chain('filter hook prerouting priority -300', 'notrack'),
    ),
  },
  {
    title: 'reverse paths are looked at by a firewall',
    ...nft(chain('filter hook prerouting priority -300', 'fib saddr . mark . iif oif missing drop')),
  },
  {
    title: 'the rules are flushed by another program, which puts back the usual ones',
    on: 'ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default; sleep 1',
    off: 'true',
    later: true,
  },
  ...(
    [
      ['tabs', 'nameserver\t\t10.20.0.1  \nsearch\tlan.example  \n'],
      [
        '30 servers',
        `nameserver 10.20.0.1\n${Array.from({ length: 29 }, (_, i) => `nameserver 10.20.0.${100 + i}\n`).join('')}search lan.example\n`,
      ],
      [
        'many options',
        'nameserver 10.20.0.1\nsearch lan.example\noptions rotate edns0 trust-ad single-request-reopen ndots:5\n',
      ],
      ['ndots:0', 'nameserver 10.20.0.1\nsearch lan.example\noptions ndots:0\n'],
      ['use-vc', 'nameserver 10.20.0.1\nsearch lan.example\noptions use-vc\n'],
      ['no-aaaa', 'nameserver 10.20.0.1\nsearch lan.example\noptions no-aaaa\n'],
      ['a domain', 'search other.example\ndomain lan.example\nnameserver 10.20.0.1\n'],
      ['unknown words', '; c\nfoo bar\nsortlist 10.0.0.0/8\nnameserver 10.20.0.1\nsearch lan.example'],
      [
        'a search list of eight',
        'nameserver 10.20.0.1\nsearch a.example b.example c.example d.example e.example f.example g.example lan.example\n',
      ],
      ['capitals', 'NAMESERVER 10.66.0.1\nnameserver 10.20.0.1\nsearch LAN.Example.\n'],
      ['a first server where nobody is', 'nameserver 127.0.0.1\nnameserver 10.20.0.1\nsearch lan.example\n'],
    ] as const
  ).map(([what, text]): Row => ({ title: `resolv.conf with ${what}`, ...resolvConf(text), also: nameLook })),
  {
    title: 'a forwarder at another address of the loopback, with ports and a source of its own',
    ...resolvConf(
      'nameserver 127.0.0.53\nsearch lan.example\n',
      localResolver('127.0.0.53', '--server=10.20.0.1@10.20.0.2#5355', '--query-port=5356'),
    ),
    also: nameLook,
  },
];

describeNetworks('on unusual networks', rows, tail);
