/** Mappings in memory, for tests and for tools that keep nothing. */
import type { MappingStore, StoredMapping } from './state-store.ts';

export class MemoryStateStore implements MappingStore {
  readonly #mappings = new Map<number, StoredMapping>();
  readonly #ranges = new Set<string>();
  #lastId = 0;
  /** As if the table had been lost then. */
  lostAt = 0;

  load(): StoredMapping[] {
    return [...this.#mappings.values()];
  }

  newId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  put(mappings: readonly StoredMapping[]): void {
    for (const mapping of mappings) this.#mappings.set(mapping.id, copyOf(mapping));
  }

  updateStatistics(mappings: readonly StoredMapping[]): void {
    for (const mapping of mappings) {
      if (this.#mappings.get(mapping.id)?.name === mapping.name) this.#mappings.set(mapping.id, copyOf(mapping));
    }
  }

  remove(ids: readonly number[]): void {
    for (const id of ids) this.#mappings.delete(id);
  }

  ranges(): string[] {
    return [...this.#ranges];
  }

  addRange(range: string): void {
    this.#ranges.add(range);
  }

  removeRange(range: string): void {
    this.#ranges.delete(range);
  }

  /** As when the database is deleted. */
  lose(at: number): void {
    this.#mappings.clear();
    this.#ranges.clear();
    this.lostAt = at;
  }

  /** What was stored stays and can be loaded again, as from disk. */
  close(): void {
    // Nothing is held open.
  }
}

function copyOf(mapping: StoredMapping): StoredMapping {
  const { id, address, name, client, firstSeen, lastAnswered, lastConnected, answers, flows, outcome } = mapping;
  const { pinned, retired, former, formerUntil } = mapping;
  return {
    id,
    address,
    name,
    client,
    firstSeen,
    lastAnswered,
    lastConnected,
    answers,
    flows,
    outcome,
    pinned,
    retired,
    former,
    formerUntil,
  };
}
