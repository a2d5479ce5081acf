import { expect, test } from 'vitest';
import { TokenBuckets } from '../../../core/base/token-buckets.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('each client has its own; those that were not heard of for longest are forgotten', () => {
  const buckets = new TokenBuckets<number>(new ManualClock(), 1, 2);
  expect([1, 1, 1, 2].map((client) => buckets.take(client))).toEqual([true, true, false, true]);
  for (let client = 10; client < 10 + 255; client++) buckets.take(client);
  expect([buckets.take(2), buckets.take(2)]).toEqual([true, false]);
  expect(buckets.take(1)).toBe(true);
});
