/**
 * Names and the fake addresses that stand for them. A name's place is a keyed hash of it, so that it gets its old address
 * back even when the table is lost; a new mapping is stored before its address is given out. Resolves and routes nothing.
 */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';
import type { MappingRow } from '../contract/dns.ts';
import { FakeIpRange } from './fake-ip-range.ts';
import { connectedRest, lastUse, ReuseOrder, restEnd, stateOf } from './fake-ip-reuse.ts';
import { type FakeIpHealth, FakeIpTrouble } from './fake-ip-trouble.ts';
import { reduceHash, sipHash24 } from './siphash.ts';

export interface Mapping {
  readonly address: Ip;
  /** Normalised. */
  readonly name: string;
  /** Unix time in milliseconds; 0 = never. */
  readonly firstSeen: number;
  readonly lastAnswered: number;
  readonly lastConnected: number;
  readonly answers: number;
  readonly flows: number;
  readonly liveFlows: number;
  /** Of the last flow that ended: `ok` or an error code; empty before. */
  readonly outcome: string;
  readonly pinned: boolean;
  /** Flushed: understood until its rest ends. */
  readonly retired: boolean;
  /** Name that the address meant before, until when it may still mean that; empty and 0 = none. */
  readonly former: string;
  readonly formerUntil: number;
}

export type StoredMapping = Omit<Mapping, 'liveFlows'>;

/** What the pool needs of the state store (`MappingStore` of core/state fits). All methods may throw FAKE_IP_STORE. */
export interface PoolStore {
  load(): StoredMapping[];
  put(mapping: StoredMapping): void;
  updateStatistics(mappings: readonly StoredMapping[]): void;
  remove(addresses: readonly Ip[]): void;
  /** When an earlier table was lost, Unix time in milliseconds; 0 = never. */
  readonly lostAt: number;
}

export interface FakeIpPoolOptions {
  /** IPv4 prefix. Mappings of another range stay in the store untouched and unknown to this pool. */
  readonly range: string;
  /** 16 bytes, the same for the life of the installation. */
  readonly key: Uint8Array;
  readonly store: PoolStore;
  readonly clock: Clock;
  readonly health: FakeIpHealth;
  readonly logger: Logger;
}

const flushInterval = 1_000;
/** Statistics written in one go: a few milliseconds. The rest follows a second later, oldest first. */
const flushBatch = 2_000;
/** How much younger than in the store a mapping's last use may be; more is written at once, because its rest depends on it. */
const unsavedUse = 10_000;
/** A long flow's address is marked as used this often, so that a crash does not make it look idle. */
const liveRefresh = 60_000;
/** Addresses without a name that are kept from other names. */
const mostUnknown = 4_096;
/** How far from its home a name may have been before the table was lost. */
const longestDisplacement = 64;
/** A name that worked so lately exists. Milliseconds. */
const recently = 600_000;

interface Entry extends Mapping {
  readonly slot: number;
  lastAnswered: number;
  lastConnected: number;
  answers: number;
  flows: number;
  liveFlows: number;
  outcome: string;
  pinned: boolean;
  retired: boolean;
  former: string;
  formerUntil: number;
  /** When a dial last succeeded, or a flow that had succeeded ended; 0 = not since the start. */
  workedAt: number;
  /** Last use as the store has it. */
  savedUse: number;
}

export class FakeIpPool {
  readonly range: FakeIpRange;
  /** Addresses whose row changed; their state may also change by time alone. */
  readonly changed = new Emitter<Ip>();
  readonly #key: Uint8Array;
  readonly #store: PoolStore;
  readonly #clock: Clock;
  readonly #trouble: FakeIpTrouble;
  readonly #logger: Logger;
  readonly #byName = new Map<string, Entry>();
  readonly #bySlot = new Map<number, Entry>();
  /** 1 where `#bySlot` has an entry: the next empty slot is found without walking the map. */
  readonly #taken: Uint8Array;
  readonly #order = new ReuseOrder<Entry>();
  readonly #live = new Set<Entry>();
  readonly #unsaved = new Set<Entry>();
  readonly #retired = new Set<Entry>();
  /** Slots without a mapping that somebody connected to, with when: nobody else may get them meanwhile. Oldest first. */
  readonly #unknown = new Map<number, number>();
  #stopTimer: (() => void) | undefined;
  #refreshedAt = 0;

  /** Loads what the store has of this range. Throws FAKE_IP_RANGE_TOO_SMALL, CONFIG_INVALID or FAKE_IP_STORE. */
  constructor(options: FakeIpPoolOptions) {
    this.range = new FakeIpRange(options.range);
    this.#taken = new Uint8Array(this.range.capacity);
    this.#key = options.key;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger.child('fake-ip');
    this.#trouble = new FakeIpTrouble(this.range, options.health, this.#logger);
    this.#load();
  }

  /** Begins to write statistics, once a second. Everything else works without it. */
  start(): void {
    this.#stopTimer ??= this.#clock.every(flushInterval, () => this.#tick());
  }

  /** Writes what is unsaved and stops writing. The store stays open; it is the caller's. */
  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#touchLive(this.#clock.now());
    this.#flush();
  }

  /** Names that have an address. */
  get used(): number {
    return this.#bySlot.size - this.#retired.size;
  }

  get capacity(): number {
    return this.range.capacity;
  }

  /**
   * The address of a normalised name, for an answer that leaves now. A new mapping is in the store when this returns.
   * `client` (the asker's address) is whose share of the range it counts against. Throws FAKE_IP_EXHAUSTED when no address may be
   * reused, FAKE_IP_STORE when the mapping could not be stored; nothing has changed then.
   */
  // oxlint-disable-next-line no-unused-vars -- part of the interface: quotas per client need it
  allocate(name: string, client: string): Ip {
    const now = this.#clock.now();
    const known = this.#byName.get(name);
    if (known === undefined) return this.#create(name, now).address;
    if (known.retired) this.#revive(known);
    known.lastAnswered = now;
    known.answers += 1;
    this.#noteUse(known);
    return known.address;
  }

  /** The same for a name whose mapping is current: its address as a number, -1 without one. Stores nothing, so it cannot fail. */
  answerKnown(name: string): number {
    const known = this.#byName.get(name);
    if (known === undefined || known.retired) return -1;
    known.lastAnswered = this.#clock.now();
    known.answers += 1;
    this.#noteUse(known);
    return this.range.numberOf(known.slot);
  }

  /** What an address means now; undefined for one without a mapping, a reserved or a foreign one. */
  lookup(ip: Ip): Mapping | undefined {
    const slot = this.range.slotOf(ip);
    return slot === undefined ? undefined : this.#bySlot.get(slot);
  }

  /** Whether a program may hold the address as another name's: it was given away early, or the table was lost a short time ago. */
  isDoubtful(ip: Ip): boolean {
    const entry = this.#entry(ip);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    return entry.formerUntil > now || (this.#lossIsRecent(now) && entry.firstSeen >= this.#store.lostAt);
  }

  /** Whether it may hold it as this name's. */
  couldMean(ip: Ip, name: string): boolean {
    const slot = this.range.slotOf(ip);
    if (slot === undefined) return false;
    const now = this.#clock.now();
    const entry = this.#bySlot.get(slot);
    if (entry !== undefined && entry.former === name && entry.formerUntil > now) return true;
    const displaced = (slot - this.#homeOf(name) + this.capacity) % this.capacity;
    return this.#lossIsRecent(now) && displaced <= longestDisplacement;
  }

  /** A flow came to an address without a mapping: for a day only the name whose home it is can get it. */
  unknownConnected(ip: Ip): void {
    const slot = this.range.slotOf(ip);
    if (slot === undefined || this.#bySlot.has(slot)) return;
    this.#unknown.delete(slot);
    this.#unknown.set(slot, this.#clock.now());
    this.#taken[slot] = 1;
    for (const oldest of this.#unknown.keys()) {
      if (this.#unknown.size <= mostUnknown) break;
      this.#release(oldest);
    }
    this.#announceAddress(ip);
  }

  /** Whether a connection to the name works, or did a short time ago. */
  workedRecently(name: string): boolean {
    const entry = this.#byName.get(name);
    if (entry === undefined || entry.workedAt === 0) return false;
    return this.#clock.now() - entry.workedAt < recently;
  }

  /** Retires every mapping that is not pinned; answers how many. Rested ones are forgotten at once. */
  flush(): number {
    return this.retire([...this.#bySlot.values()].map((entry) => entry.address));
  }

  /** The same for single addresses. Throws FAKE_IP_STORE when it cannot be stored; nothing has changed then. */
  retire(addresses: readonly Ip[]): number {
    const entries = this.#entriesOf(addresses).filter((entry) => !entry.pinned && !entry.retired);
    this.#change(entries, { retired: true });
    for (const entry of entries) this.#retired.add(entry);
    this.#forgetRested(this.#clock.now());
    return entries.length;
  }

  /** Keeps addresses for their names for ever, or no longer; answers how many have changed. Throws FAKE_IP_STORE. */
  pin(addresses: readonly Ip[], pinned: boolean): number {
    const entries = this.#entriesOf(addresses).filter((entry) => entry.pinned !== pinned);
    this.#change(entries, pinned ? { pinned, retired: false } : { pinned });
    for (const entry of entries) {
      if (!entry.retired) this.#retired.delete(entry);
      this.#order.touch(entry);
    }
    return entries.length;
  }

  /** The mapping of a normalised name, without giving it out. */
  find(name: string): Mapping | undefined {
    return this.#byName.get(name);
  }

  /** Whether an address belongs to the range, mapped or not; the reserved ones do. */
  contains(ip: Ip): boolean {
    return this.range.contains(ip);
  }

  /** A flow to the address begins: it keeps its name until `flowClosed`, one call for each. Unknown addresses are ignored. */
  flowOpened(ip: Ip): void {
    const entry = this.#entry(ip);
    if (entry === undefined) return;
    // From now on it rests for a day, not for minutes: that must survive a crash.
    if (entry.lastConnected === 0) entry.savedUse = 0;
    entry.flows += 1;
    entry.liveFlows += 1;
    entry.lastConnected = this.#clock.now();
    this.#live.add(entry);
    this.#noteUse(entry);
  }

  /** The end of a flow that was opened; `outcome` is `ok` or an error code. */
  flowClosed(ip: Ip, outcome: string): void {
    const entry = this.#entry(ip);
    if (entry === undefined || entry.liveFlows === 0) return;
    entry.liveFlows -= 1;
    entry.lastConnected = this.#clock.now();
    entry.outcome = outcome;
    if (outcome === 'ok') entry.workedAt = entry.lastConnected;
    if (entry.liveFlows === 0) this.#live.delete(entry);
    this.#noteUse(entry);
  }

  /** The whole table, in no order. */
  rows(): MappingRow[] {
    const now = this.#clock.now();
    const known = [...this.#bySlot.values()].map((entry) => rowOf(entry, now));
    const unknown = [...this.#unknown].map(([slot, at]) => unknownRow(this.range.addressOf(slot), at));
    return [...unknown, ...known];
  }

  /** One row of it, for an address of `changed`. */
  row(ip: Ip): MappingRow | undefined {
    const slot = this.range.slotOf(ip);
    if (slot === undefined) return undefined;
    const entry = this.#bySlot.get(slot);
    if (entry !== undefined) return rowOf(entry, this.#clock.now());
    const at = this.#unknown.get(slot);
    return at === undefined ? undefined : unknownRow(ip, at);
  }

  #entry(ip: Ip): Entry | undefined {
    const slot = this.range.slotOf(ip);
    return slot === undefined ? undefined : this.#bySlot.get(slot);
  }

  #create(name: string, now: number): Entry {
    const { slot, former, early } = this.#choose(name, now);
    const entry: Entry = {
      slot,
      address: this.range.addressOf(slot),
      name,
      firstSeen: now,
      lastAnswered: now,
      lastConnected: 0,
      answers: 1,
      flows: 0,
      liveFlows: 0,
      outcome: '',
      pinned: false,
      retired: false,
      former: former !== undefined && restEnd(former) > now ? former.name : '',
      formerUntil: former !== undefined && restEnd(former) > now ? restEnd(former) : 0,
      workedAt: 0,
      savedUse: now,
    };
    try {
      this.#store.put(stored(entry));
    } catch (error) {
      this.#trouble.storeFailed(now, error);
      throw AppError.from(error, 'FAKE_IP_STORE');
    }
    this.#trouble.storeWorks();
    if (former !== undefined) this.#forget(former);
    if (early) this.#trouble.pressure(now);
    this.#remember(entry);
    this.#announce(entry);
    return entry;
  }

  /** The home slot, or the next without a mapping; when all have one, a rested home, then the order of reuse. */
  #choose(name: string, now: number): { slot: number; former?: Entry; early: boolean } {
    const home = this.#homeOf(name);
    if (!this.#bySlot.has(home)) return { slot: home, early: false };
    if (this.#bySlot.size + this.#unknown.size < this.capacity) {
      const next = this.#taken.indexOf(0, home);
      return { slot: next >= 0 ? next : this.#taken.indexOf(0), early: false };
    }
    const atHome = this.#bySlot.get(home);
    if (atHome !== undefined && stateOf(atHome, now) === 'free') return { slot: home, former: atHome, early: false };
    const next = this.#order.next(now);
    if (next !== undefined) return { slot: next.mapping.slot, former: next.mapping, early: next.early };
    this.#trouble.exhausted(now);
    throw new AppError('FAKE_IP_EXHAUSTED', `all ${this.capacity} addresses of ${this.range.text} are in use`, {
      expected: 'a larger fake-ip-range',
    });
  }

  #homeOf(name: string): number {
    return reduceHash(sipHash24(this.#key, Buffer.from(name)), this.capacity);
  }

  #lossIsRecent(now: number): boolean {
    return this.#store.lostAt > 0 && now - this.#store.lostAt < connectedRest;
  }

  #remember(entry: Entry): void {
    this.#unknown.delete(entry.slot);
    if (entry.retired) this.#retired.add(entry);
    this.#byName.set(entry.name, entry);
    this.#bySlot.set(entry.slot, entry);
    this.#taken[entry.slot] = 1;
    this.#order.touch(entry);
  }

  #forget(entry: Entry): void {
    if (this.#byName.get(entry.name) === entry) this.#byName.delete(entry.name);
    this.#bySlot.delete(entry.slot);
    this.#taken[entry.slot] = 0;
    this.#order.forget(entry);
    this.#unsaved.delete(entry);
    this.#retired.delete(entry);
  }

  #load(): void {
    const now = this.#clock.now();
    const entries: Entry[] = [];
    let lastSign = 0;
    for (const mapping of this.#store.load()) {
      const slot = this.range.slotOf(mapping.address);
      if (slot === undefined) continue;
      lastSign = Math.max(lastSign, lastUse(mapping));
      entries.push({ ...mapping, slot, liveFlows: 0, workedAt: 0, savedUse: lastUse(mapping) });
    }
    // If the last process was killed, a flow may have been live for so long after its last mark.
    const unmarked = liveRefresh + flushInterval;
    const maybeLive = entries.filter(
      (entry) => entry.lastConnected > 0 && entry.lastConnected >= lastSign - unmarked && entry.lastConnected < now,
    );
    for (const entry of maybeLive) entry.lastConnected = lastSign + unmarked;
    for (const entry of entries) {
      // What was recorded while the clock was ahead would rest for as long as the clock was wrong.
      entry.lastConnected = Math.min(entry.lastConnected, now);
      entry.lastAnswered = Math.min(entry.lastAnswered, now);
    }
    // Before anything newer is stored: the next start reads it by the newest time there is.
    this.#flush(maybeLive);
    entries.sort((a, b) => lastUse(a) - lastUse(b));
    for (const entry of entries) {
      // After a change of the range and back a name can have two addresses: both are understood, the newer is given out.
      this.#remember(entry);
    }
    this.#refreshedAt = now;
    this.#logger.info('mappings loaded', { range: this.range.text, mappings: this.#bySlot.size });
  }

  #noteUse(entry: Entry): void {
    this.#order.touch(entry);
    this.#unsaved.add(entry);
    if (lastUse(entry) - entry.savedUse >= unsavedUse) this.#flush([entry]);
    this.#announce(entry);
  }

  /** Asked for again: its old address is its address. What is stored follows with the statistics, and at worst it is retired once more. */
  #revive(entry: Entry): void {
    entry.retired = false;
    this.#retired.delete(entry);
    this.#unsaved.add(entry);
  }

  /** Stores a change of these mappings, then makes it. */
  #change(entries: readonly Entry[], change: { retired?: boolean; pinned?: boolean }): void {
    if (entries.length === 0) return;
    this.#store.updateStatistics(entries.map((entry) => ({ ...stored(entry), ...change })));
    for (const entry of entries) {
      Object.assign(entry, change);
      this.#announce(entry);
    }
  }

  #entriesOf(addresses: readonly Ip[]): Entry[] {
    return addresses.flatMap((address) => this.#entry(address) ?? []);
  }

  /** Retired mappings whose rest has ended mean nothing to anybody. */
  #forgetRested(now: number): void {
    const rested = [...this.#retired].filter((entry) => stateOf(entry, now) === 'free');
    if (rested.length === 0) return;
    try {
      this.#store.remove(rested.map((entry) => entry.address));
    } catch (error) {
      this.#trouble.storeFailed(now, error);
      return;
    }
    for (const entry of rested) {
      this.#forget(entry);
      this.#announce(entry);
    }
  }

  #release(slot: number): void {
    if (this.#unknown.delete(slot) && !this.#bySlot.has(slot)) this.#taken[slot] = 0;
  }

  /** Who looks at the table must not be able to stop the answers. */
  #announce(entry: Entry): void {
    this.#announceAddress(entry.address);
  }

  #announceAddress(address: Ip): void {
    try {
      this.changed.emit(address);
    } catch (error) {
      this.#logger.error('a viewer of the mappings failed', { error: AppError.from(error).message });
    }
  }

  #tick(): void {
    const now = this.#clock.now();
    if (Math.abs(now - this.#refreshedAt) >= liveRefresh) this.#touchLive(now);
    this.#flush(firstOf(this.#unsaved, flushBatch));
    this.#trouble.calmDown(now);
    this.#forgetRested(now);
    for (const [slot, at] of this.#unknown) {
      if (now - at < connectedRest) break;
      this.#release(slot);
    }
  }

  #touchLive(now: number): void {
    this.#refreshedAt = now;
    for (const entry of this.#live) {
      entry.lastConnected = now;
      this.#unsaved.add(entry);
    }
  }

  /** Statistics that cannot be written wait for the next time; the mappings themselves are stored already. */
  #flush(entries: readonly Entry[] = [...this.#unsaved]): void {
    if (entries.length === 0) return;
    try {
      this.#store.updateStatistics(entries.map(stored));
    } catch (error) {
      this.#trouble.storeFailed(this.#clock.now(), error);
      return;
    }
    this.#trouble.storeWorks();
    for (const entry of entries) {
      entry.savedUse = lastUse(entry);
      this.#unsaved.delete(entry);
    }
  }
}

function firstOf<T>(values: Iterable<T>, limit: number): T[] {
  const taken: T[] = [];
  for (const value of values) {
    if (taken.length === limit) break;
    taken.push(value);
  }
  return taken;
}

function stored(entry: Entry): StoredMapping {
  const { address, name, firstSeen, lastAnswered, lastConnected, answers, flows, outcome } = entry;
  const { pinned, retired, former, formerUntil } = entry;
  return {
    address,
    name,
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

function rowOf(entry: Entry, now: number): MappingRow {
  const { address, name, firstSeen, lastAnswered, lastConnected, answers, flows, liveFlows, outcome } = entry;
  return {
    address,
    name,
    state: entry.retired ? 'retired' : stateOf(entry, now),
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

function unknownRow(address: Ip, at: number): MappingRow {
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
