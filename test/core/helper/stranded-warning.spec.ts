import { beforeEach, expect, test } from 'vitest';
import { Health } from '../../../core/helper/health.ts';
import { StrandedWarning } from '../../../core/helper/stranded-warning.ts';
import { ManualClock } from '../../support/manual-clock.ts';

let clock: ManualClock;
let health: Health;
let names: string[];
let warning: StrandedWarning;
const settle = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  clock = new ManualClock();
  health = new Health();
  names = ['web (0123456789ab)'];
  warning = new StrandedWarning(async () => names, health, clock);
});

test('names them, until they have been restarted', async () => {
  await warning.begin();
  expect(health.warnings()).toMatchObject([
    { code: 'CONTAINERS_WITHOUT_DNS', text: expect.stringContaining('web (0123456789ab)') },
  ]);
  names = [];
  clock.run(30_000);
  await settle();
  expect(health.warnings()).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('nobody is left, or it is on again: nothing is said, nothing waits', async () => {
  const looking = warning.begin();
  warning.end();
  await looking;
  expect([health.warnings(), clock.pending]).toEqual([[], 0]);
  names = [];
  await warning.begin();
  expect([health.warnings(), clock.pending]).toEqual([[], 0]);
});

test('not for ever', async () => {
  await warning.begin();
  for (let i = 0; i < 25; i++) {
    clock.run(30_000);
    await settle();
  }
  expect([health.warnings(), clock.pending]).toEqual([[], 0]);
});
