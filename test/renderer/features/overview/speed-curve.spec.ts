import { expect, test } from 'vitest';
import type { Traffic } from '../../../../core/contract/status.ts';
import { areaPath, linePath, peakOf, sampleAt, scaleTop } from '../../../../renderer/features/overview/speed-curve.ts';

const sample = (second: number, down: number, up = 0): Traffic => ({
  time: second * 1000,
  up,
  down,
  upTotal: 0,
  downTotal: 0,
  live: 0,
  dnsQuestions: 0,
});
const box = { width: 1200, height: 100 };

test.each([
  [0, 10_000],
  [9_999, 10_000],
  [10_001, 20_000],
  [45_000, 50_000],
  [51_000, 100_000],
  [1_000_000, 1_000_000],
  [7_300_000, 10_000_000],
])('a peak of %d has a scale to %d', (peak, top) => {
  expect(scaleTop(peak)).toBe(top);
});

test('the newest sample is at the right edge, a second is ten pixels', () => {
  const history = [sample(1, 0), sample(2, 50), sample(3, 100)];
  expect(linePath(history, 'down', 100, box)).toBe('M1180,100L1190,50L1200,0');
  expect(areaPath(history, 'down', 100, box)).toBe('M1180,100L1180,100L1190,50L1200,0L1200,100Z');
  expect(linePath(history, 'up', 100, box)).toBe('M1180,100L1190,100L1200,100');
});

test('where nobody looked there is no line', () => {
  const path = linePath([sample(1, 0), sample(2, 0), sample(9, 0), sample(10, 0)], 'down', 100, box);
  expect(path.match(/M/g)).toHaveLength(2);
  expect(linePath([], 'down', 100, box)).toBe('');
});

test('the peak is of both directions; pointing finds the nearest sample, not one far away', () => {
  const history = [sample(100, 5, 80), sample(101, 70), sample(102, 1)];
  expect(peakOf(history)).toBe(80);
  expect(sampleAt(history, 1191, 1200)?.down).toBe(70);
  expect(sampleAt(history, 10, 1200)).toBeUndefined();
  expect(sampleAt([], 10, 1200)).toBeUndefined();
});
