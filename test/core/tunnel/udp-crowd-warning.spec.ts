import { expect, test } from 'vitest';
import { Health } from '../../../core/helper/health.ts';
import { UdpCrowdWarning } from '../../../core/tunnel/udp-crowd-warning.ts';
import { ManualClock } from '../rpc/manual-clock.ts';

test('a flood is told at its beginning and every ten seconds, with its number, until ten minutes after it', () => {
  const clock = new ManualClock();
  const health = new Health();
  let told = 0;
  health.changed.on(() => told++);
  const warning = new UdpCrowdWarning(health, clock);
  for (let i = 0; i < 25_000; i++) {
    warning.gaveWay();
    clock.advance(1);
  }
  expect(told).toBe(3);
  expect(health.warnings()).toMatchObject([{ code: 'UDP_CROWDED', text: expect.stringContaining('20001 so far') }]);
  clock.advance(600_000);
  expect(health.warnings()).toEqual([]);
  expect(clock.pending).toBe(0);
});
