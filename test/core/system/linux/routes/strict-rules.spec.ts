import { describe, expect, test } from 'vitest';
import { readOtherRules } from '../../../../../core/system/linux/routes/other-rules.ts';
import { noOthers, type Others } from '../../../../../core/system/linux/routes/route-plan.ts';
import { rulesIn, strictScript, unredirectedScript } from '../../../../../core/system/linux/routes/strict-rules.ts';
import type { RouteConfig } from '../../../../../core/system/routes.ts';

const wanted: RouteConfig = {
  capture: 'everything',
  device: 'mirage0',
  tunAddress4: '198.18.0.1',
  mark: 0x4d49,
  otherDevices: ['eth0'],
  fakeRanges: ['198.18.0.0/15'],
  exclude: ['192.0.2.0/24', '2001:db8::/32'],
  ipv6: false,
  strict: true,
  sparedMark: 0x4d4a,
};

/** What `ip` shows of others: rules, and the routes of tables. */
function others(rules: object[], routes: Record<number, string[]>): Others {
  const read = readOtherRules(rules.map((rule) => ({ ...rule })));
  const tables = Object.entries(routes).map(
    ([table, prefixes]) => [Number(table), prefixes.map((prefix) => ({ prefix, hop: 'eth1' }))] as const,
  );
  return { ...noOthers, 4: { rules: read, routes: new Map(tables) } };
}
const main = { priority: 32_766, src: 'all', table: '254' };
const lines = (script: string, pattern: RegExp): string[] => script.split('\n').filter((line) => pattern.test(line));

test('the whole of it', () => {
  const script = strictScript(wanted, others([main], { 254: ['10.20.0.0/24', '192.168.77.0/24'] }));
  expect(script.replaceAll(' inet mirage_strict', '').split('\n')).toEqual([
    'add table',
    'add set near4 { type ipv4_addr; flags interval; auto-merge; }',
    'add set always4 { type ipv4_addr; flags interval; auto-merge; }',
    'add set callers4 { type ipv4_addr . inet_service . inet_service; flags dynamic,timeout; timeout 3m; size 16384; }',
    'add set near6 { type ipv6_addr; flags interval; auto-merge; }',
    'add set always6 { type ipv6_addr; flags interval; auto-merge; }',
    'add set callers6 { type ipv6_addr . inet_service . inet_service; flags dynamic,timeout; timeout 3m; size 16384; }',
    'add chain heard { type filter hook input priority 300; policy accept; }',
    'add chain leaving { type filter hook output priority 300; policy accept; }',
    'add chain judged { }',
    'flush chain heard',
    'flush chain leaving',
    'flush chain judged',
    'flush set always4',
    'add element always4 { 224.0.0.0/4, 255.255.255.255, 192.0.2.0/24 }',
    'flush set near4',
    'add element near4 { 10.20.0.0/24, 192.168.77.0/24 }',
    'flush set always6',
    'add element always6 { ff00::/8, fe80::/10, 2001:db8::/32 }',
    'flush set near6',
    'add rule heard iifname { "lo", "mirage0" } return',
    'add rule heard socket mark 0x4d49 return',
    'add rule heard meta nfproto ipv4 meta l4proto { udp, udplite } update @callers4 { ip saddr . th sport . th dport }',
    'add rule heard meta nfproto ipv6 meta l4proto { udp, udplite } update @callers6 { ip6 saddr . th sport . th dport }',
    'add rule leaving oifname { "lo", "mirage0" } accept',
    'add rule leaving ip saddr 198.18.0.1 drop',
    'add rule leaving meta mark 0x4d49 accept',
    'add rule leaving meta mark 0x4d4a accept',
    'add rule leaving ip daddr @always4 accept',
    'add rule leaving ip6 daddr @always6 accept',
    'add rule leaving meta nfproto ipv6 accept',
    'add rule leaving meta l4proto { tcp, udp } th dport 53 goto judged',
    'add rule leaving ip daddr @near4 accept',
    'add rule leaving ip6 daddr @near6 accept',
    'add rule leaving goto judged',
    'add rule judged tcp flags & (syn | ack) == syn counter reject with tcp reset',
    'add rule judged udp sport 68 udp dport 67 accept',
    'add rule judged udp sport 546 udp dport 547 accept',
    'add rule judged meta nfproto ipv4 meta l4proto { udp, udplite } ip daddr . th dport . th sport @callers4 accept',
    'add rule judged meta nfproto ipv6 meta l4proto { udp, udplite } ip6 daddr . th dport . th sport @callers6 accept',
    'add rule judged meta l4proto { udp, udplite } counter drop',
    'add rule judged icmp type { echo-request, timestamp-request, info-request, address-mask-request } counter drop',
    'add rule judged icmpv6 type echo-request counter drop',
    'add rule judged meta l4proto sctp @th,96,8 1 counter drop',
    'add rule judged meta l4proto dccp @th,67,4 0 counter drop',
  ]);
  expect(rulesIn(script)).toBe(25);
});

test('IPv6 is judged where it is captured', () => {
  const script = strictScript({ ...wanted, ipv6: true, tunPrefix6: 'fdfe:dcba:9876::/126' }, noOthers);
  expect(script).not.toContain('meta nfproto ipv6 accept');
  expect(script).toContain('leaving ip6 saddr fdfe:dcba:9876::/126 drop');
});

describe('what others route', () => {
  const wg = { priority: 5209, not: null, src: 'all', fwmark: '0xca6c', table: '51820' };
  test.each<[string, object[], Record<number, string[]>, string]>([
    ['nothing', [main], {}, ''],
    ['a default in halves is no network', [main], { 254: ['0.0.0.0/1', '128.0.0.0/1', '10.8.0.0/24'] }, '10.8.0.0/24'],
    ['a VPN for everything has none', [wg, main], { 51820: [], 254: ['10.20.0.0/24'] }, '10.20.0.0/24'],
    [
      'networks behind another table',
      [{ priority: 5270, src: 'all', table: '52' }, main],
      { 52: ['100.64.0.7/32', '192.168.5.0/24'], 254: [] },
      '192.168.5.0/24, 100.64.0.7',
    ],
    [
      'a rule for one network',
      [{ priority: 100, src: 'all', dst: '10.5.0.0', dstlen: 16, table: '77' }, main],
      { 77: ['10.5.1.0/24'], 254: [] },
      '10.5.0.0/16',
    ],
    [
      'a rule for all but a piece',
      [{ priority: 100, src: 'all', dst: '0.0.0.0', dstlen: 1, table: '77' }],
      { 77: [] },
      '',
    ],
    [
      'a rule for one source is of no concern',
      [{ priority: 9, src: '10.0.0.1', table: '77' }],
      { 77: ['10.5.1.0/24'] },
      '',
    ],
  ])('%s', (_what, rules, routes, near) => {
    const found = lines(strictScript(wanted, others(rules, routes)), /^add element inet mirage_strict near4/);
    expect(found).toEqual(near === '' ? [] : [`add element inet mirage_strict near4 { ${near} }`]);
  });

  test('their marks pass, with a mask too', () => {
    const tailscale = { priority: 5210, src: 'all', fwmark: '0x80000', fwmask: '0xff0000', table: '254' };
    expect(lines(strictScript(wanted, others([wg, tailscale], {})), /meta mark/)).toEqual([
      'add rule inet mirage_strict leaving meta mark 0x4d49 accept',
      'add rule inet mirage_strict leaving meta mark 0x4d4a accept',
      'add rule inet mirage_strict leaving meta mark 0xca6c accept',
      'add rule inet mirage_strict leaving meta mark and 0xff0000 == 0x80000 accept',
    ]);
  });

  test('of too many networks the widest are kept', () => {
    const many = Array.from({ length: 9_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/${i === 8_999 ? 23 : 24}`);
    const [line = ''] = lines(strictScript(wanted, others([main], { 254: many })), /^add element \S+ \S+ near4/);
    expect(line.match(/\//g)?.length).toBe(4_096);
    expect(line).toContain('{ 10.35.38.0/23, ');
  });
});

test.each([false, true])(
  'redirects of others are kept from what enters the TUN, and from our own questions: %s',
  (relays) => {
    const script = unredirectedScript({ ...wanted, relays });
    expect(lines(script, /priority/)).toEqual([
      'add chain inet mirage_strict unredirected { type nat hook output priority -199; policy accept; }',
    ]);
    const added = lines(script, /^add rule/).map((line) =>
      line.replace('add rule inet mirage_strict unredirected ', ''),
    );
    const to4 = 'dnat ip to ip daddr';
    const to6 = 'dnat ip6 to ip6 daddr';
    expect(added).toEqual([
      `meta nfproto ipv4 oifname "mirage0" meta l4proto { tcp, udp } ${to4}`,
      `meta nfproto ipv6 oifname "mirage0" meta l4proto { tcp, udp } ${to6}`,
      ...(relays
        ? [
            'udp length 8 accept',
            `meta nfproto ipv4 meta mark 0x4d49 oifname != "lo" th dport 53 ${to4}`,
            `meta nfproto ipv6 meta mark 0x4d49 oifname != "lo" th dport 53 ${to6}`,
          ]
        : []),
    ]);
  },
);
