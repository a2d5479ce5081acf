import { expect, test } from 'vitest';
import { RateLimit } from '../../../core/rpc/rate-limit.ts';
import { ManualClock } from './manual-clock.ts';

test('so many at once, so many a second after that, and never more saved up', () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, 10, 3);
  const taken = () => Array.from({ length: 10 }, () => limit.take()).filter(Boolean).length;
  expect(taken()).toBe(3);
  clock.advance(100);
  expect(taken()).toBe(1);
  clock.advance(200);
  expect(taken()).toBe(2);
  clock.advance(60_000);
  expect(taken()).toBe(3);
});
