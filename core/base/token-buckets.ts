/** A token bucket for each of several clients, of whom so many are known at once. */
import type { Clock } from './clock.ts';
import { TokenBucket } from './token-bucket.ts';

/** Whoever was not heard of for longest is forgotten for another, and begins anew with a full bucket. */
const mostKnown = 256;

export class TokenBuckets<K> {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<K, TokenBucket>();

  constructor(clock: Pick<Clock, 'monotonic'>, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Takes one of a client's tokens if there is one. */
  take(client: K): boolean {
    const bucket = this.#buckets.get(client) ?? new TokenBucket(this.#clock, this.#perSecond, this.#burst);
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > mostKnown && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket.take();
  }
}
