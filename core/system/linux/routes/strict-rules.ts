/**
 * The packet filter of `strict-route`: what programs of this machine send around the TUN by binding a socket to an address or a
 * device, or because a VPN's rules come first for a moment, is refused. Pure: the text for nft(8).
 *
 * Only what begins a conversation is refused (a TCP SYN, a datagram to whoever has not spoken, a ping), so servers answer, and
 * connections that were open before go on; and all that has the TUN's source address. Forwarded packets do not pass here.
 */

import type { Family, RouteConfig } from '../../routes.ts';
import { piecesOf } from './default-pieces.ts';
import { lookups, mainTable, marks } from './other-rules.ts';
import { linkPrefixes, type Others } from './route-plan.ts';

/** The table that is ours alone, in the family `inet`. */
export const strictTable = 'mirage_strict';

/** Networks that may be reached around the TUN; of more the widest are kept, and the others go into it. */
const mostNetworks = 4_096;
/** Callers of UDP sockets remembered, and for how long after their last datagram (RFC 4787, REQ-5: at least 2 minutes). */
const mostCallers = 16_384;
const callerTime = '3m';
/** After everybody else's filters: what they drop has not been heard, and needs no judgement. */
const hook = (name: string) => `{ type filter hook ${name} priority 300; policy accept; }`;
const families = [4, 6] as const;
const words = {
  4: { protocol: 'ip', type: 'ipv4_addr', nfproto: 'ipv4' },
  6: { protocol: 'ip6', type: 'ipv6_addr', nfproto: 'ipv6' },
} as const;
const datagrams = 'meta l4proto { udp, udplite }';

/**
 * Makes the table as wanted in one transaction, whether or not it is there; callers that were noted stay. What rules and routes
 * say of `others` holds here too: their networks and marks pass.
 */
export function strictScript(wanted: RouteConfig, others: Others): string {
  const covered = families.filter((family) => family === 4 || wanted.ipv6);
  return [
    `add table inet ${strictTable}`,
    ...families.flatMap((family) => [
      add('set', `near${family}`, `{ type ${words[family].type}; flags interval; auto-merge; }`),
      add('set', `always${family}`, `{ type ${words[family].type}; flags interval; auto-merge; }`),
      add(
        'set',
        `callers${family}`,
        `{ type ${words[family].type} . inet_service . inet_service; flags dynamic,timeout; timeout ${callerTime}; size ${mostCallers}; }`,
      ),
    ]),
    add('chain', 'heard', hook('input')),
    add('chain', 'leaving', hook('output')),
    add('chain', 'judged', '{ }'),
    ...['heard', 'leaving', 'judged'].map((chain) => `flush chain inet ${strictTable} ${chain}`),
    ...families.flatMap((family) => [
      ...fill(`always${family}`, alwaysNear(wanted, family)),
      ...fill(`near${family}`, networksOf(others, family)),
    ]),
    ...rules('heard', heard(wanted)),
    ...rules('leaving', leaving(wanted, others, covered)),
    ...rules('judged', judged),
  ].join('\n');
}

/**
 * Keeps redirects (DNAT) of others from what enters the TUN, and with `relays` from our own questions to servers elsewhere: the first
 * chain that says where a conversation goes decides for all, so one that says "where it goes" ends the search. Before every other
 * one: `dstnat` is -100, and no chain of NAT may stand before -199.
 */
export function unredirectedScript({ device, mark, relays }: UnredirectedConfig): string {
  const to = { 4: 'dnat ip to ip daddr', 6: 'dnat ip6 to ip6 daddr' } as const;
  const kept = (what: string) =>
    families.map((family) => `meta nfproto ${words[family].nfproto} ${what} ${to[family]}`);
  return [
    `add table inet ${strictTable}`,
    add('chain', 'unredirected', '{ type nat hook output priority -199; policy accept; }'),
    `flush chain inet ${strictTable} unredirected`,
    ...rules('unredirected', [
      ...kept(`oifname "${device}" meta l4proto { tcp, udp }`),
      // Empty datagrams ask where questions would be led.
      ...(relays ? ['udp length 8 accept', ...kept(`meta mark ${hex(mark)} oifname != "lo" th dport 53`)] : []),
    ]),
  ].join('\n');
}

type UnredirectedConfig = Pick<RouteConfig, 'device' | 'mark'> & NonNullable<RouteConfig['unredirected']>;

/** Removes the table; nothing happens when there is none. */
export const removalScript = `add table inet ${strictTable}\ndelete table inet ${strictTable}`;

/** How many rules a script makes. */
export function rulesIn(script: string): number {
  return script.split('\n').filter((line) => line.startsWith('add rule ')).length;
}

/** Who has spoken to which port of ours. Not to our own sockets, which need no leave, and have thousands of peers. */
function heard({ device, mark }: RouteConfig): string[] {
  return [
    `iifname { "lo", "${device}" } return`,
    `socket mark ${hex(mark)} return`,
    ...families.map((family) => {
      const { protocol, nfproto } = words[family];
      return `meta nfproto ${nfproto} ${datagrams} update @callers${family} { ${protocol} saddr . th sport . th dport }`;
    }),
  ];
}

function leaving(
  { device, mark, sparedMark, tunAddress4, tunPrefix6 }: RouteConfig,
  others: Others,
  covered: readonly Family[],
) {
  const marked = new Set([hex(mark), hex(sparedMark), ...families.flatMap((family) => marks(others[family]))]);
  return [
    `oifname { "lo", "${device}" } accept`,
    // Connections through the TUN wait until it is their way again.
    `ip saddr ${tunAddress4} drop`,
    ...(tunPrefix6 === undefined ? [] : [`ip6 saddr ${tunPrefix6} drop`]),
    ...[...marked].map((each) => `meta mark ${maskedMark(each)} accept`),
    ...families.map((family) => `${words[family].protocol} daddr @always${family} accept`),
    ...(covered.includes(6) ? [] : ['meta nfproto ipv6 accept']),
    // Questions to servers on the LAN are ours too.
    'meta l4proto { tcp, udp } th dport 53 goto judged',
    ...families.map((family) => `${words[family].protocol} daddr @near${family} accept`),
    'goto judged',
  ];
}

/** Other protocols are left alone: tunnels of the administrator, which no TUN can carry. */
const judged: readonly string[] = [
  // At once: an ICMP error that comes while connect(2) is under way is heard at the first repetition only.
  'tcp flags & (syn | ack) == syn counter reject with tcp reset',
  // DHCP: clients bind to the device, before there is an address (RFC 2131) and to renew it (RFC 8415).
  'udp sport 68 udp dport 67 accept',
  'udp sport 546 udp dport 547 accept',
  ...families.map((family) => {
    const { protocol, nfproto } = words[family];
    return `meta nfproto ${nfproto} ${datagrams} ${protocol} daddr . th dport . th sport @callers${family} accept`;
  }),
  `${datagrams} counter drop`,
  'icmp type { echo-request, timestamp-request, info-request, address-mask-request } counter drop',
  'icmpv6 type echo-request counter drop',
  // The first chunk is INIT (RFC 9260), the type is DCCP-Request (RFC 4340).
  'meta l4proto sctp @th,96,8 1 counter drop',
  'meta l4proto dccp @th,67,4 0 counter drop',
];

function alwaysNear({ exclude }: RouteConfig, family: Family): string[] {
  const own = exclude.filter((prefix) => prefix.includes(':') === (family === 6));
  return [...linkPrefixes[family], ...own];
}

/** What is more specific than a default, as `route-plan.ts` leads it past the TUN. */
function networksOf(others: Others, family: Family): string[] {
  const found = lookups(others[family]).flatMap(({ table, to }) => {
    const { rest } = piecesOf(others[family].routes.get(table) ?? [], family);
    if (to === undefined) return rest;
    if (table === mainTable || piecesOf([{ prefix: to, hop: '' }], family).pieces > 0) return [];
    return [{ prefix: 0, text: to }];
  });
  const widestFirst = found.toSorted((a, b) => a.prefix - b.prefix).map(({ text }) => text);
  return [...new Set(widestFirst)].slice(0, mostNetworks);
}

function fill(set: string, prefixes: readonly string[]): string[] {
  const flush = `flush set inet ${strictTable} ${set}`;
  return prefixes.length === 0 ? [flush] : [flush, add('element', set, `{ ${prefixes.join(', ')} }`)];
}

function rules(chain: string, texts: readonly string[]): string[] {
  return texts.map((text) => add('rule', chain, text));
}

function add(what: string, name: string, text: string): string {
  return `add ${what} inet ${strictTable} ${name} ${text}`;
}

/** `0x80000/0xff0000` of ip-rule(8) as nft puts it. */
function maskedMark(mark: string): string {
  const [value = '', mask] = mark.split('/');
  return mask === undefined ? value : `and ${mask} == ${value}`;
}

function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}
