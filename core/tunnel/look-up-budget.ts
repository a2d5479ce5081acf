/** How much time goes into processes that no rule asks about: people like to see them, and connections must not be slower for it. */
import type { Clock } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';

/**
 * Milliseconds of the look-up thread a second, while somebody watches the connections and else, and at once: one takes from 0.1 to
 * 20, by how many processes there are.
 */
export const lookUpTime = { watched: 100, unwatched: 25 };
const burst = 250;

export class LookUpBudget {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #time: TokenBucket;
  /** Under way; one after the other on one thread. */
  #running = 0;
  /** Until when the thread's time was paid for. */
  #paidUntil = 0;

  constructor(clock: Pick<Clock, 'monotonic'>, perSecond: number) {
    this.#clock = clock;
    this.#time = new TokenBucket(clock, perSecond, burst);
  }

  /** Looks something up if there is time for it. */
  spend(lookUp: () => Promise<unknown>): void {
    if (this.#time.waitMs(0) > 0) return;
    void this.#payFor(lookUp);
  }

  async #payFor(lookUp: () => Promise<unknown>): Promise<void> {
    if (this.#running++ === 0) this.#paidUntil = this.#clock.monotonic();
    await lookUp().catch(() => undefined);
    this.#running--;
    const now = this.#clock.monotonic();
    this.#time.owe(now - this.#paidUntil);
    this.#paidUntil = now;
  }
}
