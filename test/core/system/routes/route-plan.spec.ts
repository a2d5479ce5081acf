import { describe, expect, test } from 'vitest';
import { isOurShape } from '../../../../core/system/routes/leftover-routes.ts';
import { planRoutes } from '../../../../core/system/routes/route-plan.ts';
import type { RouteConfig } from '../../../../core/system/routes/routes.ts';

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
};
const text = (config: RouteConfig): string =>
  planRoutes(config)
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
4 rule pref 5399 nop
4 rule pref 5380 from 198.18.0.1 iif lo lookup 5380
4 rule pref 5381 from 198.18.0.1 iif lo unreachable
4 rule pref 5382 to 224.0.0.0/4 goto 5399
4 rule pref 5382 to 255.255.255.255 goto 5399
4 rule pref 5381 to 198.18.0.0/15 lookup 5380
4 rule pref 5382 fwmark 0x4d49 iif lo goto 5399
4 rule pref 5384 not dport 53 lookup main suppress_prefixlength 0
4 rule pref 5385 iif mirage0 goto 5399
4 rule pref 5387 from 0.0.0.0 iif lo lookup 5380`.trim(),
    );
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
4 rule pref 5399 nop
4 rule pref 5380 from 198.18.0.1 iif lo lookup 5380
4 rule pref 5381 from 198.18.0.1 iif lo unreachable
4 rule pref 5382 to 224.0.0.0/4 goto 5399
4 rule pref 5382 to 255.255.255.255 goto 5399
4 rule pref 5381 to 198.18.0.0/15 lookup 5380
4 rule pref 5381 to 28.0.0.0/8 lookup 5380
4 rule pref 5382 to 203.0.113.7 goto 5399
4 rule pref 5382 to 192.0.2.0/24 goto 5399
4 rule pref 5382 fwmark 0x4d49 iif lo goto 5399
4 rule pref 5384 not dport 53 lookup main suppress_prefixlength 0
4 rule pref 5385 iif mirage0 goto 5399
4 rule pref 5387 from 0.0.0.0 iif lo lookup 5380
6 route default dev mirage0
6 route unreachable default metric 4294967295
6 rule pref 5399 nop
6 rule pref 5380 from fdfe:dcba:9876::/126 iif lo lookup 5380
6 rule pref 5381 from fdfe:dcba:9876::/126 iif lo unreachable
6 rule pref 5382 to ff00::/8 goto 5399
6 rule pref 5382 to fe80::/10 goto 5399
6 rule pref 5382 to 2001:db8:9::/48 goto 5399
6 rule pref 5382 fwmark 0x4d49 iif lo goto 5399
6 rule pref 5384 not dport 53 lookup main suppress_prefixlength 0
6 rule pref 5385 iif mirage0 goto 5399
6 rule pref 5388 from ::/1 goto 5399
6 rule pref 5388 from 8000::/1 goto 5399
6 rule pref 5389 iif lo lookup 5380`.trim(),
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
4 rule pref 5381 to 198.18.0.0/15 lookup 5380
6 rule pref 5380 from fdfe:dcba:9876::/126 iif lo lookup 5380
6 rule pref 5381 from fdfe:dcba:9876::/126 iif lo unreachable`.trim(),
    );
  });

  test('sockets bound to other devices are led past, each once; ours and lo are none of them', () => {
    const bound = text({ ...base, otherDevices: ['wlan0', 'mirage0', 'eth0', 'lo', 'wlan0'] });
    expect(bound.split('\n').filter((line) => line.includes('oif'))).toEqual([
      '4 rule pref 5386 from 0.0.0.0 iif lo oif eth0 goto 5399',
      '4 rule pref 5386 from 0.0.0.0 iif lo oif wlan0 goto 5399',
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
