import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';

const days = (n: number): number => n * 86_400_000;

describe('systemClock, for times that timers do not know', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('calls once, when all of the time is over', () => {
    const called = vi.fn();
    systemClock.after(days(60), called);
    vi.advanceTimersByTime(days(60) - 1);
    expect(called).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(called).toHaveBeenCalledTimes(1);
  });

  it('can be cancelled in every part of a long wait', () => {
    const called = vi.fn();
    const cancel = systemClock.after(days(60), called);
    vi.advanceTimersByTime(days(30));
    cancel();
    vi.advanceTimersByTime(days(60));
    expect(called).not.toHaveBeenCalled();
  });

  it.each([2 ** 31, days(60), Number.MAX_SAFE_INTEGER])('does not call every millisecond for %d ms', (ms) => {
    const called = vi.fn();
    const cancel = systemClock.every(ms, called);
    vi.advanceTimersByTime(days(24));
    expect(called).not.toHaveBeenCalled();
    cancel();
  });
});
