/** Limits how often something is done: a burst at first, then one each interval, by a clock that the caller reads. */
export class TokenBucket {
  readonly #burst: number;
  readonly #intervalMs: number;
  #tokens: number;
  #updated = 0;

  /** `burst` at once; one more every `intervalMs`. */
  constructor(burst: number, intervalMs: number) {
    this.#burst = burst;
    this.#intervalMs = intervalMs;
    this.#tokens = burst;
  }

  /** Takes a token and answers 0, or answers in how many milliseconds there will be one. */
  take(now: number): number {
    const available = this.available(now);
    if (available < 1) return Math.ceil((1 - available) * this.#intervalMs);
    this.#tokens = available - 1;
    this.#updated = now;
    return 0;
  }

  /** Tokens there are now, fractions included. */
  available(now: number): number {
    return Math.min(this.#burst, this.#tokens + (now - this.#updated) / this.#intervalMs);
  }
}
