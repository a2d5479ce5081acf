/**
 * Names and the fake addresses that stand for them. A name's place is a keyed hash of it, so that it gets its old address
 * back even when the table is lost; a new mapping is stored before its address is given out. Resolves and routes nothing.
 */
import { type Ip, numberToIpv4 } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Emitter } from '../../base/emitter.ts';
import type { Logger } from '../../base/logger.ts';
import { storedMapping } from '../../base/stored-mapping.ts';
import type { MappingRow } from '../../contract/dns.ts';
import type { AddressRequest } from './allocation-queue.ts';
import { loadedEntries, tickInterval } from './fake-ip-load.ts';
import { type AskedName, Entry, type Mapping, type PoolStore } from './fake-ip-mapping.ts';
import { FakeIpRange } from './fake-ip-range.ts';
import { lossIsRecent, restEnd, stateOf } from './fake-ip-reuse.ts';
import { FakeIpStatistics } from './fake-ip-statistics.ts';
import { FakeIpTable } from './fake-ip-table.ts';
import { type FakeIpHealth, FakeIpTrouble } from './fake-ip-trouble.ts';

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

interface Created {
  readonly entry: Entry;
  readonly former: Entry | undefined;
}

/** A name that worked so lately exists. Milliseconds. */
const recently = 600_000;

export class FakeIpPool {
  readonly range: FakeIpRange;
  /** Addresses whose row changed; their state may also change by time alone. */
  readonly changed = new Emitter<Ip>();
  readonly #store: PoolStore;
  readonly #clock: Clock;
  readonly #trouble: FakeIpTrouble;
  readonly #statistics: FakeIpStatistics;
  readonly #logger: Logger;
  readonly #table: FakeIpTable;
  #stopTimer: (() => void) | undefined;

  /** Loads what the store has of this range. Throws FAKE_IP_RANGE_TOO_SMALL, CONFIG_INVALID or FAKE_IP_STORE. */
  constructor(options: FakeIpPoolOptions) {
    const { key, store, clock, health, logger } = options;
    this.range = new FakeIpRange(options.range);
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger.child('fake-ip');
    this.#trouble = new FakeIpTrouble(this.range, health, this.#logger);
    this.#statistics = new FakeIpStatistics(store, clock, this.#trouble);
    this.#table = new FakeIpTable({ range: this.range, key, trouble: this.#trouble, now: clock.now() });
    this.#load();
  }

  /** Begins to write statistics, once a second. Everything else works without it. */
  start(): void {
    this.#stopTimer ??= this.#clock.every(tickInterval, () => this.#tick());
  }

  /** Writes what is unsaved and stops writing. The store stays open; it is the caller's. */
  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.save();
  }

  /** Writes what is unsaved now. */
  save(): void {
    this.#statistics.saveAll();
  }

  /** Names that have an address. */
  get used(): number {
    return this.#table.size - this.#table.retired.size;
  }

  /** Addresses that mean something, retired ones too. */
  get size(): number {
    return this.#table.size;
  }

  get capacity(): number {
    return this.range.capacity;
  }

  /** `allocateAll` for one name. Throws what stands there in place of the address. */
  allocate(name: string, client: string): Ip {
    const [outcome] = this.allocateAll([{ name, client }]);
    if (outcome === undefined || outcome instanceof AppError) throw outcome;
    return numberToIpv4(outcome);
  }

  /**
   * The addresses of names as numbers, for answers that leave now; in the order of the requests. New mappings are in the store, all or none,
   * when this returns. In place of an address: FAKE_IP_EXHAUSTED when no address may be reused for this client, FAKE_IP_STORE
   * when the new mappings could not be stored; for such a name nothing has changed.
   */
  allocateAll(requests: readonly AddressRequest[]): (number | AppError)[] {
    const now = this.#clock.now();
    const created: Created[] = [];
    const overdue = new Set<Entry>();
    const outcomes = requests.map((request) => {
      try {
        return this.#answer(request, now, created, overdue);
      } catch (error) {
        return AppError.from(error);
      }
    });
    if (created.length + overdue.size === 0) return outcomes;
    const failure = this.#storeAll(created, overdue, now);
    if (failure === undefined) return outcomes;
    const lost = new Set(created.map(({ entry }) => this.range.numberOf(entry.slot)));
    return outcomes.map((outcome) => (typeof outcome === 'number' && lost.has(outcome) ? failure : outcome));
  }

  /** The same for a name for which nothing has to be stored at this time (wall clock): its address as a number; -1 for others. */
  answerKnown(asked: AskedName, now: number): number {
    if (asked.entry?.isCurrent !== true) asked.entry = this.#table.named(asked.name);
    const known = asked.entry;
    if (known === undefined || known.retired) return -1;
    if (this.#statistics.isOverdue(known, now)) return -1;
    this.#noteAnswer(known, now);
    return this.range.numberOf(known.slot);
  }

  /** What an address means now; undefined for one without a mapping, a reserved or a foreign one. */
  lookup(ip: Ip): Mapping | undefined {
    return this.#table.at(ip);
  }

  /** The mapping of a normalised name, without giving it out. */
  find(name: string): Mapping | undefined {
    return this.#table.named(name);
  }

  /** Whether an address belongs to the range, mapped or not; the reserved ones do. */
  contains(ip: Ip): boolean {
    return this.range.contains(ip);
  }

  /** Whether a program may hold the address as another name's: it was given away early, or the table was lost a short time ago. */
  isDoubtful(ip: Ip): boolean {
    const entry = this.#table.at(ip);
    if (entry === undefined) return false;
    const now = this.#clock.now();
    const { lostAt } = this.#store;
    return entry.formerUntil > now || (lossIsRecent(lostAt, now) && entry.firstSeen >= lostAt);
  }

  /** Whether it may hold it as this name's. */
  couldMean(ip: Ip, name: string): boolean {
    const slot = this.range.slotOf(ip);
    if (slot === undefined) return false;
    const now = this.#clock.now();
    const entry = this.#table.atSlot(slot);
    if (entry !== undefined && entry.former === name && entry.formerUntil > now) return true;
    return lossIsRecent(this.#store.lostAt, now) && this.#table.isNearHome(name, slot);
  }

  /** A flow came to an address without a mapping: for a day only the name whose home it is can get it. */
  unknownConnected(ip: Ip): void {
    const slot = this.range.slotOf(ip);
    if (slot === undefined || !this.#table.keepUnknown(slot, this.#clock.now())) return;
    this.#announce({ address: ip });
  }

  /** Whether a connection to the name works, or did a short time ago. */
  workedRecently(name: string): boolean {
    const entry = this.#table.named(name);
    if (entry === undefined || entry.workedAt === 0) return false;
    return this.#clock.now() - entry.workedAt < recently;
  }

  /** Retires every mapping that is not pinned; returns how many. Rested ones are forgotten at once. */
  flush(): number {
    return this.#retire(this.#table.entries().filter((entry) => !entry.pinned));
  }

  /** The same for single addresses. Throws FAKE_IP_STORE when it cannot be stored; nothing has changed then. */
  retire(addresses: readonly Ip[]): number {
    return this.#retire(this.#table.entriesAt(addresses).filter((entry) => !entry.pinned));
  }

  /** The range is no longer the one in use: every mapping ends with its rest, pinned ones too. */
  retireAll(): void {
    this.#change(
      this.#table.entries().filter((entry) => entry.pinned),
      { pinned: false },
    );
    this.#retire(this.#table.entries());
  }

  /** Keeps addresses for their names for ever, or no longer; returns how many have changed. Throws FAKE_IP_STORE. */
  pin(addresses: readonly Ip[], pinned: boolean): number {
    const entries = this.#table.entriesAt(addresses).filter((entry) => entry.pinned !== pinned);
    this.#change(entries, pinned ? { pinned, retired: false } : { pinned });
    return entries.length;
  }

  /** Forgets what cannot be of use to anybody: retired mappings whose rest has ended. */
  forgetRested(): void {
    const now = this.#clock.now();
    const rested = [...this.#table.retired].filter((entry) => stateOf(entry, now) === 'free');
    if (rested.length === 0) return;
    try {
      this.#store.remove(rested.map((entry) => entry.id));
    } catch (error) {
      this.#trouble.storeFailed(now, error);
      return;
    }
    for (const entry of rested) {
      this.#forget(entry);
      this.#announce(entry);
    }
  }

  /** Takes what the store has now for what is known: another pool has given out addresses of this range meanwhile. */
  reload(): void {
    const entries = this.#table.entries();
    for (const entry of entries) this.#forget(entry);
    this.#load();
    this.#adoptFlows(entries);
  }

  /** Addresses of this range that another pool knows too are this one's alone from now on: the open flows to them are its to end. */
  takeOver(other: FakeIpPool): void {
    const entries = other.#table.entries().filter(({ address }) => this.contains(address));
    this.#adoptFlows(entries);
    for (const entry of entries) other.#forget(entry);
  }

  /** A flow to the address begins: it keeps its name until `flowClosed`, one call for each. Unknown addresses are ignored. */
  flowOpened(ip: Ip): void {
    const entry = this.#table.at(ip);
    if (entry === undefined) return;
    const now = this.#clock.now();
    // From its first connection on it rests for a day, not for minutes: that must survive a crash.
    const isUrgent = entry.lastConnected === 0 || this.#statistics.isOverdue(entry, now);
    entry.flows += 1;
    entry.liveFlows += 1;
    entry.lastConnected = now;
    this.#noteUse(entry);
    if (isUrgent) this.#statistics.save([entry]);
  }

  /** The end of a flow that was opened; `outcome` is `ok` or an error code. */
  flowClosed(ip: Ip, outcome: string): void {
    const entry = this.#table.at(ip);
    if (entry === undefined || entry.liveFlows === 0) return;
    entry.liveFlows -= 1;
    entry.lastConnected = this.#clock.now();
    entry.outcome = outcome;
    if (outcome === 'ok') entry.workedAt = entry.lastConnected;
    this.#noteUse(entry);
  }

  /** The whole table, in no order. */
  rows(): MappingRow[] {
    return this.#table.rows(this.#clock.now());
  }

  /** One row of it, for an address of `changed`. */
  row(ip: Ip): MappingRow | undefined {
    return this.#table.row(ip, this.#clock.now());
  }

  #answer(request: AddressRequest, now: number, created: Created[], overdue: Set<Entry>): number {
    const known = this.#table.named(request.name);
    if (known === undefined) {
      const made = this.#create(request, now);
      created.push(made);
      return this.range.numberOf(made.entry.slot);
    }
    // Its old address is its address. What is stored follows with the statistics, and at worst it is retired once more.
    this.#table.markRetired(known, false);
    if (this.#statistics.isOverdue(known, now)) overdue.add(known);
    this.#noteAnswer(known, now);
    return this.range.numberOf(known.slot);
  }

  /** A mapping that is not stored yet. Throws FAKE_IP_EXHAUSTED. */
  #create({ name, client }: AddressRequest, now: number): Created {
    const share = this.#table.shareOf(client);
    const { slot, former } = this.#table.choose(name, share, now);
    const entry = new Entry(this.range, former?.id ?? this.#store.newId(), slot, name, share, now);
    if (former !== undefined) {
      const until = restEnd(former);
      if (until > now) {
        entry.former = former.name;
        entry.formerUntil = until;
      }
      this.#forget(former);
    }
    this.#table.remember(entry);
    return { entry, former };
  }

  /** Stores what was created and what is overdue; when that fails, undoes the former in memory and returns why. */
  #storeAll(created: readonly Created[], overdue: ReadonlySet<Entry>, now: number): AppError | undefined {
    try {
      this.#store.put([...created.map(({ entry }) => entry), ...overdue]);
    } catch (error) {
      for (const { entry, former } of created.toReversed()) {
        this.#forget(entry);
        if (former !== undefined) this.#table.remember(former);
      }
      this.#table.restoreOrder(created.flatMap(({ former }) => former ?? []));
      this.#trouble.storeFailed(now, error);
      return AppError.from(error, 'FAKE_IP_STORE');
    }
    this.#trouble.storeWorks();
    for (const entry of overdue) this.#statistics.saved(entry);
    for (const { entry } of created) this.#announce(entry);
    return undefined;
  }

  #forget(entry: Entry): void {
    this.#table.forget(entry);
    this.#statistics.forget(entry);
  }

  #load(): void {
    const { entries, maybeLive } = loadedEntries(this.#store.load(), this.range, this.#table, this.#clock.now());
    // Before anything newer is stored: the next start reads it by the newest time there is.
    this.#statistics.save(maybeLive);
    // After a change of the range and back a name can have two addresses: both are understood, the newer is given out.
    for (const entry of entries) this.#table.remember(entry);
    this.#logger.info('mappings loaded', { range: this.range.text, mappings: this.#table.size });
  }

  #adoptFlows(entries: readonly Entry[]): void {
    for (const { address, name, liveFlows } of entries) {
      const entry = liveFlows > 0 ? this.#table.at(address) : undefined;
      if (entry?.name !== name) continue;
      entry.liveFlows += liveFlows;
      this.#noteUse(entry);
    }
  }

  #noteAnswer(entry: Entry, now: number): void {
    entry.lastAnswered = now;
    entry.answers += 1;
    this.#noteUse(entry);
  }

  #noteUse(entry: Entry): void {
    this.#table.touch(entry);
    this.#statistics.note(entry);
    this.#announce(entry);
  }

  #retire(entries: readonly Entry[]): number {
    const retiring = entries.filter((entry) => !entry.retired);
    this.#change(retiring, { retired: true });
    this.forgetRested();
    return retiring.length;
  }

  /** Stores a change of these mappings, then makes it. */
  #change(entries: readonly Entry[], change: { retired?: boolean; pinned?: boolean }): void {
    if (entries.length === 0) return;
    this.#store.updateStatistics(entries.map((entry) => ({ ...storedMapping(entry), ...change })));
    for (const entry of entries) {
      if (change.pinned !== undefined) entry.pinned = change.pinned;
      if (change.retired !== undefined) this.#table.markRetired(entry, change.retired);
      this.#announce(entry);
    }
    if (change.pinned !== undefined) this.#table.restoreOrder(entries);
  }

  /** Who looks at the table must not be able to stop the answers. */
  #announce(mapping: Pick<Mapping, 'address'>): void {
    if (this.changed.size === 0) return;
    try {
      this.changed.emit(mapping.address);
    } catch (error) {
      this.#logger.error('a viewer of the mappings failed', { error: AppError.from(error).message });
    }
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#statistics.tick(now);
    this.#trouble.calmDown(now);
    this.forgetRested();
    this.#table.expireUnknown(now);
  }
}
