import { expect, test } from 'vitest';
import { SerialQueue } from '../../../core/base/serial-queue.ts';

test('one after the other, in order; a failure is told to its caller only', async () => {
  const queue = new SerialQueue();
  const log: string[] = [];
  const task =
    (name: string, ms: number, fails = false) =>
    async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const outcomes = await Promise.allSettled([
    queue.run(task('slow', 20)),
    queue.run(task('broken', 5, true)),
    queue.run(task('quick', 0)),
  ]);
  expect(log).toEqual(['slow begins', 'slow ends', 'broken begins', 'broken ends', 'quick begins', 'quick ends']);
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
