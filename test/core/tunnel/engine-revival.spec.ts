import { expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import { Health } from '../../../core/helper/health.ts';
import { EngineRevival, maxRevivals } from '../../../core/tunnel/engine-revival.ts';
import { ManualClock } from '../rpc/manual-clock.ts';

function revival(revive: () => void = () => undefined) {
  const clock = new ManualClock();
  const health = new Health();
  const over: string[] = [];
  const options = { revive, onOver: (reason: string) => over.push(reason), health, clock, log: silentLogger };
  return { clock, health, over, it: new EngineRevival(options) };
}

test('so many within a minute, and again as the minute moves on', () => {
  let revived = 0;
  const { clock, over, it } = revival(() => (revived += 1));
  for (let i = 0; i < 10; i++) {
    it.died('boom', true);
    clock.advance(60_000 / maxRevivals);
  }
  expect([revived, over]).toEqual([10, []]);
  for (let i = 0; i < 2; i++) it.died('boom', true);
  expect(over).toEqual([expect.stringContaining('boom')]);
  clock.advance(60_000);
  it.died('boom', true);
  expect(over).toHaveLength(1);
});

test('the warning goes after ten quiet minutes', () => {
  const { clock, health, it } = revival();
  it.died('boom', true);
  clock.advance(500_000);
  it.died('boom again', true);
  clock.advance(500_000);
  expect(health.warnings()).toMatchObject([{ code: 'ENGINE_REVIVED', text: expect.stringContaining('boom again') }]);
  clock.advance(100_000);
  expect([health.warnings(), clock.pending]).toEqual([[], 0]);
});

test('a device that is gone, and a revival that fails, are the end', () => {
  const gone = revival();
  gone.it.died('the device is gone', false);
  expect([gone.over, gone.health.warnings()]).toEqual([['the device is gone'], []]);
  const failing = revival(() => {
    throw new Error('no memory');
  });
  failing.it.died('boom', true);
  expect(failing.over).toEqual([expect.stringMatching(/boom.*no memory/)]);
});
