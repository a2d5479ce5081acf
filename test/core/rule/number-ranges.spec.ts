import { expect, test } from 'vitest';
import { formatRangeList, isListed, parseRangeList } from '../../../core/rule/number-ranges.ts';

test.each([
  ['80/443/1000 - 2000', '80/443/1000-2000', []],
  ['0-65535', '1-65535', []],
  ['80/ 2000-1000', '80/1000-2000', []],
  ['80//90/', '80/90', []],
  ['', '', []],
  ['0', '', [['0', 0]]],
  ['1/65536', '1', [['65536', 2]]],
  ['80/ http', '80', [['http', 4]]],
  ['80,443', '', [['80,443', 0]]],
  ['-80', '', [['-80', 0]]],
] as const)('%j is %j, without %j', (text, formatted, wrong) => {
  const list = parseRangeList(text, 1, 65_535);
  expect(formatRangeList(list.ranges)).toBe(formatted);
  expect(list.wrong).toEqual(wrong.map(([item, offset]) => ({ text: item, offset })));
});

test('both ends of a range belong to it', () => {
  const { ranges } = parseRangeList('1-3/65535', 1, 65_535);
  expect([0, 1, 2, 3, 4, 65_534, 65_535].filter((port) => isListed(ranges, port))).toEqual([1, 2, 3, 65_535]);
});
