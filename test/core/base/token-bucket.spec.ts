import { expect, test } from 'vitest';
import { TokenBucket } from '../../../core/base/token-bucket.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('so many at once, so many a second after that, and never more saved up', () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket(clock, 10, 3);
  const taken = () => Array.from({ length: 10 }, () => bucket.take()).filter(Boolean).length;
  expect(taken()).toBe(3);
  clock.run(100);
  expect(taken()).toBe(1);
  clock.run(200);
  expect(taken()).toBe(2);
  clock.run(60_000);
  expect(taken()).toBe(3);
});

test('the time until there are enough; more than it can hold costs all it holds', () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket(clock, 10, 5);
  expect(bucket.waitMs(100)).toBe(0);
  expect(bucket.take(100)).toBe(true);
  expect(bucket.waitMs(2)).toBe(200);
  clock.run(200);
  expect([bucket.waitMs(2), bucket.take(2), bucket.take(2)]).toEqual([0, true, false]);
});

test('what is owed delays whoever comes next', () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket(clock, 10, 5);
  bucket.owe(25);
  expect(bucket.waitMs(1)).toBe(2_100);
});
