/** Durable state as narrow interfaces; SQLite in the helper, memory in tests. */
import type { Ip } from '../base/address.ts';

export interface StoredMapping {
  readonly address: Ip;
  readonly name: string;
  readonly firstSeen: number;
  readonly lastAnswered: number;
  readonly lastConnected: number;
  readonly answers: number;
  readonly flows: number;
  readonly outcome: string;
}

export interface MappingStore {
  /** Every mapping, in no order. */
  load(): StoredMapping[];
  /** Durable against the death of the process when it returns; replaces what the address meant before. */
  put(mapping: StoredMapping): void;
  /** Counts and times of known addresses; batched, may be lost with the process. */
  updateStatistics(mappings: readonly StoredMapping[]): void;
  remove(addresses: readonly Ip[]): void;
  close(): void;
}
