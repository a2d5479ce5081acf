import { expect, test } from 'vitest';
import { CoalescedTask } from '../../../core/base/coalesced-task.ts';
import { eventually } from '../../support/eventually.ts';

test('runs at once, never beside itself, and once more for whatever was asked meanwhile', async () => {
  const ends: (() => void)[] = [];
  const task = new CoalescedTask(() => new Promise((resolve) => ends.push(resolve)));
  task.demand();
  expect(ends).toHaveLength(1);
  for (let index = 0; index < 9; index += 1) task.demand();
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await eventually(() => expect(ends).toHaveLength(2));
  ends[1]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(ends).toHaveLength(2);
  task.demand();
  expect(ends).toHaveLength(3);
});
