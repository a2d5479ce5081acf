import { expect, test } from 'vitest';
import { warningOf } from '../../../core/contract/warning-texts.ts';
import { Health } from '../../../core/helper/health.ts';

const warning = (code: 'MIXED_PORT_OPEN' | 'ENGINE_REVIVED', text = 'text') =>
  code === 'MIXED_PORT_OPEN' ? warningOf(code, { endpoint: text }) : warningOf(code, { reason: text });

test('troubles stand until cleared; each change is told once', () => {
  const health = new Health();
  let told = 0;
  health.changed.on(() => told++);
  health.raise(warning('MIXED_PORT_OPEN'));
  health.raise(warning('ENGINE_REVIVED'));
  health.raise(warning('MIXED_PORT_OPEN'));
  expect(told).toBe(2);
  health.raise(warning('MIXED_PORT_OPEN', 'other'));
  expect(told).toBe(3);
  expect(health.warnings()).toEqual([warning('MIXED_PORT_OPEN', 'other'), warning('ENGINE_REVIVED')]);
  health.clear('MIXED_PORT_OPEN');
  health.clear('MIXED_PORT_OPEN');
  expect(told).toBe(4);
  expect(health.warnings()).toEqual([warning('ENGINE_REVIVED')]);
});
