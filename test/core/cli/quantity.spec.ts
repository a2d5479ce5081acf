import { expect, test } from 'vitest';
import { countOf, formatAge, formatBytes, formatMillis } from '../../../core/cli/quantity.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.00 kB'],
  [9_994, '9.99 kB'],
  [9_995, '10.0 kB'],
  [99_949, '99.9 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [1.5e9, '1.50 GB'],
  [5e15, '5000 TB'],
])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_599_999, '59 min'],
  [3_600_000, '1 h'],
  [86_400_000, '1 d'],
])('%d ms ago is %s', (ms, text) => expect(formatAge(ms)).toBe(text));

test.each([
  [0.04, '0.0 ms'],
  [9.96, '10.0 ms'],
  [12.4, '12 ms'],
  [1_240, '1.24 s'],
])('%d ms take %s', (ms, text) => expect(formatMillis(ms)).toBe(text));

test('counts have their noun', () => {
  expect([countOf(1, 'rule'), countOf(2, 'rule'), countOf(1_000, 'proxy', 'proxies')]).toEqual([
    '1 rule',
    '2 rules',
    '1,000 proxies',
  ]);
});
