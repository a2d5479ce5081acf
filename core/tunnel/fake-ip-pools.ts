/**
 * The pool in use and those of former ranges: an address that was given out keeps its meaning for flows after a change of
 * the range, also over restarts. Also the mapping table as viewers watch it.
 */
import type { Ip } from '../base/address.ts';
import { Emitter } from '../base/emitter.ts';
import type { MappingRow } from '../contract/dns.ts';
import type { FakeIpPool } from '../dns/fake-ip/fake-ip-pool.ts';
import type { FakeIp6Range } from '../dns/fake-ip/fake-ip6-range.ts';
import type { TopicSource } from '../rpc/topic-source.ts';
import type { FakeIpView } from './enrich.ts';

/** Which ranges there have been; `MappingStore` of core/state fits. All methods may throw FAKE_IP_STORE. */
export interface RangeStore {
  ranges(): string[];
  addRange(range: string): void;
  removeRange(range: string): void;
}

/** Where names get their addresses from. */
export interface FakeRanges {
  readonly pool: FakeIpPool;
  readonly fake6: FakeIp6Range | undefined;
}

export class FakeIpPools implements FakeIpView, TopicSource<'mappings'> {
  readonly #create: (range: string) => FakeIpPool;
  readonly #store: RangeStore;
  readonly #changed = new Emitter<Iterable<string>>();
  /** Of former ranges, the last one first. */
  #retired: FakeIpPool[] = [];
  #current: FakeIpPool;
  #fake6: FakeIp6Range | undefined;
  /** Former prefixes of this process's life: their addresses go on meaning their IPv4 ones. */
  #retired6: FakeIp6Range[] = [];
  #running = false;
  #unwatch: (() => void) | undefined;

  /**
   * `create` makes a pool with what is stored of its range; it throws for a range that cannot be used. Former ranges are
   * those of the store whose addresses may still be held by somebody.
   */
  constructor(range: string, create: (range: string) => FakeIpPool, store: RangeStore) {
    this.#create = create;
    this.#store = store;
    this.#current = create(range);
    for (const former of store.ranges().toReversed()) {
      if (former !== this.#current.range.text) this.#retired.push(create(former));
    }
    this.dropEmpty();
  }

  /** The pool that new names get their addresses from. */
  get current(): FakeIpPool {
    return this.#current;
  }

  /** The pool of this range: the present one, a former one, or a new one that is not in use yet. Throws as `create`. */
  prepare(range: string): FakeIpPool {
    const pools = [this.#current, ...this.#retired];
    const known = pools.find((pool) => pool.range.text === range);
    if (known !== undefined) return known;
    const pool = this.#create(range);
    return pools.find((other) => other.range.text === pool.range.text) ?? pool;
  }

  /**
   * Takes a prepared pool into use; the present one retires. Where their ranges have addresses in common, those go on as what
   * they are. Throws FAKE_IP_STORE when that cannot be stored; nothing has changed then.
   */
  use({ pool, fake6 }: FakeRanges): void {
    this.#use6(fake6);
    const before = this.#current;
    if (pool !== before) {
      for (const { range } of [before, pool]) this.#store.addRange(range.text);
      this.#takeOver(pool);
      this.#retired = [before, ...this.#retired.filter((other) => other !== pool)];
      this.#current = pool;
      if (this.#running) pool.start();
    }
    for (const retired of this.#retired) retired.retireAll();
    this.dropEmpty();
    if (pool === before || this.#unwatch === undefined) return;
    this.#unwatch();
    this.#unwatch = this.#watchPools();
    this.#changed.emit([...before.rows(), ...pool.rows()].map((row) => row.address));
  }

  /** Begins to write statistics now and then; to be stopped when no names are asked for, so that an idle helper rests. */
  start(): void {
    this.#running = true;
    for (const pool of [this.#current, ...this.#retired]) pool.start();
  }

  /** Writes what is unsaved. The stores stay open; they are their owner's. */
  stop(): void {
    this.#running = false;
    for (const pool of [this.#current, ...this.#retired]) pool.stop();
    this.dropEmpty();
  }

  /** Forgets former ranges of which nobody can hold an address any more. */
  dropEmpty(): void {
    for (const pool of this.#retired) pool.forgetRested();
    for (const pool of this.#retired.filter(({ size }) => size === 0)) {
      pool.stop();
      this.#store.removeRange(pool.range.text);
    }
    this.#retired = this.#retired.filter(({ size }) => size > 0);
  }

  /** Prefixes that must be routed to us: the one in use first. */
  ranges(): string[] {
    return [...[this.#current, ...this.#retired].map((pool) => pool.range.text), ...this.ranges6()];
  }

  /** Those of IPv6 among them. */
  ranges6(): string[] {
    return this.#all6().map((range) => range.text);
  }

  /** Of IPv6 every address of the prefix, whatever is embedded in it: nobody else's are there. */
  contains(ip: Ip): boolean {
    return this.#embeddedIn(ip) !== undefined || this.#poolOf(ip) !== undefined;
  }

  lookup(ip: Ip): { readonly name: string; readonly doubtful: boolean } | undefined {
    const address = this.#in4(ip);
    const pool = this.#poolOf(address);
    const mapping = pool?.lookup(address);
    return mapping && { name: mapping.name, doubtful: pool?.isDoubtful(address) === true };
  }

  couldMean(ip: Ip, name: string): boolean {
    const address = this.#in4(ip);
    return this.#poolOf(address)?.couldMean(address, name) === true;
  }

  unknownConnected(ip: Ip): void {
    const address = this.#in4(ip);
    this.#poolOf(address)?.unknownConnected(address);
  }

  /** Whether a connection to the name worked lately. */
  workedRecently(name: string): boolean {
    return this.#current.workedRecently(name);
  }

  /** Retires every mapping that is not pinned: old addresses stay understood until their rest ends. Answers how many. Throws FAKE_IP_STORE. */
  flush(): number {
    return this.#current.flush();
  }

  /** Changes the mappings of these addresses; answers how many have changed. Throws FAKE_IP_STORE. */
  change(addresses: readonly Ip[], action: 'pin' | 'unpin' | 'retire'): number {
    const current = addresses.map((address) => this.#in4(address)).filter((address) => this.#current.contains(address));
    return action === 'retire' ? this.#current.retire(current) : this.#current.pin(current, action === 'pin');
  }

  flowOpened(ip: Ip): void {
    const address = this.#in4(ip);
    this.#poolOf(address)?.flowOpened(address);
  }

  flowClosed(ip: Ip, outcome: string): void {
    const address = this.#in4(ip);
    this.#poolOf(address)?.flowClosed(address, outcome);
  }

  /** By last use, so that the newest come last. */
  rows(): MappingRow[] {
    const all = [this.#current, ...this.#retired].flatMap((pool) =>
      pool
        .rows()
        .filter((row) => this.#poolOf(row.address) === pool)
        .map((row) => this.#seen(row, pool)),
    );
    return all.sort((a, b) => lastUse(a) - lastUse(b));
  }

  row(key: string): MappingRow | undefined {
    const pool = this.#poolOf(key);
    const row = pool?.row(key);
    return row === undefined || pool === undefined ? undefined : this.#seen(row, pool);
  }

  watch(changed: (keys: Iterable<string>) => void): () => void {
    const unwatch = this.#changed.on(changed);
    this.#unwatch ??= this.#watchPools();
    return () => {
      unwatch();
      if (this.#changed.size > 0) return;
      this.#unwatch?.();
      this.#unwatch = undefined;
    };
  }

  /** A fake IPv6 address is its IPv4 one. */
  #in4(ip: Ip): Ip {
    return this.#embeddedIn(ip) ?? ip;
  }

  #embeddedIn(ip: Ip): Ip | undefined {
    for (const range of this.#all6()) {
      const embedded = range.embeddedIn(ip);
      if (embedded !== undefined) return embedded;
    }
    return undefined;
  }

  #all6(): readonly FakeIp6Range[] {
    return this.#fake6 === undefined ? this.#retired6 : [this.#fake6, ...this.#retired6];
  }

  #use6(fake6: FakeIp6Range | undefined): void {
    const former = this.#all6().filter((range) => range.text !== fake6?.text);
    this.#fake6 = fake6;
    this.#retired6 = former;
  }

  /** Of ranges with addresses in common the newest knows them. */
  #poolOf(ip: Ip): FakeIpPool | undefined {
    const address = this.#in4(ip);
    return this.#current.contains(address) ? this.#current : this.#retired.find((pool) => pool.contains(address));
  }

  /** What other pools have of the prepared one's range becomes its own, with the flows that are open. */
  #takeOver(pool: FakeIpPool): void {
    const others = [this.#current, ...this.#retired].filter(
      (other) => other !== pool && other.range.overlaps(pool.range),
    );
    if (others.length === 0) return;
    for (const each of [...others, pool]) each.save();
    pool.reload();
    for (const other of others) pool.takeOver(other);
  }

  #seen(row: MappingRow, pool: FakeIpPool): MappingRow {
    if (pool !== this.#current) return { ...row, state: row.liveFlows > 0 ? 'live' : 'retired' };
    return this.#fake6 === undefined ? row : { ...row, address6: this.#fake6.addressOf(row.address) };
  }

  #watchPools(): () => void {
    const pools = [this.#current, ...this.#retired];
    const cancels = pools.map((pool) => pool.changed.on((address) => this.#changed.emit([address])));
    return () => {
      for (const cancel of cancels) cancel();
    };
  }
}

function lastUse(row: MappingRow): number {
  return Math.max(row.lastAnswered, row.lastConnected);
}
