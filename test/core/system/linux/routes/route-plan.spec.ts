import { describe, expect, test } from 'vitest';
import type { OtherRoute } from '../../../../../core/system/linux/routes/default-pieces.ts';
import { isOurShape } from '../../../../../core/system/linux/routes/leftover-routes.ts';
import { readOtherRules } from '../../../../../core/system/linux/routes/other-rules.ts';
import {
  chooseBase,
  firstBefore,
  type Others,
  planRoutes,
  steps,
} from '../../../../../core/system/linux/routes/route-plan.ts';
import type { JsonObject } from '../../../../../core/system/linux/routes/rule-text.ts';
import type { Family, RouteConfig } from '../../../../../core/system/routes.ts';

const base: RouteConfig = {
  capture: 'everything',
  device: 'mirage0',
  tunAddress4: '198.18.0.1',
  mark: 0x4d49,
  otherDevices: [],
  tunPrefix6: 'fdfe:dcba:9876::1/126',
  fakeRanges: ['198.18.0.0/15'],
  exclude: [],
  ipv6: false,
  strict: false,
  sparedMark: 0x4d4a,
};
/** The machine's own rule, as `ip -N -j rule` shows it. */
const mainRule = { priority: 32_766, src: 'all', table: '254' };
const lan: OtherRoute[] = [
  { prefix: '10.20.0.0/24', hop: 'eth0' },
  { prefix: '172.17.0.0/16', hop: 'docker0' },
];
/** Rules and tables of IPv4 (or of IPv6 alone) beside the machine's own. */
function othersWith(rules: JsonObject[], tables: Record<number, OtherRoute[]>, family: Family = 4): Others {
  const all = readOtherRules([...rules, mainRule].toSorted((a, b) => Number(a.priority) - Number(b.priority)));
  const routes = new Map(Object.entries(tables).map(([table, list]) => [Number(table), list]));
  const plain = { rules: readOtherRules([mainRule]), routes: new Map() };
  return { 4: plain, 6: plain, [family]: { rules: all, routes } };
}
const text = (config: RouteConfig, others = othersWith([], { 254: lan })): string =>
  planRoutes(config, others)
    .map((entry) => `${entry.family} ${entry.kind} ${entry.text}`)
    .join('\n');

describe('the plan', () => {
  test('IPv4', () => {
    expect(text(base)).toBe(
      `
4 route default dev mirage0
4 route unreachable default metric 4294967295
4 route 198.18.0.0/15 dev mirage0 metric 1
4 route unreachable 198.18.0.0/15 metric 4294967295
4 rule pref 5391 nop
4 rule pref 5380 from 198.18.0.1 iif lo lookup 5380
4 rule pref 5381 from 198.18.0.1 iif lo unreachable
4 rule pref 5382 to 198.18.0.0/15 lookup 5380
4 rule pref 5383 not iif lo goto 5391
4 rule pref 5384 fwmark 0x4d49 goto 5391
4 rule pref 5384 to 224.0.0.0/4 goto 5391
4 rule pref 5384 to 255.255.255.255 goto 5391
4 rule pref 5388 nop
4 rule pref 5385 dport 53 goto 5388
4 rule pref 5387 lookup main suppress_prefixlength 1
4 rule pref 5390 from 0.0.0.0 iif lo lookup 5380`.trim(),
    );
  });

  test.each<[string, JsonObject[], string[]]>([
    ['first of all', [{ priority: 0, src: 'all', table: '255' }], []],
    ['before ours all the same', [{ priority: 200, src: 'all', table: '255' }], []],
    [
      'behind ours',
      [{ priority: 32_765, src: 'all', table: '255' }],
      ['4 rule pref 5379 iif lo lookup 255', '4 rule pref 5379 iif mirage0 lookup 255'],
    ],
    [
      'behind a rule that ours precede',
      [
        { priority: 9, src: 'all', fwmark: '0x200', fwmask: '0xf00', table: '2004' },
        { priority: 100, src: 'all', table: '255' },
      ],
      ['4 rule pref 0 iif lo lookup 255', '4 rule pref 0 iif mirage0 lookup 255'],
    ],
  ])("the rule for the machine's own addresses is %s", (_where, rules, expected) => {
    for (const capture of ['everything', 'fake-ranges'] as const) {
      const plan = text({ ...base, capture }, othersWith(rules, { 254: lan })).split('\n');
      expect(plan.filter((line) => line.endsWith('lookup 255'))).toEqual(expected);
    }
  });

  test('IPv6 beside it, retired fake ranges, excluded prefixes of both families', () => {
    const config = {
      ...base,
      ipv6: true,
      fakeRanges: ['198.18.0.0/15', '28.1.2.3/8'],
      exclude: ['203.0.113.7', '192.0.2.99/24', '2001:db8:9:0::1/48', '192.0.2.0/24'],
    };
    expect(text(config)).toBe(
      `
4 route default dev mirage0
4 route unreachable default metric 4294967295
4 route 198.18.0.0/15 dev mirage0 metric 1
4 route unreachable 198.18.0.0/15 metric 4294967295
4 route 28.0.0.0/8 dev mirage0 metric 1
4 route unreachable 28.0.0.0/8 metric 4294967295
4 rule pref 5391 nop
4 rule pref 5380 from 198.18.0.1 iif lo lookup 5380
4 rule pref 5381 from 198.18.0.1 iif lo unreachable
4 rule pref 5382 to 198.18.0.0/15 lookup 5380
4 rule pref 5382 to 28.0.0.0/8 lookup 5380
4 rule pref 5383 not iif lo goto 5391
4 rule pref 5384 fwmark 0x4d49 goto 5391
4 rule pref 5384 to 224.0.0.0/4 goto 5391
4 rule pref 5384 to 255.255.255.255 goto 5391
4 rule pref 5384 to 203.0.113.7 goto 5391
4 rule pref 5384 to 192.0.2.0/24 goto 5391
4 rule pref 5388 nop
4 rule pref 5385 dport 53 goto 5388
4 rule pref 5387 lookup main suppress_prefixlength 1
4 rule pref 5390 from 0.0.0.0 iif lo lookup 5380
6 route default dev mirage0
6 route default dev lo src ::1 metric 4294967295
6 rule pref 5391 nop
6 rule pref 5380 from fdfe:dcba:9876::/126 iif lo lookup 5380
6 rule pref 5381 from fdfe:dcba:9876::/126 iif lo unreachable
6 rule pref 5381 from ::1 iif lo unreachable
6 rule pref 5383 not iif lo goto 5391
6 rule pref 5384 fwmark 0x4d49 goto 5391
6 rule pref 5384 to ff00::/8 goto 5391
6 rule pref 5384 to fe80::/10 goto 5391
6 rule pref 5384 to 2001:db8:9::/48 goto 5391
6 rule pref 5388 nop
6 rule pref 5385 dport 53 goto 5388
6 rule pref 5387 lookup main suppress_prefixlength 1
6 rule pref 5389 from ::/1 goto 5391
6 rule pref 5389 from 8000::/1 goto 5391
6 rule pref 5390 iif lo lookup 5380`.trim(),
    );
    expect(planRoutes(config).filter((entry) => !isOurShape(entry))).toEqual([]);
  });

  test('only the fake ranges: no default, no rule beside theirs', () => {
    expect(text({ ...base, capture: 'fake-ranges', ipv6: true, exclude: ['203.0.113.7'] })).toBe(
      `
4 route 198.18.0.0/15 dev mirage0 metric 1
4 route unreachable 198.18.0.0/15 metric 4294967295
4 rule pref 5380 from 198.18.0.1 iif lo lookup 5380
4 rule pref 5381 from 198.18.0.1 iif lo unreachable
4 rule pref 5382 to 198.18.0.0/15 lookup 5380
6 rule pref 5380 from fdfe:dcba:9876::/126 iif lo lookup 5380
6 rule pref 5381 from fdfe:dcba:9876::/126 iif lo unreachable`.trim(),
    );
  });

  test('sockets bound to other devices are led past, each once; ours and lo are none of them', () => {
    const bound = text({ ...base, otherDevices: ['wlan0', 'mirage0', 'eth0', 'lo', 'wlan0'] });
    expect(bound.split('\n').filter((line) => line.includes('oif'))).toEqual([
      '4 rule pref 5389 from 0.0.0.0 iif lo oif eth0 goto 5391',
      '4 rule pref 5389 from 0.0.0.0 iif lo oif wlan0 goto 5391',
    ]);
  });

  test.each(['0.0.0.0/0', '::/0', '10.1.2.3/0', '2001:db8::1/0'])('%s is not an exception but everything', (prefix) => {
    expect(() => planRoutes({ ...base, ipv6: true, exclude: [prefix] })).toThrow('every address');
  });

  test('what is no prefix, and IPv6 without its prefix, are refused', () => {
    expect(() => planRoutes({ ...base, exclude: ['192.0.2.0/33'] })).toThrow('"192.0.2.0/33" is not an address prefix');
    const { tunPrefix6: _none, ...without } = base;
    expect(() => planRoutes({ ...without, ipv6: true })).toThrow("without the TUN's IPv6 prefix");
  });
});

/** What a plan has because of the rules and tables of others: marks, kept networks and lookups, in their order. */
function besides(others: Others, family: Family = 4): string[] {
  const plan = planRoutes({ ...base, ipv6: true }, others).filter((entry) => entry.family === family);
  const first = Math.min(...plan.flatMap(({ text: words }) => /^pref (\d+)/.exec(words)?.[1] ?? []).map(Number));
  const usual = [
    'fwmark 0x4d49',
    'dport',
    'not iif lo',
    'to 224.',
    'to 255.',
    'to ff00',
    'to fe80',
    'to 198.18',
    'oif',
  ];
  const told = plan.flatMap(({ text: words }) => {
    const [, preference, rest = ''] = /^pref (\d+) (.+)$/.exec(words) ?? [];
    const isSpecial = /^(fwmark|to |not |lookup|uidrange|ipproto)/.test(rest) || /suppress_prefixlength/.test(rest);
    if (!isSpecial || usual.some((each) => rest.startsWith(each))) return [];
    return [`+${Number(preference) - first} ${rest.replace(/goto \d+/, 'past')}`];
  });
  return [`from ${first}`, ...told];
}

const main0 = '+7 lookup main suppress_prefixlength 1';
const halves = (hop: string): OtherRoute[] => ['0.0.0.0/1', '128.0.0.0/1'].map((prefix) => ({ prefix, hop }));
const whole: OtherRoute[] = [{ prefix: '0.0.0.0/0', hop: 'tun0' }];
const wgQuick: JsonObject[] = [
  { priority: 32_764, src: 'all', table: '254', suppress_prefixlen: 0 },
  { priority: 32_765, not: null, src: 'all', fwmark: '0xca6c', table: '51820' },
];
const tailscale: JsonObject[] = [
  { priority: 5210, src: 'all', fwmark: '0x80000', fwmask: '0xff0000', table: '254' },
  { priority: 5230, src: 'all', fwmark: '0x80000', fwmask: '0xff0000', table: '253' },
  { priority: 5250, src: 'all', fwmark: '0x80000', fwmask: '0xff0000', action: '7' },
  { priority: 5270, src: 'all', table: '52' },
];
/** All of IPv4 but 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16, as calculators write it. */
const allowedIps =
  '0.0.0.0/5 8.0.0.0/7 11.0.0.0/8 12.0.0.0/6 16.0.0.0/4 32.0.0.0/3 64.0.0.0/2 128.0.0.0/3 160.0.0.0/5 168.0.0.0/6 172.0.0.0/12 172.32.0.0/11 172.64.0.0/10 172.128.0.0/9 173.0.0.0/8 174.0.0.0/7 176.0.0.0/4 192.0.0.0/9 192.128.0.0/11 192.160.0.0/13 192.169.0.0/16 192.170.0.0/15 192.172.0.0/14 192.176.0.0/12 192.192.0.0/10 193.0.0.0/8 194.0.0.0/7 196.0.0.0/6 200.0.0.0/5 208.0.0.0/4';
const eighths = Array.from({ length: 223 }, (_, i): OtherRoute => ({ prefix: `${i + 1}.0.0.0/8`, hop: 'tun0' }));

describe('beside other programs', () => {
  test.each<[string, Others, string[]]>([
    ['nobody else', othersWith([], { 254: lan }), ['from 5380', main0]],
    [
      'wg-quick before us: its own packets stay out, its default is ours',
      othersWith(wgQuick, { 254: lan }),
      ['from 5380', '+4 fwmark 0xca6c past', main0],
    ],
    [
      'wg-quick after us: its rules have come before ours',
      othersWith(
        wgQuick.map((rule, i) => ({ ...rule, priority: 5378 + i })),
        { 254: lan },
      ),
      ['from 5180', '+4 fwmark 0xca6c past', main0],
    ],
    [
      'Tailscale with subnets and an exit node',
      othersWith(tailscale, { 254: lan, 52: [{ prefix: '192.168.77.0/24', hop: 'tailscale0' }] }),
      [
        'from 5180',
        '+4 fwmark 0x80000/0xff0000 past',
        '+6 to 192.168.77.0/24 past',
        '+7 lookup main suppress_prefixlength 1',
      ],
    ],
    [
      'two halves in main, the way to the VPN server and the LAN beside them',
      othersWith([], { 254: [...lan, ...halves('tun0'), { prefix: '203.0.113.9', hop: 'eth0 10.20.0.1' }] }),
      ['from 5380', '+7 lookup main suppress_prefixlength 1'],
    ],
    [
      'quarters, and a company in 10.0.0.0/8 that is none of them',
      othersWith([], {
        254: [
          ...['0.0.0.0/2', '64.0.0.0/2', '128.0.0.0/2', '192.0.0.0/2'].map((prefix) => ({ prefix, hop: 'tun0' })),
          { prefix: '10.0.0.0/8', hop: 'tun1' },
        ],
      }),
      ['from 5380', '+7 lookup main suppress_prefixlength 2'],
    ],
    [
      'many /8, a company in 10.0.0.0/8 and a LAN',
      othersWith([], {
        254: [...lan, ...eighths.filter(({ prefix }) => !/^(10|127)\./.test(prefix))].concat({
          prefix: '10.0.0.0/8',
          hop: 'tun1',
        }),
      }),
      ['from 5380', '+6 to 10.0.0.0/8 past', '+7 lookup main suppress_prefixlength 8'],
    ],
    [
      'AllowedIPs of a calculator, with the LAN between',
      othersWith([], { 254: [...lan, ...allowedIps.split(' ').map((prefix) => ({ prefix, hop: 'wg0' }))] }),
      ['from 5380', '+6 to 172.17.0.0/16 past', '+7 lookup main suppress_prefixlength 16'],
    ],
    [
      'halves by two ways',
      othersWith([], {
        254: [
          { prefix: '0.0.0.0/1', hop: 'a' },
          { prefix: '128.0.0.0/1', hop: 'b' },
        ],
      }),
      ['from 5380', '+7 lookup main suppress_prefixlength 1'],
    ],
    [
      'halves in a table of its own',
      othersWith([{ priority: 100, src: 'all', table: '77' }], { 254: lan, 77: halves('tun0') }),
      ['from 79', '+6 to 172.17.0.0/16 past', '+6 to 10.20.0.0/24 past'],
    ],
    [
      'a table with nothing but a default: where the LAN is, it says too',
      othersWith([{ priority: 1000, src: 'all', table: '77' }], { 254: lan, 77: whole }),
      ['from 980', '+6 to 172.17.0.0/16 past', '+6 to 10.20.0.0/24 past'],
    ],
    [
      'the same behind the main table',
      othersWith([{ priority: 40_000, src: 'all', table: '77' }], { 254: lan, 77: whole }),
      ['from 5380', main0],
    ],
    [
      'the same for a user, for TCP, and for all but a network',
      othersWith(
        [
          { priority: 20_000, src: 'all', uid_start: 1000, uid_end: 1000, table: '77' },
          { priority: 20_001, src: 'all', ipproto: 'tcp', table: '77' },
          { priority: 20_002, not: null, src: 'all', dst: '192.168.0.0', dstlen: 16, table: '77' },
        ],
        { 254: lan, 77: [...whole, { prefix: '192.168.9.0/24', hop: 'wg0' }] },
      ),
      [
        'from 5380',
        '+6 to 172.17.0.0/16 past',
        '+6 uidrange 1000-1000 to 192.168.9.0/24 past',
        '+6 ipproto 6 to 192.168.9.0/24 past',
        '+6 to 192.168.9.0/24 past',
        '+6 to 10.20.0.0/24 past',
      ],
    ],
    [
      'a rule that refuses all that comes to it, and one that leads past the main table',
      othersWith([{ priority: 20_000, src: 'all', uid_start: 1000, uid_end: 1000, action: '7' }], { 254: lan }),
      ['from 5380', '+6 to 172.17.0.0/16 past', '+6 to 10.20.0.0/24 past'],
    ],
    [
      'a group of devices that does not count',
      othersWith([{ priority: 20_000, src: 'all', table: '254', suppress_ifgroup: '9' }], { 254: lan }),
      ['from 5380', '+6 to 172.17.0.0/16 past', '+6 to 10.20.0.0/24 past', main0],
    ],
    [
      'a table whose default does not count',
      othersWith([{ priority: 20_000, src: 'all', table: '77', suppress_prefixlen: 0 }], { 254: lan, 77: whole }),
      ['from 5380', main0],
    ],
    [
      'wg-quick with networks in its table, which are for all but its own packets',
      othersWith(wgQuick, { 254: lan, 51820: [...whole, { prefix: '192.168.9.0/24', hop: 'wg0' }] }),
      ['from 5380', '+4 fwmark 0xca6c past', '+6 to 192.168.9.0/24 past', main0],
    ],
    [
      'networks of a company, large ones too, are no pieces',
      othersWith([], { 254: [...lan, { prefix: '17.0.0.0/8', hop: 'wg1' }, { prefix: '198.51.0.0/16', hop: 'wg1' }] }),
      ['from 5380', main0],
    ],
    [
      'a VPN for one user, and one for a port',
      othersWith(
        [
          { priority: 300, src: 'all', uid_start: 1000, uid_end: 1000, table: '100' },
          { priority: 301, src: 'all', ipproto: 'ipproto-17', dport: 4433, table: '101' },
        ],
        { 254: lan, 100: [{ prefix: '192.168.9.0/24', hop: 'wg0' }] },
      ),
      ['from 180', '+6 uidrange 1000-1000 to 192.168.9.0/24 past', '+7 lookup main suppress_prefixlength 1'],
    ],
    [
      'by source, by interface, and a VRF: none of what we capture',
      othersWith(
        [
          { priority: 1000, src: 'all', l3mdev: null },
          { priority: 20_000, src: '10.99.0.2', table: '99' },
          { priority: 20_001, src: 'all', iif: 'br0', table: '98' },
          { priority: 20_002, src: 'all', oif: 'eth1', table: '97' },
        ],
        { 254: lan },
      ),
      ['from 5380', main0],
    ],
    [
      'marks that lead into a VPN, and one of no bits',
      othersWith(
        [
          { priority: 20_000, src: 'all', fwmark: '0xb', table: '99' },
          { priority: 20_001, src: 'all', fwmark: '0x0', fwmask: '0xffff', table: '98' },
        ],
        { 254: lan },
      ),
      ['from 5380', '+4 fwmark 0xb past', '+7 lookup main suppress_prefixlength 1'],
    ],
    [
      'rules for networks: one of a company, and one half of everything',
      othersWith(
        [
          { priority: 20_000, src: 'all', dst: '192.168.77.0', dstlen: 24, table: '52' },
          { priority: 20_001, src: 'all', dst: '128.0.0.0', dstlen: 1, table: '52' },
        ],
        { 254: lan },
      ),
      ['from 5380', '+6 to 172.17.0.0/16 past', '+6 to 192.168.77.0/24 past', '+6 to 10.20.0.0/24 past'],
    ],
    [
      'wg-quick and Tailscale together',
      othersWith([...tailscale, ...wgQuick], { 254: lan }),
      [
        'from 5180',
        '+4 fwmark 0x80000/0xff0000 past',
        '+4 fwmark 0xca6c past',
        '+7 lookup main suppress_prefixlength 1',
      ],
    ],
    [
      'wg-quick over a LAN with halves',
      othersWith(wgQuick, { 254: [...lan, ...halves('tun0')] }),
      ['from 5380', '+4 fwmark 0xca6c past', '+7 lookup main suppress_prefixlength 1'],
    ],
    [
      'a rule that nobody can precede',
      othersWith([{ priority: 9, src: 'all', table: '9' }], { 254: lan }),
      ['from 1', '+7 lookup main suppress_prefixlength 1'],
    ],
  ])('%s', (_who, others, expected) => {
    expect(besides(others)).toEqual(expected);
  });

  test.each<[string, OtherRoute[], string[]]>([
    ['2000::/3', [{ prefix: '2000::/3', hop: 'wg0' }], ['+7 lookup main suppress_prefixlength 3']],
    [
      '::/1 and 8000::/1',
      [
        { prefix: '::/1', hop: 'wg0' },
        { prefix: '8000::/1', hop: 'wg0' },
      ],
      ['+7 lookup main suppress_prefixlength 1'],
    ],
    [
      'a LAN and an unique local network',
      [
        { prefix: 'fc00::/7', hop: 'wg0' },
        { prefix: '2001:db8::/32', hop: 'eth0' },
      ],
      [main0],
    ],
  ])('IPv6: %s', (_what, routes, expected) => {
    expect(besides(othersWith([], { 254: routes }, 6), 6).slice(1)).toEqual(expected);
  });

  test('more networks than rules can keep are captured, the smallest first', () => {
    const many = Array.from(
      { length: 400 },
      (_, i): OtherRoute => ({ prefix: `10.${i >> 8}.${i & 255}.0/24`, hop: 'eth0' }),
    );
    const pieces = [...halves('tun0'), { prefix: '8.8.8.8', hop: 'tun0' }];
    const rules = besides(othersWith([], { 254: [...many, { prefix: '10.0.0.0/8', hop: 'eth1' }, ...pieces] }));
    expect(rules.filter((rule) => rule.startsWith('+6'))).toHaveLength(256);
    expect(rules[1]).toBe('+6 to 10.0.0.0/8 past');
  });
});

describe('the place of our rules', () => {
  const at = (preference: number) => othersWith([{ priority: preference, src: 'all', table: '77' }], { 254: lan });
  const every = Array.from({ length: 6_000 }, (_, preference) => preference + 1);

  test('is before whatever begins at 13 or later; what begins before 12 is told', () => {
    for (const preference of every) {
      const base = chooseBase(at(preference));
      const isPreceded = base + steps.end < preference;
      expect(isPreceded).toBe(preference >= 13);
      // At 12 it shares a preference with the very end of ours, behind all that takes something.
      expect(firstBefore(at(preference), base)).toBe(preference >= 12 ? undefined : preference);
    }
  });

  test('no two places overlap: while our rules move, both blocks stand', () => {
    const places = [...new Set(every.map((preference) => chooseBase(at(preference))))].toSorted((a, b) => a - b);
    expect(places[0]).toBe(1);
    places.slice(1).forEach((place, i) => {
      expect(place).toBeGreaterThan((places[i] ?? 0) + steps.end);
    });
  });

  test('forty programs that name no preference, one after the other, are all preceded', () => {
    let first = 32_766;
    for (let i = 0; i < 40; i++) {
      const base = chooseBase(at(first));
      expect(base + steps.end).toBeLessThan(first);
      // The kernel gives such a rule one less than the second of all rules has, and that is our first.
      first = base - 1;
    }
  });
});
