import { expect, test } from 'vitest';
import { isOurShape } from '../../../../core/system/routes/leftover-routes.ts';

test.each([
  ['rule', 'pref 5399 unreachable'],
  ['rule', 'pref 5381 to 192.0.2.0/24 fwmark 0x1 lookup 5380'],
  ['rule', 'pref 5381 to 192.0.2.0/24 lookup 100'],
  ['rule', 'pref 5384 lookup main suppress_prefixlength 0'],
  ['rule', 'pref 5390 lookup 5380'],
  ['rule', 'pref 5380 to 192.0.2.0/24 goto 6000'],
  ['route', '192.0.2.0/24 dev eth0'],
  ['route', 'default via 192.0.2.1 dev eth0'],
  ['route', 'blackhole 192.0.2.0/24'],
] as const)('a %s "%s" is not ours', (kind, text) => {
  expect(isOurShape({ kind, family: 4, text })).toBe(false);
});
