import { describe, expect, test } from 'vitest';
import { ChangeQueue, isSuperseded, type Subject } from '../../../core/app/change-queue.ts';
import { AppError } from '../../../core/base/app-error.ts';
import { deferred } from '../../../core/base/deferred.ts';
import { settle } from '../../support/manual-clock.ts';

/** A task that waits at its gate and gives up there when its signal says so. */
function gated(log: string[], name: string) {
  const gate = deferred<undefined>();
  const task = async (signal: AbortSignal): Promise<string> => {
    log.push(`${name} begins`);
    await gate.promise;
    signal.throwIfAborted();
    log.push(`${name} does it`);
    return name;
  };
  return { gate, task };
}

test('one at a time, in order, of whatever subject; one that fails holds nobody up', async () => {
  const queue = new ChangeQueue();
  const log: string[] = [];
  let under = 0;
  const subjects: Subject[] = ['profile', 'enhanced', 'wait', 'profile', 'enhanced', 'wait'];
  const all = subjects.map((subject, i) =>
    queue.run(subject, async () => {
      expect(++under).toBe(1);
      await settle();
      under -= 1;
      log.push(`${i}`);
      if (i === 2) throw new Error('no');
      return i;
    }),
  );
  const outcomes = await Promise.allSettled(all);
  expect(outcomes.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
  expect(log).toEqual(['0', '1', '2', '3', '4', '5']);
});

describe('the newest of a subject decides', () => {
  test('one under way gives up where it can, and is answered by the newest, however many came between', async () => {
    const queue = new ChangeQueue();
    const log: string[] = [];
    const [a, b, c] = [gated(log, 'a'), gated(log, 'b'), gated(log, 'c')];
    const answers = [a, b, c].map(({ task }) => queue.run('profile', task));
    for (const { gate } of [a, b, c]) gate.resolve(undefined);
    expect(await Promise.all(answers)).toEqual(['c', 'c', 'c']);
    expect(log).toEqual(['a begins', 'b begins', 'c begins', 'c does it']);
  });

  test('its failure is the failure of those it stands for, not of other subjects', async () => {
    const queue = new ChangeQueue();
    const log: string[] = [];
    const [a, other] = [gated(log, 'a'), gated(log, 'other')];
    const first = queue.run('profile', a.task);
    const enhanced = queue.run('enhanced', other.task);
    const second = queue.run('profile', async () => {
      throw new AppError('CONFIG_INVALID', 'no');
    });
    a.gate.resolve(undefined);
    other.gate.resolve(undefined);
    await expect(first).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(second).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await enhanced).toBe('other');
  });

  test('one that has done its work in spite of it is answered by what it did', async () => {
    const queue = new ChangeQueue();
    const gate = deferred<undefined>();
    const first = queue.run('profile', async (signal) => {
      await gate.promise;
      return isSuperseded(signal.reason) ? 'too late' : 'alone';
    });
    const second = queue.run('profile', async () => 'second');
    gate.resolve(undefined);
    expect(await Promise.all([first, second])).toEqual(['too late', 'second']);
  });
});

describe('dropped', () => {
  test('those that wait do not begin, the one that runs ends where it can, other subjects go on', async () => {
    const queue = new ChangeQueue();
    const log: string[] = [];
    const [a, b, other] = [gated(log, 'a'), gated(log, 'b'), gated(log, 'other')];
    const all = [queue.run('profile', a.task), queue.run('enhanced', other.task), queue.run('profile', b.task)];
    await settle();
    queue.drop(new AppError('APPLY_CANCELLED', 'no'), 'profile');
    for (const { gate } of [a, b, other]) gate.resolve(undefined);
    const outcomes = await Promise.allSettled(all);
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'APPLY_CANCELLED' } },
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'APPLY_CANCELLED' } },
    ]);
    expect(log).toEqual(['a begins', 'other begins', 'other does it']);
    expect(await queue.run('profile', async () => 'later')).toBe('later');
  });

  test('all of them, whatever they are about', async () => {
    const queue = new ChangeQueue();
    const gate = deferred<undefined>();
    const all = (['wait', 'profile', 'enhanced'] as const).map((subject) =>
      queue.run(subject, async (signal) => {
        await gate.promise;
        signal.throwIfAborted();
      }),
    );
    queue.drop(new AppError('RPC_CLOSED', 'the end'));
    gate.resolve(undefined);
    for (const { status } of await Promise.allSettled(all)) expect(status).toBe('rejected');
  });
});

test('more than 64 that have not ended are refused; ended ones leave their place', async () => {
  const queue = new ChangeQueue();
  for (let round = 0; round < 3; round++) {
    const gate = deferred<undefined>();
    const all = Array.from({ length: 64 }, () => queue.run('wait', () => gate.promise));
    await expect(queue.run('enhanced', async () => 1)).rejects.toMatchObject({ code: 'RPC_BUSY' });
    gate.resolve(undefined);
    await Promise.all(all);
    await settle();
  }
});
