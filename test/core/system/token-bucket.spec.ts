import { expect, test } from 'vitest';
import { TokenBucket } from '../../../core/system/token-bucket.ts';

test('a burst at once, then one an interval; calm fills it again, never beyond the burst', () => {
  const bucket = new TokenBucket(3, 1_000);
  const start = 5_000;
  expect([1, 2, 3].map(() => bucket.take(start))).toEqual([0, 0, 0]);
  expect(bucket.take(start)).toBe(1_000);
  expect(bucket.take(start + 400)).toBe(600);
  expect(bucket.take(start + 1_000)).toBe(0);
  expect(bucket.take(start + 1_000)).toBe(1_000);
  expect(bucket.available(start + 60_000)).toBe(3);
});
