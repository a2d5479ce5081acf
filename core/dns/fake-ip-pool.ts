/**
 * Names and the fake addresses that stand for them. A name's place is a keyed hash of it, so that it gets its old address
 * back even when the table is lost; a new mapping is stored before its address is given out. Resolves and routes nothing.
 */
import { type Ip, numberToIpv4 } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';
import type { MappingRow } from '../contract/dns.ts';
import { ClientShares } from './client-shares.ts';
import { Entry, type Mapping, type PoolStore, rowOf, stored, unknownRow } from './fake-ip-mapping.ts';
import { FakeIpRange } from './fake-ip-range.ts';
import { connectedRest, lastUse, ReuseOrder, restEnd, stateOf } from './fake-ip-reuse.ts';
import { FakeIpStatistics, liveRefresh } from './fake-ip-statistics.ts';
import { type FakeIpHealth, FakeIpTrouble } from './fake-ip-trouble.ts';
import { reduceHash, sipHash24 } from './siphash.ts';
import { UnknownAddresses } from './unknown-addresses.ts';

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

/** A name that is to be answered now. */
export interface AddressRequest {
  /** Normalised. */
  readonly name: string;
  /** Whose share of the range a new mapping counts against: `uid:1000`, or the asker's address. */
  readonly client: string;
}

/** A slot for a name, and what its address meant before. */
interface Place {
  readonly slot: number;
  readonly former?: Entry;
}

interface Created {
  readonly entry: Entry;
  readonly former: Entry | undefined;
}

const tickInterval = 1_000;
/** How far from its home a name may have been before the table was lost. */
const longestDisplacement = 64;
/** A name that worked so lately exists. Milliseconds. */
const recently = 600_000;

export class FakeIpPool {
  readonly range: FakeIpRange;
  /** Addresses whose row changed; their state may also change by time alone. */
  readonly changed = new Emitter<Ip>();
  readonly #key: Uint8Array;
  /** Where a name is written to be hashed; most names fit. */
  readonly #nameBytes = Buffer.alloc(1_024);
  readonly #store: PoolStore;
  readonly #clock: Clock;
  readonly #trouble: FakeIpTrouble;
  readonly #statistics: FakeIpStatistics;
  readonly #logger: Logger;
  readonly #byName = new Map<string, Entry>();
  readonly #bySlot = new Map<number, Entry>();
  /** 1 where a slot has a mapping or is kept: the next empty slot is found without walking the maps. */
  readonly #taken: Uint8Array;
  readonly #shares: ClientShares;
  readonly #order: ReuseOrder<Entry>;
  readonly #retired = new Set<Entry>();
  readonly #unknown = new UnknownAddresses();
  #stopTimer: (() => void) | undefined;

  /** Loads what the store has of this range. Throws FAKE_IP_RANGE_TOO_SMALL, CONFIG_INVALID or FAKE_IP_STORE. */
  constructor(options: FakeIpPoolOptions) {
    const { key, store, clock, health, logger } = options;
    this.range = new FakeIpRange(options.range);
    this.#taken = new Uint8Array(this.range.capacity);
    this.#key = key;
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger.child('fake-ip');
    this.#trouble = new FakeIpTrouble(this.range, health, this.#logger);
    this.#statistics = new FakeIpStatistics(store, clock, this.#trouble);
    this.#shares = new ClientShares(this.range.capacity);
    this.#order = new ReuseOrder(clock.now());
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
    return this.#bySlot.size - this.#retired.size;
  }

  /** Addresses that mean something, retired ones too. */
  get size(): number {
    return this.#bySlot.size;
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

  /** The same for a name for which nothing has to be stored now: its address as a number; -1 for others. */
  answerKnown(name: string): number {
    const known = this.#byName.get(name);
    if (known === undefined || known.retired) return -1;
    const now = this.#clock.now();
    if (this.#statistics.isOverdue(known, now)) return -1;
    this.#noteAnswer(known, now);
    return this.range.numberOf(known.slot);
  }

  /** What an address means now; undefined for one without a mapping, a reserved or a foreign one. */
  lookup(ip: Ip): Mapping | undefined {
    return this.#entry(ip);
  }

  /** The mapping of a normalised name, without giving it out. */
  find(name: string): Mapping | undefined {
    return this.#byName.get(name);
  }

  /** Whether an address belongs to the range, mapped or not; the reserved ones do. */
  contains(ip: Ip): boolean {
    return this.range.contains(ip);
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
    this.#taken[slot] = 1;
    const released = this.#unknown.add(slot, this.#clock.now());
    if (released !== undefined) this.#taken[released] = 0;
    this.#announce({ address: ip });
  }

  /** Whether a connection to the name works, or did a short time ago. */
  workedRecently(name: string): boolean {
    const entry = this.#byName.get(name);
    if (entry === undefined || entry.workedAt === 0) return false;
    return this.#clock.now() - entry.workedAt < recently;
  }

  /** Retires every mapping that is not pinned; answers how many. Rested ones are forgotten at once. */
  flush(): number {
    return this.#retire([...this.#bySlot.values()].filter((entry) => !entry.pinned));
  }

  /** The same for single addresses. Throws FAKE_IP_STORE when it cannot be stored; nothing has changed then. */
  retire(addresses: readonly Ip[]): number {
    return this.#retire(this.#entriesOf(addresses).filter((entry) => !entry.pinned));
  }

  /** The range is no longer the one in use: every mapping ends with its rest, pinned ones too. */
  retireAll(): void {
    this.#change(
      [...this.#bySlot.values()].filter((entry) => entry.pinned),
      { pinned: false },
    );
    this.#retire([...this.#bySlot.values()]);
  }

  /** Keeps addresses for their names for ever, or no longer; answers how many have changed. Throws FAKE_IP_STORE. */
  pin(addresses: readonly Ip[], pinned: boolean): number {
    const entries = this.#entriesOf(addresses).filter((entry) => entry.pinned !== pinned);
    this.#change(entries, pinned ? { pinned, retired: false } : { pinned });
    return entries.length;
  }

  /** Forgets what cannot be of use to anybody: retired mappings whose rest has ended. */
  forgetRested(): void {
    const now = this.#clock.now();
    const rested = [...this.#retired].filter((entry) => stateOf(entry, now) === 'free');
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
    const entries = [...this.#bySlot.values()];
    for (const entry of entries) this.#forget(entry);
    this.#load();
    this.#adoptFlows(entries);
  }

  /** Addresses of this range that another pool knows too are this one's alone from now on: the open flows to them are its to end. */
  takeOver(other: FakeIpPool): void {
    const entries = [...other.#bySlot.values()].filter(({ address }) => this.contains(address));
    this.#adoptFlows(entries);
    for (const entry of entries) other.#forget(entry);
  }

  /** A flow to the address begins: it keeps its name until `flowClosed`, one call for each. Unknown addresses are ignored. */
  flowOpened(ip: Ip): void {
    const entry = this.#entry(ip);
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
    const entry = this.#entry(ip);
    if (entry === undefined || entry.liveFlows === 0) return;
    entry.liveFlows -= 1;
    entry.lastConnected = this.#clock.now();
    entry.outcome = outcome;
    if (outcome === 'ok') entry.workedAt = entry.lastConnected;
    this.#noteUse(entry);
  }

  /** The whole table, in no order. */
  rows(): MappingRow[] {
    const now = this.#clock.now();
    const known = [...this.#bySlot.values()].map((entry) => rowOf(entry, now));
    const unknown = [...this.#unknown.entries()].map(([slot, at]) => unknownRow(this.range.addressOf(slot), at));
    return [...unknown, ...known];
  }

  /** One row of it, for an address of `changed`. */
  row(ip: Ip): MappingRow | undefined {
    const slot = this.range.slotOf(ip);
    if (slot === undefined) return undefined;
    const entry = this.#bySlot.get(slot);
    if (entry !== undefined) return rowOf(entry, this.#clock.now());
    const at = this.#unknown.since(slot);
    return at === undefined ? undefined : unknownRow(ip, at);
  }

  #entry(ip: Ip): Entry | undefined {
    const slot = this.range.slotOf(ip);
    return slot === undefined ? undefined : this.#bySlot.get(slot);
  }

  #entriesOf(addresses: readonly Ip[]): Entry[] {
    return addresses.flatMap((address) => this.#entry(address) ?? []);
  }

  #answer(request: AddressRequest, now: number, created: Created[], overdue: Set<Entry>): number {
    const known = this.#byName.get(request.name);
    if (known === undefined) {
      const made = this.#create(request, now);
      created.push(made);
      return this.range.numberOf(made.entry.slot);
    }
    if (known.retired) {
      // Its old address is its address. What is stored follows with the statistics, and at worst it is retired once more.
      this.#mark(known, false);
    }
    if (this.#statistics.isOverdue(known, now)) overdue.add(known);
    this.#noteAnswer(known, now);
    return this.range.numberOf(known.slot);
  }

  /** A mapping that is not stored yet. Throws FAKE_IP_EXHAUSTED. */
  #create({ name, client }: AddressRequest, now: number): Created {
    const key = this.#shares.keyOf(client);
    const { slot, former } = this.#choose(name, key, now);
    const entry = new Entry(this.range, former?.id ?? this.#store.newId(), slot, name, key, now);
    if (former !== undefined) {
      const until = restEnd(former);
      if (until > now) {
        entry.former = former.name;
        entry.formerUntil = until;
      }
      this.#forget(former);
    }
    this.#remember(entry);
    return { entry, former };
  }

  /** Stores what was created and what is overdue; when that fails, undoes the former in memory and answers why. */
  #storeAll(created: readonly Created[], overdue: ReadonlySet<Entry>, now: number): AppError | undefined {
    try {
      this.#store.put([...created.map(({ entry }) => entry), ...overdue]);
    } catch (error) {
      for (const { entry, former } of created.toReversed()) {
        this.#forget(entry);
        if (former !== undefined) this.#remember(former);
      }
      this.#order.restore(created.flatMap(({ former }) => former ?? []));
      this.#trouble.storeFailed(now, error);
      return AppError.from(error, 'FAKE_IP_STORE');
    }
    this.#trouble.storeWorks();
    for (const entry of overdue) this.#statistics.saved(entry);
    for (const { entry } of created) this.#announce(entry);
    return undefined;
  }

  /**
   * The home slot, or the next without a mapping; when all have one, a rested home, then the order of reuse. A client that
   * has its share gets what was its own.
   */
  #choose(name: string, client: string, now: number): Place {
    if (this.#shares.isFull(client)) return this.#reuse(now, client);
    const home = this.#homeOf(name);
    const atHome = this.#bySlot.get(home);
    if (atHome === undefined) return { slot: home };
    if (this.#bySlot.size + this.#unknown.size < this.capacity) {
      const next = this.#taken.indexOf(0, home);
      return { slot: next >= 0 ? next : this.#taken.indexOf(0) };
    }
    if (!atHome.pinned && stateOf(atHome, now) === 'free') return { slot: home, former: atHome };
    return this.#reuse(now);
  }

  /** A place in the order of reuse: of anybody's, or only what a client has itself. */
  #reuse(now: number, client?: string): Place {
    const next = this.#order.next(now, client);
    if (next?.early === true) this.#trouble.pressure(now, client);
    if (next !== undefined) return { slot: next.mapping.slot, former: next.mapping };
    const kept = client === undefined ? this.#unknown.takeOldest() : undefined;
    if (kept !== undefined) return { slot: kept };
    this.#trouble.exhausted(now, client);
    const whose =
      client === undefined
        ? `all ${this.capacity} addresses of ${this.range.text} are in use`
        : `${client} has half of the ${this.capacity} addresses of ${this.range.text}, which is as much as one may have`;
    throw new AppError('FAKE_IP_EXHAUSTED', whose, { expected: 'a larger fake-ip-range' });
  }

  #homeOf(name: string): number {
    const bytes = 3 * name.length <= this.#nameBytes.length ? this.#nameBytes : Buffer.alloc(3 * name.length);
    return reduceHash(sipHash24(this.#key, bytes, bytes.write(name)), this.capacity);
  }

  #lossIsRecent(now: number): boolean {
    return this.#store.lostAt > 0 && now - this.#store.lostAt < connectedRest;
  }

  #remember(entry: Entry): void {
    this.#unknown.delete(entry.slot);
    // What was flushed is on its way out: it is nobody's share.
    if (entry.retired) this.#retired.add(entry);
    else this.#shares.add(entry.client);
    this.#byName.set(entry.name, entry);
    this.#bySlot.set(entry.slot, entry);
    this.#taken[entry.slot] = 1;
    this.#order.touch(entry);
  }

  #forget(entry: Entry): void {
    if (this.#byName.get(entry.name) === entry) this.#byName.delete(entry.name);
    this.#bySlot.delete(entry.slot);
    this.#taken[entry.slot] = 0;
    if (!entry.retired) this.#shares.remove(entry.client);
    this.#order.forget(entry);
    this.#statistics.forget(entry);
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
      entries.push(Entry.of(mapping, this.range, slot, this.#shares.keyOf(mapping.client)));
    }
    // If the last process was killed, a flow may have been live for so long after its last mark.
    const unmarked = liveRefresh + tickInterval;
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
    this.#statistics.save(maybeLive);
    entries.sort((a, b) => lastUse(a) - lastUse(b));
    for (const entry of entries) {
      // After a change of the range and back a name can have two addresses: both are understood, the newer is given out.
      this.#remember(entry);
    }
    this.#logger.info('mappings loaded', { range: this.range.text, mappings: this.#bySlot.size });
  }

  #adoptFlows(entries: readonly Entry[]): void {
    for (const { address, name, liveFlows } of entries) {
      const entry = liveFlows > 0 ? this.#entry(address) : undefined;
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
    this.#order.touch(entry);
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
    this.#store.updateStatistics(entries.map((entry) => ({ ...stored(entry), ...change })));
    for (const entry of entries) {
      if (change.pinned !== undefined) entry.pinned = change.pinned;
      if (change.retired !== undefined) this.#mark(entry, change.retired);
      this.#announce(entry);
    }
    if (change.pinned !== undefined) this.#order.restore(entries);
  }

  #mark(entry: Entry, retired: boolean): void {
    if (entry.retired === retired) return;
    entry.retired = retired;
    if (retired) {
      this.#retired.add(entry);
      this.#shares.remove(entry.client);
    } else {
      this.#retired.delete(entry);
      this.#shares.add(entry.client);
    }
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
    for (const slot of this.#unknown.expire(now)) if (!this.#bySlot.has(slot)) this.#taken[slot] = 0;
  }
}
