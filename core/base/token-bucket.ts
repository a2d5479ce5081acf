/** A token bucket: so much at once, so much a second after that. */
import type { Clock } from './clock.ts';

export class TokenBucket {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** Full at first: `burst` tokens, and `perSecond` more each second up to that. */
  constructor(clock: Pick<Clock, 'monotonic'>, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = clock.monotonic();
  }

  /** Takes so many if they are there, or all of a full bucket for something that costs more than it can hold. */
  take(cost = 1): boolean {
    this.#refill();
    if (this.#tokens < Math.min(cost, this.#burst)) return false;
    this.#tokens -= Math.min(cost, this.#burst);
    return true;
  }

  /** Takes so many whether they are there or not; what is owed delays whoever takes next. */
  owe(cost: number): void {
    this.#refill();
    this.#tokens -= cost;
  }

  /** Milliseconds until `take(cost)` succeeds; 0 when it would now. */
  waitMs(cost = 1): number {
    this.#refill();
    const missing = Math.min(cost, this.#burst) - this.#tokens;
    return missing <= 0 ? 0 : Math.ceil((missing / this.#perSecond) * 1000);
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
  }
}
