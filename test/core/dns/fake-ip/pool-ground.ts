/** A store with what was said of it, from which the tests of the pool open pools one after the other. */
import { beforeEach } from 'vitest';
import type { FakeIpPool } from '../../../../core/dns/fake-ip/fake-ip-pool.ts';
import { MemoryStateStore } from '../../../../core/state/memory-state-store.ts';
import { FastClock, makePool, RecordedHealth } from './pool-fixture.ts';

export const small = '198.18.0.0/28';
export const client = '198.18.0.1';

export class PoolGround {
  store = new MemoryStateStore();
  clock = new FastClock();
  health = new RecordedHealth();

  begin(): void {
    this.store = new MemoryStateStore();
    this.clock = new FastClock();
    this.health = new RecordedHealth();
  }

  readonly open = (range = small): FakeIpPool => {
    const pool = makePool(this.store, { range, clock: this.clock, health: this.health });
    pool.start();
    return pool;
  };

  /** Takes every address; returns them. */
  readonly fill = (pool: FakeIpPool, prefix: string): string[] =>
    Array.from({ length: pool.capacity }, (_, i) => pool.allocate(`${prefix}${i}.example`, `client${i % 3}`));
}

/** A ground of its own for each test of the file. */
export function poolGround(): PoolGround {
  const ground = new PoolGround();
  beforeEach(() => ground.begin());
  return ground;
}
