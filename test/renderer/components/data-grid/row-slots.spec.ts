import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RowSlots } from '../../../../renderer/components/data-grid/row-slots.ts';

const numbers = (slots: RowSlots, keys: string) => [...slots.assign(keys.split('')).values()];

test('rows that stay keep their element; few new ones get elements of their own', () => {
  const slots = new RowSlots();
  expect(numbers(slots, 'abcd')).toEqual([0, 1, 2, 3]);
  expect(numbers(slots, 'xabc')).toEqual([4, 0, 1, 2]);
  expect(numbers(slots, 'xabc')).toEqual([4, 0, 1, 2]);
  expect(numbers(slots, 'cbax')).toEqual([2, 1, 0, 4]);
});

test('when most are new they take over the elements of those that went, in their order', () => {
  const slots = new RowSlots();
  numbers(slots, 'abcd');
  expect(numbers(slots, 'wxyz')).toEqual([0, 1, 2, 3]);
  expect(numbers(slots, 'zrst')).toEqual([3, 0, 1, 2]);
});

test('no two rows ever share an element', () => {
  const keys = fc.uniqueArray(fc.integer({ min: 0, max: 30 }).map(String), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 10 }), (views) => {
      const slots = new RowSlots();
      for (const view of views) {
        const assigned = slots.assign(view);
        expect([...assigned.keys()].toSorted()).toEqual(view.toSorted());
        expect(new Set(assigned.values()).size).toBe(view.length);
      }
    }),
  );
});
