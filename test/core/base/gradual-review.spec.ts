import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GradualReview } from '../../../core/base/gradual-review.ts';

test('few are looked at at once, many over several turns, each once', async () => {
  const seen: number[] = [];
  let count = 3;
  const review = new GradualReview(
    () => Array.from({ length: count }, (_, index) => index),
    (each) => seen.push(each),
  );
  review.demand();
  expect(seen).toEqual([0, 1, 2]);
  count = 1_000;
  seen.length = 0;
  review.demand();
  let turns = 0;
  let last = 0;
  while (seen.length < count) {
    expect(seen.length - last).toBeLessThanOrEqual(64);
    last = seen.length;
    turns += 1;
    await turn();
  }
  expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 64));
  expect(seen).toEqual(Array.from({ length: count }, (_, index) => index));
});

test('a burst of demands while one is under way is one more review, of what there is then', async () => {
  const looked: string[] = [];
  let name = 'old';
  const review = new GradualReview(
    () => Array.from({ length: 100 }, () => name),
    (each) => looked.push(each),
  );
  review.demand();
  name = 'new';
  for (let index = 0; index < 50; index += 1) review.demand();
  for (let index = 0; index < 10; index += 1) await turn();
  expect(looked).toEqual([...Array<string>(100).fill('old'), ...Array<string>(100).fill('new')]);
});
