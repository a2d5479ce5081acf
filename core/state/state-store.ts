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
  readonly pinned: boolean;
  /** Flushed: understood until its rest ends, not given out any more. */
  readonly retired: boolean;
  /** Name that the address meant before, and until when (Unix time in milliseconds) it may still mean that; empty and 0 = none. */
  readonly former: string;
  readonly formerUntil: number;
}

export interface MappingStore {
  /** Every mapping, in no order. */
  load(): StoredMapping[];
  /** When an earlier table was lost, Unix time in milliseconds; 0 = never. */
  readonly lostAt: number;
  /** Durable against the death of the process when it returns; replaces what the address meant before. */
  put(mapping: StoredMapping): void;
  /** Counts and times of known addresses; batched, may be lost with the process. */
  updateStatistics(mappings: readonly StoredMapping[]): void;
  remove(addresses: readonly Ip[]): void;
  close(): void;
}
