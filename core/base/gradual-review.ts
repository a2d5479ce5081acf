/** Looks at many things after a change, some in each turn of the event loop, so that nothing else waits for thousands of them. */

/** Things looked at in a turn: some microseconds each. */
const burst = 64;

export class GradualReview<T> {
  readonly #all: () => Iterable<T>;
  readonly #look: (each: T) => void;
  #left: T[] = [];
  #isDue = false;
  #isUnderWay = false;

  /** `look` must bear a thing that is gone meanwhile. */
  constructor(all: () => Iterable<T>, look: (each: T) => void) {
    this.#all = all;
    this.#look = look;
  }

  /**
   * Everything is to be looked at; the first are at once. However often that is demanded while a review is under way, it comes
   * to its end, and one more follows.
   */
  demand(): void {
    this.#isDue = true;
    if (!this.#isUnderWay) this.#step();
  }

  #step(): void {
    if (this.#left.length === 0 && this.#isDue) {
      this.#isDue = false;
      this.#left = [...this.#all()].toReversed();
    }
    for (let count = 0; count < burst; count += 1) {
      const each = this.#left.pop();
      if (each === undefined) break;
      this.#look(each);
    }
    this.#isUnderWay = this.#left.length > 0 || this.#isDue;
    if (this.#isUnderWay) setImmediate(() => this.#step());
  }
}
