/** The time of day for everything that shows an age, moving once a second while somebody looks. */

export interface ClockOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Calls back every so many milliseconds; the returned function ends it. */
  readonly every: (ms: number, callback: () => void) => () => void;
}

export class SecondClock {
  readonly #options: ClockOptions;
  readonly #listeners = new Set<() => void>();
  #time: number;
  #stop: (() => void) | undefined;

  constructor(options: ClockOptions) {
    this.#options = options;
    this.#time = options.now();
  }

  readonly watch = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#stop ??= this.#options.every(1000, () => this.#tick());
    if (this.#options.now() - this.#time >= 1000) this.#tick();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  };

  /** Unix milliseconds of the last tick. */
  readonly time = (): number => this.#time;

  #tick(): void {
    this.#time = this.#options.now();
    for (const listener of this.#listeners) listener();
  }
}
