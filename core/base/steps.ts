/** Work that is done in steps, so that whoever drives it can pause: what is done between two `yield`s takes well below a millisecond. */
export type Steps<T> = Generator<void, T, void>;

/** All of it at once, where nobody waits for this thread. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
