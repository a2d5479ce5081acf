import { expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { Health } from '../../../core/helper/health.ts';
import { EngineRevival, maxRevivals } from '../../../core/tunnel/engine-revival.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function revival(revive: () => void = () => undefined) {
  const clock = new ManualClock();
  const health = new Health();
  const over: string[] = [];
  const lost: string[] = [];
  const onOver = (reason: string) => over.push(reason);
  const onDeviceLost = (reason: string) => lost.push(reason);
  const options = { revive, onOver, onDeviceLost, health, clock, log: silentLogger };
  return { clock, health, over, lost, it: new EngineRevival(options) };
}

test('so many within a minute, and again as the minute moves on', () => {
  let revived = 0;
  const { clock, over, it } = revival(() => (revived += 1));
  for (let i = 0; i < 10; i++) {
    it.died('boom', true);
    clock.run(60_000 / maxRevivals);
  }
  expect([revived, over]).toEqual([10, []]);
  for (let i = 0; i < 2; i++) it.died('boom', true);
  expect(over).toEqual([expect.stringContaining('boom')]);
  clock.run(60_000);
  it.died('boom', true);
  expect(over).toHaveLength(1);
});

test('the warning goes after ten quiet minutes', () => {
  const { clock, health, it } = revival();
  it.died('boom', true);
  clock.run(500_000);
  it.died('boom again', true);
  clock.run(500_000);
  expect(health.warnings()).toMatchObject([{ code: 'ENGINE_REVIVED', text: expect.stringContaining('boom again') }]);
  clock.run(100_000);
  expect([health.warnings(), clock.pending]).toEqual([[], 0]);
});

test('a device that is gone is told apart; a revival that fails is the end', () => {
  const gone = revival();
  gone.it.died('the device is gone', false);
  expect([gone.over, gone.lost, gone.health.warnings()]).toEqual([[], ['the device is gone'], []]);
  const failing = revival(() => {
    throw new Error('no memory');
  });
  failing.it.died('boom', true);
  expect(failing.over).toEqual([expect.stringMatching(/boom.*no memory/)]);
});
