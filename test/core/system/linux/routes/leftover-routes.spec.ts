import { expect, test } from 'vitest';
import { isOurShape } from '../../../../../core/system/linux/routes/leftover-routes.ts';

test.each([
  ['route', '192.0.2.0/24 dev eth0'],
  ['route', 'default via 192.0.2.1 dev eth0'],
  ['route', 'blackhole 192.0.2.0/24'],
] as const)('a %s "%s" is not ours', (kind, text) => {
  expect(isOurShape({ kind, family: 4, text })).toBe(false);
});
