/** Waiting times between attempts to reconnect: doubling, jittered, bounded. */

export interface BackOffOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** 0..1. */
  readonly random: () => number;
}

export class BackOff {
  readonly #options: BackOffOptions;
  #attempts = 0;

  constructor(options: BackOffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait before the next attempt: between half and the whole of the doubled time. */
  next(): number {
    const { firstMs, longestMs, random } = this.#options;
    const whole = Math.min(longestMs, firstMs * 2 ** this.#attempts++);
    return whole / 2 + (whole / 2) * random();
  }

  /** After a success. */
  reset(): void {
    this.#attempts = 0;
  }
}
