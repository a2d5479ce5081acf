import { expect, test } from 'vitest';
import { Health } from '../../../core/helper/health.ts';

const warning = (code: string, text = 'text') => ({ code, severity: 'warning' as const, title: 'title', text });

test('troubles stand until cleared; each change is told once', () => {
  const health = new Health();
  let told = 0;
  health.changed.on(() => told++);
  health.raise(warning('A'));
  health.raise(warning('B'));
  health.raise(warning('A'));
  expect(told).toBe(2);
  health.raise(warning('A', 'other'));
  expect(told).toBe(3);
  expect(health.warnings()).toEqual([warning('A', 'other'), warning('B')]);
  health.clear('A');
  health.clear('A');
  expect(told).toBe(4);
  expect(health.warnings()).toEqual([warning('B')]);
});
