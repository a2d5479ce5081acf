import { expect, test } from 'vitest';
import {
  durationParts,
  formatBytes,
  formatClock,
  formatCount,
  formatDateTime,
  formatEndpoint,
  formatMillis,
  formatRate,
  formatRound,
  formatTime,
} from '../../../renderer/text/format.ts';

test.each([
  [0, '0 B'],
  [-5, '0 B'],
  [Number.NaN, '0 B'],
  [1, '1 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [1234, '1.23 kB'],
  [9994, '9.99 kB'],
  [9996, '10.0 kB'],
  [99_940, '99.9 kB'],
  [99_960, '100 kB'],
  [999_400, '999 kB'],
  [999_600, '1.00 MB'],
  [104_857_600, '105 MB'],
  [5e9, '5.00 GB'],
  [3.2e12, '3.20 TB'],
  [7e18, '7000 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('rates, and round ones for scales', () => {
  expect(formatRate(20_500)).toBe('20.5 kB/s');
  expect([10e6, 5e6, 2.5e6, 100e3, 20_000].map(formatRound)).toEqual([
    '10 MB/s',
    '5 MB/s',
    '2.5 MB/s',
    '100 kB/s',
    '20 kB/s',
  ]);
});

test.each([
  [0.08, '0.1 ms'],
  [0, '0 ms'],
  [9.4, '9.4 ms'],
  [12.4, '12 ms'],
  [1240, '1.24 s'],
])('%d milliseconds are %s', (ms, text) => {
  expect(formatMillis(ms)).toBe(text);
});

const duration = (ms: number) =>
  durationParts(ms)
    .map(({ value, unit }) => `${value}${unit[0]}`)
    .join(' ');

test.each([
  [-1, '0s'],
  [999, '0s'],
  [59_999, '59s'],
  [184_000, '3m 04s'],
  [3_900_000, '1h 05m'],
  [183_600_000, '2d 03h'],
])('%d milliseconds last %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('times: clock today, date otherwise', () => {
  const now = new Date(2026, 10, 23, 14, 3, 9, 127).getTime();
  expect(formatTime(now, now)).toBe('14:03:09');
  expect(formatTime(now - 86_400_000, now)).toBe('11-22 14:03');
  expect(formatDateTime(now)).toBe('2026-11-23 14:03:09');
  expect(formatClock(now)).toBe('14:03:09.127');
});

test('counts and endpoints', () => {
  expect([0, 999, 1000, 131_067, 1_234_567].map(formatCount)).toEqual(['0', '999', '1,000', '131,067', '1,234,567']);
  expect(formatEndpoint('example.com', 443)).toBe('example.com:443');
  expect(formatEndpoint('2001:db8::1', 53)).toBe('[2001:db8::1]:53');
});
