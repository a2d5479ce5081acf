/** The mapping table as viewers watch it, also over a change of the fake range, which brings another pool. */
import { Emitter } from '../base/emitter.ts';
import type { MappingRow } from '../contract/dns.ts';
import type { FakeIpPool } from '../dns/fake-ip-pool.ts';
import type { TopicSource } from '../rpc/topic-source.ts';

export class MappingTopic implements TopicSource<'mappings'> {
  readonly #changed = new Emitter<Iterable<string>>();
  #pool: FakeIpPool;
  #unwatch: (() => void) | undefined;

  constructor(pool: FakeIpPool) {
    this.#pool = pool;
  }

  /** From now on this pool's table is shown. */
  show(pool: FakeIpPool): void {
    const before = this.#pool;
    this.#pool = pool;
    if (this.#unwatch === undefined) return;
    this.#unwatch();
    this.#unwatch = this.#watchPool();
    this.#changed.emit([...before.rows(), ...pool.rows()].map((row) => row.address));
  }

  /** By last use, so that the newest come last. */
  rows(): MappingRow[] {
    return this.#pool.rows().sort((a, b) => lastUse(a) - lastUse(b));
  }

  row(key: string): MappingRow | undefined {
    return this.#pool.row(key);
  }

  watch(changed: (keys: Iterable<string>) => void): () => void {
    const unwatch = this.#changed.on(changed);
    this.#unwatch ??= this.#watchPool();
    return () => {
      unwatch();
      if (this.#changed.size > 0) return;
      this.#unwatch?.();
      this.#unwatch = undefined;
    };
  }

  #watchPool(): () => void {
    return this.#pool.changed.on((address) => this.#changed.emit([address]));
  }
}

function lastUse(row: MappingRow): number {
  return Math.max(row.lastAnswered, row.lastConnected);
}
