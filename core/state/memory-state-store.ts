/** Mappings and choices in memory, for tests and for tools that keep nothing. */
import { type StoredMapping, storedMapping } from '../base/stored-mapping.ts';
import type { ChoiceStore } from './choice-store.ts';
import type { MappingStore } from './state-store.ts';

export class MemoryStateStore implements MappingStore, ChoiceStore {
  readonly #choices = new Map<number, Map<string, string>>();
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
    for (const mapping of mappings) this.#mappings.set(mapping.id, storedMapping(mapping));
  }

  updateStatistics(mappings: readonly StoredMapping[]): void {
    for (const mapping of mappings) {
      if (this.#mappings.get(mapping.id)?.name === mapping.name) this.#mappings.set(mapping.id, storedMapping(mapping));
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

  choices(uid: number): Map<string, string> {
    return new Map(this.#choices.get(uid));
  }

  choose(uid: number, group: string, member: string | null): void {
    const choices = this.choices(uid);
    choices.delete(group);
    if (member !== null) choices.set(group, member);
    this.#choices.set(uid, choices);
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
