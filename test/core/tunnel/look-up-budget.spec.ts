import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LookUpBudget } from '../../../core/tunnel/look-up-budget.ts';

/** A thread that answers one question after the other, each in so many milliseconds. */
class Thread {
  now = 0;
  asked = 0;
  readonly monotonic = () => this.now;
  readonly #waiting: (() => void)[] = [];

  readonly lookUp = (): Promise<void> => {
    this.asked++;
    return new Promise((resolve) => this.#waiting.push(resolve));
  };

  async answer(each: number): Promise<void> {
    while (this.#waiting.length > 0) {
      this.now += each;
      this.#waiting.shift()?.();
      await turn();
    }
  }
}

test.each([
  ['cheap', 0.1],
  ['usual', 3],
  ['a machine with thousands of processes', 20],
])('%s look-ups take no more than their part of the time', async (_name, each) => {
  const thread = new Thread();
  const budget = new LookUpBudget(thread, 25);
  let spent = 0;
  for (let second = 1; second <= 60; second++) {
    for (let connection = 0; connection < 20; connection++) {
      budget.spend(thread.lookUp);
      const before = thread.now;
      await thread.answer(each);
      spent += thread.now - before;
    }
    thread.now = Math.max(thread.now, second * 1_000);
  }
  expect(spent).toBeLessThan(250 + 60 * 25 + 20);
  expect(spent).toBeGreaterThan(Math.min(60 * 20 * each, 60 * 25) * 0.9);
});

test('a page that opens fifty connections at once has all of them looked up, and each is paid for once', async () => {
  const thread = new Thread();
  const budget = new LookUpBudget(thread, 25);
  for (let connection = 0; connection < 50; connection++) budget.spend(thread.lookUp);
  expect(thread.asked).toBe(50);
  await thread.answer(4);
  budget.spend(thread.lookUp);
  expect(thread.asked).toBe(51);
  await thread.answer(60);
  budget.spend(thread.lookUp);
  expect(thread.asked).toBe(51);
  thread.now += 1_000;
  budget.spend(thread.lookUp);
  expect(thread.asked).toBe(52);
});

test('a failed one is paid for as well', async () => {
  const thread = new Thread();
  const budget = new LookUpBudget(thread, 25);
  budget.spend(async () => {
    thread.now += 300;
    throw new Error('gone');
  });
  await turn();
  budget.spend(thread.lookUp);
  expect(thread.asked).toBe(0);
});
