import { describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { Lifetime, orAborted, within } from '../../../core/base/deadline.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const never = new Promise<never>(() => undefined);
const error = (code: 'DNS_TIMEOUT' | 'DNS_IO' = 'DNS_TIMEOUT') => new AppError(code, 'told');

describe('within', () => {
  test('what comes in time counts, be it undefined or a failure, and the timer is gone', async () => {
    const clock = new ManualClock();
    expect(await within(clock, 100, Promise.resolve(1), () => 2)).toBe(1);
    expect(await within(clock, 100, Promise.resolve(undefined), () => 2)).toBeUndefined();
    await expect(within(clock, 100, Promise.reject(error()), () => 2)).rejects.toMatchObject({ code: 'DNS_TIMEOUT' });
    expect(clock.pending).toBe(0);
  });

  test('later, what `late` returns or throws counts', async () => {
    const clock = new ManualClock();
    const told = within(clock, 100, never, () => 2);
    const thrown = within(clock, 100, never, () => {
      throw error();
    });
    const outcomes = Promise.allSettled([told, thrown]);
    await clock.advance(99);
    expect(clock.pending).toBe(2);
    await clock.advance(1);
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: 2 },
      { status: 'rejected', reason: expect.objectContaining({ code: 'DNS_TIMEOUT' }) },
    ]);
  });

  test('a failure after the deadline is nobody’s, not a defect of the process', async () => {
    const clock = new ManualClock();
    const work = Promise.withResolvers<number>();
    const told = within(clock, 100, work.promise, () => 2);
    await clock.advance(100);
    work.reject(error());
    expect(await told).toBe(2);
  });
});

describe('orAborted', () => {
  test.each([
    ['an error of ours passes', error('DNS_IO'), 'DNS_IO'],
    ['any other has the code that is asked for', new Error('x'), 'DNS_TIMEOUT'],
  ])('gives up with the reason: %s', async (_what, reason, code) => {
    const life = new AbortController();
    const waiting = orAborted(never, life.signal, 'DNS_TIMEOUT');
    life.abort(reason);
    await expect(waiting).rejects.toMatchObject({ code });
    await expect(orAborted(never, life.signal, 'DNS_TIMEOUT')).rejects.toMatchObject({ code });
  });

  test('what is done is done', async () => {
    expect(await orAborted(Promise.resolve(1), new AbortController().signal, 'DNS_IO')).toBe(1);
  });
});

describe('Lifetime', () => {
  test('ends with the outer one, also with one that has ended', () => {
    const outer = new AbortController();
    const life = new Lifetime(outer.signal);
    outer.abort('over');
    expect([life.signal.aborted, life.signal.reason]).toEqual([true, 'over']);
    expect(new Lifetime(outer.signal).signal.reason).toBe('over');
  });

  test('ends at its deadline, the last one that was set, with its own reason', async () => {
    const clock = new ManualClock();
    const life = new Lifetime().endAfter(clock, 10, error).endAfter(clock, 100, () => error('DNS_IO'));
    await clock.advance(99);
    expect(life.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(life.signal.reason).toMatchObject({ code: 'DNS_IO' });
  });

  test('released, it ends only when it is told to', async () => {
    const clock = new ManualClock();
    const outer = new AbortController();
    const life = new Lifetime(outer.signal).endAfter(clock, 10, error);
    life.release();
    outer.abort('over');
    await clock.advance(10);
    expect([life.signal.aborted, clock.pending]).toEqual([false, 0]);
    life.abort('told');
    expect(life.signal.reason).toBe('told');
  });
});
