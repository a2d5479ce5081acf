import { describe, expect, test } from 'vitest';
import { isOurShape } from '../../../../../core/system/linux/routes/leftover-routes.ts';
import { chooseBase, firstBefore, planRoutes, steps } from '../../../../../core/system/linux/routes/route-plan.ts';
import type { JsonObject } from '../../../../../core/system/linux/routes/rule-text.ts';
import { base, lan, othersWith, text } from './plan-ground.ts';

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
