import { expect, test } from 'vitest';
import { Health } from '../../../core/helper/health.ts';
import { CrowdWarning } from '../../../core/tunnel/crowd-warning.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('a flood is told at its beginning and every ten seconds, with its number, until ten minutes after it', () => {
  const clock = new ManualClock();
  const health = new Health();
  let told = 0;
  health.changed.on(() => told++);
  const warning = new CrowdWarning('udp', health, clock);
  for (let i = 0; i < 25_000; i++) {
    warning.crowded();
    clock.run(1);
  }
  expect(told).toBe(3);
  expect(health.warnings()).toMatchObject([{ code: 'UDP_CROWDED', text: expect.stringContaining('20,001 so far') }]);
  clock.run(600_000);
  expect(health.warnings()).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('refused connections are told together, beside UDP', () => {
  const clock = new ManualClock();
  const health = new Health();
  new CrowdWarning('udp', health, clock).crowded();
  const warning = new CrowdWarning('tcp', health, clock);
  warning.crowded(300);
  clock.run(10_000);
  warning.crowded(200);
  expect(health.warnings()).toMatchObject([
    { code: 'UDP_CROWDED' },
    { code: 'TCP_CROWDED', text: expect.stringContaining('500 so far') },
  ]);
});
