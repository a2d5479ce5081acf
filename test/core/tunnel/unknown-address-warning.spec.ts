import { expect, test } from 'vitest';
import { Health } from '../../../core/helper/health.ts';
import { UnknownAddressWarning } from '../../../core/tunnel/unknown-address-warning.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('stands while it happens, is told once for each address, and is taken back after ten quiet minutes', () => {
  const clock = new ManualClock();
  const health = new Health();
  let told = 0;
  health.changed.on(() => told++);
  const warning = new UnknownAddressWarning(health, clock);
  warning.raise('198.18.0.9', 1);
  for (let i = 2; i < 50; i++) {
    clock.run(60_000);
    warning.raise('198.18.0.9', i);
  }
  expect(told).toBe(1);
  warning.raise('198.18.0.10', 50);
  expect(health.warnings()).toMatchObject([
    {
      code: 'FAKE_IP_UNKNOWN_ADDRESS',
      text: expect.stringContaining('198.18.0.10'),
      action: expect.stringContaining('Flush the DNS cache'),
    },
  ]);
  clock.run(600_000);
  expect(health.warnings()).toEqual([]);
  expect(clock.pending).toBe(0);
  warning.raise('198.18.0.10', 51);
  expect(health.warnings()).toHaveLength(1);
});

test('says how many were understood all the same', () => {
  const health = new Health();
  const warning = new UnknownAddressWarning(health, new ManualClock());
  const valuesFor = (address: string, count: number, recovered: number) => {
    warning.raise(address, count, recovered);
    return health.warnings()[0]?.values;
  };
  expect(valuesFor('198.18.0.9', 1, 0)).toEqual({ address: '198.18.0.9', count: '1', recovered: '0' });
  expect(valuesFor('198.18.0.10', 3, 2)).toEqual({ address: '198.18.0.10', count: '3', recovered: '2' });
});
