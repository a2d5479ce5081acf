import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NumberSorter } from '../../../renderer/stores/number-sorter.ts';
import { compareBy } from '../../../renderer/stores/row-order.ts';

test('sorts as a comparison does, keeps equals in their order, puts what is no number last', () => {
  const sorter = new NumberSorter();
  const value = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -3, max: 3 }), fc.constant(undefined));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 300 }), fc.constantFrom('asc', 'desc'), (values, direction) => {
      const rows = values.map((number, place) => ({ number, place }));
      const sorted = sorter.sort(rows, ({ number }) => number, direction);
      const compare = compareBy<(typeof rows)[number]>(({ number }) => number, direction);
      expect(sorted.map(({ place }) => place)).toEqual(rows.toSorted(compare).map(({ place }) => place));
    }),
    { numRuns: 300 },
  );
  expect(sorter.sort([Number.NaN, 2, 1], (number) => number, 'desc')).toEqual([2, 1, Number.NaN]);
});
