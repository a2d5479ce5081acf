/** A name and the fake address that stands for it, as it is kept on disk: the one record of pool and stores. */
import type { Ip } from './address.ts';

export interface StoredMapping {
  /** Its row, of the store's `newId`; an address keeps it whatever it comes to mean. */
  readonly id: number;
  readonly address: Ip;
  /** Normalised. */
  readonly name: string;
  /** Whose share of the range it counts against: `uid:1000`, or an address. */
  readonly client: string;
  /** Unix time in milliseconds, as all times here; 0 = never. */
  readonly firstSeen: number;
  readonly lastAnswered: number;
  readonly lastConnected: number;
  readonly answers: number;
  readonly flows: number;
  /** Of the last flow that ended: `ok` or an error code; empty before. */
  readonly outcome: string;
  readonly pinned: boolean;
  /** Flushed: understood until its rest ends, not given out any more. */
  readonly retired: boolean;
  /** Name that the address meant before, until when it may still mean that; empty and 0 = none. */
  readonly former: string;
  readonly formerUntil: number;
}

/** The record alone, of whatever has its fields: later changes of that do not change it. */
export function storedMapping(mapping: StoredMapping): StoredMapping {
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
