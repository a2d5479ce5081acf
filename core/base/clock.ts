/** Time as a dependency, so that tests own it. */
export interface Clock {
  /** Unix time in milliseconds; may jump. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number;
  /** Calls once after `ms`; the returned function cancels. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
  /** Calls every `ms` until cancelled. Does not keep the process alive. */
  every(ms: number, callback: () => void): () => void;
}

/** The longest time that the timers of JavaScript know; they take a longer one for 1 ms. Milliseconds. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      const next = left > maxTimerMs ? () => wait(left - maxTimerMs) : callback;
      timer = setTimeout(next, Math.min(left, maxTimerMs));
      timer.unref();
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
  /** Every 24.8 days where `ms` is longer. */
  every(ms, callback) {
    const timer = setInterval(callback, Math.min(ms, maxTimerMs));
    timer.unref();
    return () => clearInterval(timer);
  },
};
