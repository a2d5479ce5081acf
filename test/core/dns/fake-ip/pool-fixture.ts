/** A pool with everything it needs in memory, and a clock whose hours pass in milliseconds. */
import type { Clock } from '../../../../core/base/clock.ts';
import { silentLogger } from '../../../../core/base/logger.ts';
import type { HealthWarning } from '../../../../core/contract/status.ts';
import type { PoolStore } from '../../../../core/dns/fake-ip/fake-ip-mapping.ts';
import { FakeIpPool } from '../../../../core/dns/fake-ip/fake-ip-pool.ts';
import type { FakeIpHealth } from '../../../../core/dns/fake-ip/fake-ip-trouble.ts';

export const seconds = 1_000;
export const minutes = 60 * seconds;
export const hours = 60 * minutes;

/** Runs repeated callbacks every second near the end of a long wait, every 30 s before. Timers without repetition are not offered. */
export class FastClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #callbacks = new Set<() => void>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(): () => void {
    throw new Error('the pool needs no timeouts');
  }

  every(_ms: number, callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** As after the death of the process whose callbacks they were. */
  clear(): void {
    this.#callbacks.clear();
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    while (this.#now < end) {
      const left = end - this.#now;
      this.#now += Math.min(left, left > 100 * seconds ? 30 * seconds : seconds);
      for (const callback of this.#callbacks) callback();
    }
  }
}

export class RecordedHealth implements FakeIpHealth {
  readonly warnings = new Map<string, HealthWarning>();

  raise(warning: HealthWarning): void {
    this.warnings.set(warning.code, warning);
  }

  clear(code: string): void {
    this.warnings.delete(code);
  }
}

export const testKey = Uint8Array.from({ length: 16 }, (_, i) => i);

export function makePool(
  store: PoolStore,
  options: { range?: string; clock?: Clock; health?: FakeIpHealth; key?: Uint8Array } = {},
): FakeIpPool {
  return new FakeIpPool({
    range: options.range ?? '198.18.0.0/15',
    key: options.key ?? testKey,
    store,
    clock: options.clock ?? new FastClock(),
    health: options.health ?? new RecordedHealth(),
    logger: silentLogger,
  });
}
