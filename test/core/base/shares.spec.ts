import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Shares } from '../../../core/base/shares.ts';

const takeAll = (shares: Shares, client: string): number => {
  let taken = 0;
  while (shares.take(client)) taken += 1;
  return taken;
};

test('one gets a half, and there is room for the next, and the one after', () => {
  const shares = new Shares(100);
  expect([takeAll(shares, 'a'), takeAll(shares, 'b'), takeAll(shares, 'c')]).toEqual([50, 25, 12]);
  shares.give('a', 50);
  expect(takeAll(shares, 'd')).toBeGreaterThan(25);
});

test('property: never more than there is, never all for one; what is given back is there again', () => {
  const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: -20, max: 20 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const shares = new Shares(60);
      const held = new Map<string, number>();
      for (const [client, amount] of steps) {
        const has = held.get(client) ?? 0;
        if (amount > 0 && shares.take(client, amount)) held.set(client, has + amount);
        if (amount < 0 && has >= -amount) {
          shares.give(client, -amount);
          held.set(client, has + amount);
        }
        expect(shares.heldBy(client)).toBe(held.get(client) ?? 0);
        expect(shares.used).toBe([...held.values()].reduce((sum, each) => sum + each, 0));
        expect(shares.used).toBeLessThanOrEqual(60);
        expect(shares.heldBy(client)).toBeLessThanOrEqual(30);
      }
      for (const [client, amount] of held) if (amount > 0) shares.give(client, amount);
      expect(shares.used).toBe(0);
    }),
  );
});

test('more than was taken cannot be given back', () => {
  expect(() => new Shares(5).give('a')).toThrow(RangeError);
});
