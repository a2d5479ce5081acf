import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../core/base/logger.ts';
import type { Steps } from '../../../core/base/steps.ts';
import { BackgroundWork } from '../../../core/rpc/background-work.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** Steps that take so many milliseconds of the clock each. */
function* working(clock: ManualClock, steps: number, ms: number, note: () => void = () => undefined): Steps<string> {
  for (let i = 0; i < steps; i++) {
    clock.run(ms);
    note();
    yield;
  }
  return 'done';
}

function started() {
  const clock = new ManualClock();
  const logged: string[] = [];
  const log = { ...silentLogger, error: (message: string) => void logged.push(message) };
  return { clock, logged, work: new BackgroundWork(clock, log) };
}

test('what takes no time is done at once', () => {
  const { clock, work } = started();
  const outcomes: unknown[] = [];
  work.run(1, working(clock, 10, 0), (outcome) => outcomes.push(outcome));
  expect(outcomes).toEqual([{ value: 'done' }]);
  expect([work.waiting(1), clock.pending]).toEqual([0, 0]);
});

test('what takes long gets a third of the time, in slices of a few milliseconds', () => {
  const { clock, work } = started();
  const begun = clock.monotonic();
  const at: number[] = [];
  const outcomes: unknown[] = [];
  work.run(
    1,
    working(clock, 100, 1, () => at.push(clock.monotonic() - begun)),
    (outcome) => outcomes.push(outcome),
  );
  while (outcomes.length === 0) clock.run(1);
  expect(clock.monotonic() - begun).toBeGreaterThan(270);
  // Never more than two milliseconds in a row.
  expect(at.filter((time, i) => i >= 2 && time - (at[i - 2] ?? 0) < 3)).toEqual([]);
});

test('users take turns, however much one of them asks for', () => {
  const { clock, work } = started();
  const finished: string[] = [];
  for (let i = 0; i < 50; i++) work.run(1, working(clock, 20, 1), () => finished.push('many'));
  work.run(2, working(clock, 20, 1), () => finished.push('one'));
  while (finished.length < 10) clock.run(1);
  expect(finished.indexOf('one')).toBeLessThan(3);
});

describe('an end', () => {
  test('of work that fails is told, and the others go on', () => {
    const { clock, work } = started();
    const outcomes: unknown[] = [];
    const failing = (function* (): Steps<void> {
      yield;
      throw new Error('broken');
    })();
    work.run(1, failing, (outcome) => outcomes.push(outcome));
    work.run(1, working(clock, 1, 0), (outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([{ error: new Error('broken') }, { value: 'done' }]);
  });

  test.each([0, 1])('that is told to somebody who throws is logged, and the others go on (steps of %d ms)', (ms) => {
    const { clock, logged, work } = started();
    const outcomes: unknown[] = [];
    for (const client of [1, 2, 1]) {
      work.run(client, working(clock, 5, ms), (outcome) => {
        outcomes.push(outcome);
        if (outcomes.length < 3) throw new Error('broken');
      });
    }
    clock.run(1_000);
    expect(outcomes).toEqual(Array.from({ length: 3 }, () => ({ value: 'done' })));
    expect([logged.length, work.waiting(1), work.waiting(2), clock.pending]).toEqual([2, 0, 0, 0]);
  });

  test('of work that nobody wants any more is silent, and leaves no timer', () => {
    const { clock, work } = started();
    const outcomes: unknown[] = [];
    const task = work.run(1, working(clock, 100, 1), (outcome) => outcomes.push(outcome));
    task.cancel();
    clock.run(10_000);
    expect([outcomes, work.waiting(1), clock.pending]).toEqual([[], 0, 0]);
  });
});
