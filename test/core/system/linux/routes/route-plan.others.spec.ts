import { describe, expect, test } from 'vitest';
import type { OtherRoute } from '../../../../../core/system/linux/routes/default-pieces.ts';
import { type Others, planRoutes } from '../../../../../core/system/linux/routes/route-plan.ts';
import type { JsonObject } from '../../../../../core/system/linux/routes/rule-text.ts';
import type { Family } from '../../../../../core/system/routes.ts';
import { base, lan, othersWith } from './plan-ground.ts';

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
