/** Durable state as narrow interfaces; SQLite in the helper, memory in tests. */
import type { StoredMapping } from '../base/stored-mapping.ts';

/** All methods may throw FAKE_IP_STORE; nothing has changed then. None keeps the objects it is given: their owner may change them. */
export interface MappingStore {
  /** Every mapping, in no order. */
  load(): StoredMapping[];
  /** When an earlier table was lost, Unix time in milliseconds; 0 = never. */
  readonly lostAt: number;
  /** A row that no mapping has had. Rows in order of their ids lie together on disk: that is what makes many new ones cheap. */
  newId(): number;
  /** All or none; durable against the death of the process when it returns. Replaces what their rows held before. */
  put(mappings: readonly StoredMapping[]): void;
  /** Counts, times and marks of known mappings; batched, may be lost with the process. */
  updateStatistics(mappings: readonly StoredMapping[]): void;
  remove(ids: readonly number[]): void;
  /** Prefixes that fake addresses were given out of, and still are understood: the present one and former ones. */
  ranges(): string[];
  addRange(range: string): void;
  removeRange(range: string): void;
  close(): void;
}
