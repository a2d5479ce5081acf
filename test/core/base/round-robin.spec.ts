import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RoundRobin } from '../../../core/base/round-robin.ts';

function drain<T>(queue: RoundRobin<string, T>): T[] {
  const taken: T[] = [];
  for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item);
  return taken;
}

test('whoever has one thing is served after one of each other client', () => {
  const queue = new RoundRobin<string, string>();
  for (let i = 0; i < 1_000; i++) queue.add('greedy', `g${i}`);
  queue.add('modest', 'm');
  expect(drain(queue).indexOf('m')).toBe(1);
  expect(queue.isEmpty).toBe(true);
});

test('a client that comes again and again does not overtake those that wait', () => {
  const queue = new RoundRobin<string, string>();
  queue.add('a', 'a1');
  queue.add('b', 'b1');
  expect(queue.take()).toBe('a1');
  queue.add('a', 'a2');
  expect(drain(queue)).toEqual(['b1', 'a2']);
});

test('everything comes out once, each client its own in order, and rounds are fair', () => {
  const clients = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 200 });
  fc.assert(
    fc.property(clients, (asked) => {
      const queue = new RoundRobin<string, { client: string; at: number }>();
      for (const [at, client] of asked.entries()) queue.add(client, { client, at });
      const taken = drain(queue);
      expect(taken.map(({ at }) => at).toSorted((a, b) => a - b)).toEqual(asked.map((_, at) => at));
      const served = new Map<string, number>();
      for (const { client, at } of taken) {
        const before = served.get(client) ?? 0;
        expect(asked.slice(0, at).filter((each) => each === client)).toHaveLength(before);
        served.set(client, before + 1);
        for (const [other, count] of served) {
          const left = asked.filter((each) => each === other).length - count;
          if (left > 0) expect(before + 1 - count).toBeLessThanOrEqual(1);
        }
      }
    }),
  );
});
