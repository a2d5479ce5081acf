/**
 * A clock that goes as fast as this process does: while others have its processor, it stands still. So a deadline is missed by who
 * works too long, and not because the machine is busy.
 */
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../core/base/clock.ts';

export const fairClock: Clock = {
  now: () => performance.timeOrigin + fairTime(),
  monotonic: fairTime,
  after(ms, callback) {
    const due = fairTime() + ms;
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      timer = setTimeout(() => {
        const more = due - fairTime();
        if (more > 0) wait(more);
        else callback();
      }, left).unref();
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
  every(ms, callback) {
    let cancel: () => void;
    const again = (): void => {
      cancel = fairClock.after(ms, () => {
        again();
        callback();
      });
    };
    again();
    return () => cancel();
  },
};

/** Milliseconds that this thread has waited for something to do, or worked. The kernel counts work in ticks of some milliseconds. */
function fairTime(): number {
  const { user, system } = process.threadCpuUsage();
  return performance.eventLoopUtilization().idle + (user + system) / 1_000;
}
