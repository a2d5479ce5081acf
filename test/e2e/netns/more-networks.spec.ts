/**
 * More networks that few have, one a row: links, devices and rules of other programs, and how they change under us. Those that were
 * mended once are always tried, the others with MIRAGE_ALL_NETWORKS=1.
 */
import { describeNetworks, type Row } from '../../support/unusual-network.ts';

const usual = 'ip route replace default via 10.20.0.1';
const table77 = 'ip route add default via 10.66.0.1 table 77';
const toTable77 = (...selectors: string[]) => ({
  on: [table77, ...selectors.map((selector) => `ip rule add pref 1000 ${selector} lookup 77`)].join('; '),
  off: [...selectors.map(() => 'ip rule del pref 1000'), 'ip route flush table 77'].join('; '),
});
const withoutNames = { name: '', userName: '', udpName: '', pingName: '', missing: '', text: '' };
const size = {
  get: 'get,direct.example,300000',
  put: 'put,203.0.113.80,300000',
  large: 'echo,203.0.113.80,1400',
  larger: 'echo,203.0.113.80,4000',
};
/** Made for this. */
const keys = {
  here: 'cBRTnaQZjEldSNa4NOKwTvD1Ui0bJK+9H3qTJXzcx2c=',
  herePublic: 'MXQlnPRadmREQdSQcpx4btp+8x3sAuHwPJV/oDJYTnw=',
  there: 'SBGNbhXRnVx5oyCyyvHAcr91NV2Wvdell6jcmduvEkI=',
  therePublic: 'gWJVao5DPN/w75W3IAQh1wg4A8KP17YMpI3j1rFIsGk=',
};
const wireGuard = (key: string, peer: string, at: string): string =>
  `printf %s ${key} > /run/wg-key; LOG_LEVEL=error wireguard-go wg0 > /run/wg-log 2>&1; wg set wg0 private-key /run/wg-key listen-port 51820 fwmark 51820 peer ${peer} allowed-ips 0.0.0.0/0 endpoint ${at}:51820`;
const rpFilter = (value: number) => `for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo ${value} > $f; done`;

const mended: readonly Row[] = [
  {
    title: 'rules by source port: TCP',
    ...toTable77('ipproto tcp sport 40000-40010'),
    also: { from: 'tcp,203.0.113.80,80,40003', fromName: 'tcp,direct.example,80,40004' },
  },
  {
    title: 'rules by source port: UDP',
    ...toTable77('ipproto udp sport 40000-40010'),
    also: { from: 'udp,203.0.113.80,10,40003', fromName: 'udp,direct.example,10,40004' },
  },
  {
    title: 'rules by source port, all protocols',
    ...toTable77('sport 40005'),
    also: { from: 'udp,203.0.113.80,10,40005', fromName: 'tcp,direct.example,80,40005' },
  },
  {
    title: 'only one user has a way out',
    on: `ip route del default; ${table77}; ip rule add pref 1000 uidrange 65534-65534 lookup 77`,
    off: `ip rule del pref 1000; ip route flush table 77; ${usual}`,
    also: { ping: '', pingName: '', userName: '' },
  },
  {
    title: 'only one user has a way out, which comes while we run',
    on: `ip route del default; ${table77}; ip rule add pref 1000 uidrange 65534-65534 lookup 77`,
    off: `ip rule del pref 1000; ip route flush table 77; ${usual}`,
    later: true,
    also: { ping: '', pingName: '', userName: '' },
  },
];

/** Those that passed at once. */
const tail: readonly Row[] = [
  { title: 'rules by destination port: TCP', ...toTable77('ipproto tcp dport 80') },
  { title: 'rules by destination port: UDP', ...toTable77('ipproto udp dport 10') },
  { title: 'rules by a range of ports', ...toTable77('dport 1-200'), also: withoutNames },
  {
    title: 'only root has a way out',
    on: `ip route del default; ${table77}; ip rule add pref 1000 uidrange 0-0 lookup 77`,
    off: `ip rule del pref 1000; ip route flush table 77; ${usual}`,
    also: withoutNames,
  },
  {
    title: 'a macvlan device as the uplink',
    on: 'ip link add mv0 link eth1 type macvlan mode bridge; ip addr add 10.66.0.7/24 dev mv0; ip link set mv0 up; ip route replace default via 10.66.0.1 dev mv0',
    off: `ip link del mv0; ${usual}`,
  },
  {
    title: 'an address alone with a gateway beside it (/32, cloud machines)',
    on: 'ip addr flush dev eth1; ip addr add 10.66.0.2/32 dev eth1; ip route add 10.66.0.1 dev eth1; ip route replace default via 10.66.0.1 dev eth1',
    off: `ip addr flush dev eth1; ip addr add 10.66.0.2/24 dev eth1; ${usual}`,
  },
  {
    title: 'several defaults with metrics',
    on: 'ip route del default; ip route add default via 10.20.0.1 metric 600; ip route add default via 10.66.0.1 metric 100',
    off: `ip route del default; ip route del default; ${usual}`,
  },
  {
    title: 'the better of two defaults comes while we run',
    on: 'ip route del default; ip route add default via 10.20.0.1 metric 600; ip route add default via 10.66.0.1 metric 100',
    off: `ip route del default; ip route del default; ${usual}`,
    later: true,
  },
  ...[1, 2].map(
    (value): Row => ({
      title: `rp_filter=${value} with another table`,
      on: `${rpFilter(value)}; ${toTable77('ipproto udp dport 10').on}`,
      off: `${rpFilter(0)}; ${toTable77('ipproto udp dport 10').off}`,
    }),
  ),
  {
    title: 'a cgroup or mark with a mask of its own',
    ...toTable77('fwmark 0x100/0xff00'),
  },
  {
    title: 'a link with a small MTU on the way that tells nobody (black hole)',
    on: 'ip route replace default via 10.66.0.1',
    off: usual,
    there:
      "ip link set eth0 mtu 1300; nft add table ip bh; nft add chain ip bh o '{ type filter hook output priority 0; }'; nft add rule ip bh o icmp type destination-unreachable drop",
    thereOff: 'nft delete table ip bh; ip link set eth0 mtu 1500',
    also: size,
  },
  {
    title: 'the same with probing for the MTU by TCP',
    on: 'ip route replace default via 10.66.0.1; echo 2 > /proc/sys/net/ipv4/tcp_mtu_probing',
    off: `${usual}; echo 0 > /proc/sys/net/ipv4/tcp_mtu_probing`,
    there:
      "ip link set eth0 mtu 1300; nft add table ip bh; nft add chain ip bh o '{ type filter hook output priority 0; }'; nft add rule ip bh o icmp type destination-unreachable drop",
    thereOff: 'nft delete table ip bh; ip link set eth0 mtu 1500',
    also: size,
  },
  {
    title: 'a route with an MTU of its own',
    on: 'ip route replace default via 10.66.0.1 mtu lock 1200',
    off: usual,
    also: size,
  },
  {
    title: 'our address changes while we run (DHCP)',
    on: 'ip addr del 10.66.0.2/24 dev eth1; ip addr add 10.66.0.9/24 dev eth1; ip route replace default via 10.66.0.1',
    off: `ip addr flush dev eth1; ip addr add 10.66.0.2/24 dev eth1; ${usual}`,
    later: true,
  },
  {
    title: 'the link flaps while we run',
    on: `for i in 1 2 3 4; do ip link set eth0 down; sleep 0.1; ip link set eth0 up; sleep 0.1; ${usual}; done`,
    off: 'true',
    later: true,
  },
  {
    title: 'the default goes and comes back while we run',
    on: `ip route del default; sleep 1; ${usual}`,
    off: 'true',
    later: true,
  },
  {
    title: 'a default by the device alone (proxy ARP)',
    on: 'ip route replace default dev eth1 scope link',
    off: usual,
  },
  {
    title: 'WireGuard: all traffic, as wg-quick sets it',
    on: `${wireGuard(keys.here, keys.therePublic, '10.66.0.1')}; ip addr add 10.77.0.2/32 dev wg0; ip link set wg0 mtu 1420 up; ip route add default dev wg0 table 51820; ip rule add not fwmark 51820 table 51820; ip rule add table main suppress_prefixlength 0`,
    off: 'ip rule del table main suppress_prefixlength 0; ip rule del not fwmark 51820; ip link del wg0',
    there: `${wireGuard(keys.there, keys.herePublic, '10.66.0.2')}; ip addr add 10.77.0.1/32 dev wg0; ip link set wg0 mtu 1420 up; ip route add 10.77.0.2 dev wg0`,
    thereOff: 'ip link del wg0',
    also: { ...withoutNames, get: 'get,203.0.113.80,300000', put: 'put,203.0.113.80,300000' },
  },
];

describeNetworks('on more unusual networks', mended, tail);
