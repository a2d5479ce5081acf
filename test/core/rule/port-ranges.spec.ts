import { expect, test } from 'vitest';
import { isPortListed, parsePortList } from '../../../core/rule/port-ranges.ts';

test('ports and ranges, with spaces', () => {
  expect(parsePortList('80/443/1000 - 2000')).toEqual({
    ok: true,
    ranges: [
      { first: 80, last: 80 },
      { first: 443, last: 443 },
      { first: 1000, last: 2000 },
    ],
  });
});

test.each([
  ['', 0, 'missing'],
  ['80/', 3, 'missing'],
  ['80//90', 3, 'missing'],
  ['80/http', 3, 'neither'],
  ['80,443', 0, 'neither'],
  ['-80', 0, 'neither'],
  ['0', 0, 'out of range'],
  ['1/65536', 2, 'out of range'],
  ['80/ 2000-1000', 4, 'backwards'],
])('%s is refused at %i: %s', (text, offset, reason) => {
  const list = parsePortList(text);
  expect(list).toMatchObject({ ok: false, problem: { offset } });
  expect(list.ok ? '' : list.problem.message).toContain(reason);
});

test('both ends of a range belong to it', () => {
  const list = parsePortList('1-3/65535');
  const ranges = list.ok ? list.ranges : [];
  expect([0, 1, 2, 3, 4, 65_534, 65_535].filter((port) => isPortListed(ranges, port))).toEqual([1, 2, 3, 65_535]);
});
