/** A name and the fake address that stands for it: as the pool holds it, as it is stored, and as people see it. */
import type { Ip } from '../../base/address.ts';
import type { StoredMapping } from '../../base/stored-mapping.ts';
import type { MappingRow } from '../../contract/dns.ts';
import type { FakeIpRange } from './fake-ip-range.ts';
import { lastUse, type Queued, stateOf } from './fake-ip-reuse.ts';

export type Mapping = Omit<StoredMapping, 'id'> & { readonly liveFlows: number };

/** What the pool needs of the state store (`MappingStore` of core/state fits). All methods may throw FAKE_IP_STORE; none keeps what it is given. */
export interface PoolStore {
  load(): StoredMapping[];
  newId(): number;
  /** All or none, durable when it returns. */
  put(mappings: readonly StoredMapping[]): void;
  updateStatistics(mappings: readonly StoredMapping[]): void;
  remove(ids: readonly number[]): void;
  /** When an earlier table was lost, Unix time in milliseconds; 0 = never. */
  readonly lostAt: number;
}

/** A name that is asked for again and again, with the mapping that a pool found for it. For one pool. */
export interface AskedName {
  readonly name: string;
  /** The pool's own: it looks whether this is still the name's. */
  entry?: Entry | undefined;
}

/** A mapping in the pool's hands. A class, so that all have one shape and none carries what can be told from its slot. */
export class Entry implements Mapping, Queued<Entry> {
  readonly id: number;
  readonly slot: number;
  readonly name: string;
  readonly client: string;
  readonly firstSeen: number;
  lastAnswered: number;
  lastConnected = 0;
  answers = 1;
  flows = 0;
  liveFlows = 0;
  outcome = '';
  pinned = false;
  retired = false;
  /** Whether the name has this mapping: a pool finds it by the name. */
  isCurrent = false;
  former = '';
  formerUntil = 0;
  /** When a dial last succeeded, or a flow that had succeeded ended; 0 = not since the start. */
  workedAt = 0;
  /** Last use as the store has it. */
  savedUse: number;
  /** Whether `FakeIpStatistics` has it among what is to be stored, and among what flows use: a look into its sets costs more. */
  isUnsaved = false;
  isLive = false;
  queue: Queued<Entry>['queue'] = undefined;
  older: Entry | undefined = undefined;
  newer: Entry | undefined = undefined;
  readonly #range: FakeIpRange;

  /** A name that is answered for the first time. */
  constructor(range: FakeIpRange, id: number, slot: number, name: string, client: string, now: number) {
    this.#range = range;
    this.id = id;
    this.slot = slot;
    this.name = name;
    this.client = client;
    this.firstSeen = now;
    this.lastAnswered = now;
    this.savedUse = now;
  }

  /** What the store has. */
  static of(mapping: StoredMapping, range: FakeIpRange, slot: number, client: string): Entry {
    const entry = new Entry(range, mapping.id, slot, mapping.name, client, mapping.firstSeen);
    entry.lastAnswered = mapping.lastAnswered;
    entry.lastConnected = mapping.lastConnected;
    entry.answers = mapping.answers;
    entry.flows = mapping.flows;
    entry.outcome = mapping.outcome;
    entry.pinned = mapping.pinned;
    entry.retired = mapping.retired;
    entry.former = mapping.former;
    entry.formerUntil = mapping.formerUntil;
    entry.savedUse = lastUse(mapping);
    return entry;
  }

  get address(): Ip {
    return this.#range.addressOf(this.slot);
  }
}

export function rowOf(entry: Mapping, now: number): MappingRow {
  const { address, name, firstSeen, lastAnswered, lastConnected, answers, flows, liveFlows, outcome } = entry;
  return {
    address,
    name,
    state: entry.retired && liveFlows === 0 ? 'retired' : stateOf(entry, now),
    firstSeen,
    lastAnswered,
    lastConnected,
    answers,
    flows,
    liveFlows,
    pinned: entry.pinned,
    ...(entry.formerUntil > now ? { former: entry.former } : {}),
    outcome,
  };
}

/** The row of an address that somebody connected to though it had no name. */
export function unknownRow(address: Ip, at: number): MappingRow {
  return {
    address,
    name: '',
    state: 'unknown',
    firstSeen: 0,
    lastAnswered: 0,
    lastConnected: at,
    answers: 0,
    flows: 0,
    liveFlows: 0,
    pinned: false,
    outcome: '',
  };
}
