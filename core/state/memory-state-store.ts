/** Mappings in memory, for tests and for tools that keep nothing. */
import type { Ip } from '../base/address.ts';
import type { MappingStore, StoredMapping } from './state-store.ts';

export class MemoryStateStore implements MappingStore {
  readonly #mappings = new Map<Ip, StoredMapping>();
  /** As if the table had been lost then. */
  lostAt = 0;

  load(): StoredMapping[] {
    return [...this.#mappings.values()];
  }

  put(mapping: StoredMapping): void {
    this.#mappings.set(mapping.address, mapping);
  }

  updateStatistics(mappings: readonly StoredMapping[]): void {
    for (const mapping of mappings) {
      if (this.#mappings.get(mapping.address)?.name === mapping.name) this.#mappings.set(mapping.address, mapping);
    }
  }

  remove(addresses: readonly Ip[]): void {
    for (const address of addresses) this.#mappings.delete(address);
  }

  /** What was stored stays and can be loaded again, as from disk. */
  close(): void {
    // Nothing is held open.
  }
}
