/**
 * The pool in use and those of former ranges: an address that was given out keeps its meaning for flows after a change of
 * the range. Also the mapping table as viewers watch it.
 */
import type { Ip } from '../base/address.ts';
import { Emitter } from '../base/emitter.ts';
import type { MappingRow } from '../contract/dns.ts';
import type { FakeIpPool } from '../dns/fake-ip-pool.ts';
import type { TopicSource } from '../rpc/topic-source.ts';
import type { FakeIpView } from './enrich.ts';

export class FakeIpPools implements FakeIpView, TopicSource<'mappings'> {
  readonly #create: (range: string) => FakeIpPool;
  readonly #changed = new Emitter<Iterable<string>>();
  readonly #retired: FakeIpPool[] = [];
  #current: FakeIpPool;
  #running = false;
  #unwatch: (() => void) | undefined;

  /** `create` makes a pool with what is stored of its range; it throws for a range that cannot be used. */
  constructor(range: string, create: (range: string) => FakeIpPool) {
    this.#create = create;
    this.#current = create(range);
  }

  /** The pool that new names get their addresses from. */
  get current(): FakeIpPool {
    return this.#current;
  }

  /** The pool of this range: the present one, a former one, or a new one that is not in use yet. Throws as `create`. */
  prepare(range: string): FakeIpPool {
    const known = [this.#current, ...this.#retired].find((pool) => pool.range.text === range);
    if (known !== undefined) return known;
    const pool = this.#create(range);
    const sameRange = [this.#current, ...this.#retired].find((other) => other.range.text === pool.range.text);
    return sameRange ?? pool;
  }

  /** Takes a prepared pool into use; the present one retires. */
  use(pool: FakeIpPool): void {
    if (pool === this.#current) return;
    const before = this.#current;
    const place = this.#retired.indexOf(pool);
    if (place >= 0) this.#retired.splice(place, 1);
    else if (this.#running) pool.start();
    this.#retired.push(before);
    this.#current = pool;
    if (this.#unwatch === undefined) return;
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
  }

  /** Prefixes that must be routed to us: the one in use first. */
  ranges(): string[] {
    return [this.#current, ...this.#retired].map((pool) => pool.range.text);
  }

  contains(ip: Ip): boolean {
    return this.#poolOf(ip) !== undefined;
  }

  lookup(ip: Ip): { readonly name: string; readonly doubtful: boolean } | undefined {
    const pool = this.#poolOf(ip);
    const mapping = pool?.lookup(ip);
    return mapping && { name: mapping.name, doubtful: pool?.isDoubtful(ip) === true };
  }

  couldMean(ip: Ip, name: string): boolean {
    return this.#poolOf(ip)?.couldMean(ip, name) === true;
  }

  unknownConnected(ip: Ip): void {
    this.#poolOf(ip)?.unknownConnected(ip);
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
    const current = addresses.filter((address) => this.#current.contains(address));
    return action === 'retire' ? this.#current.retire(current) : this.#current.pin(current, action === 'pin');
  }

  flowOpened(ip: Ip): void {
    this.#poolOf(ip)?.flowOpened(ip);
  }

  flowClosed(ip: Ip, outcome: string): void {
    this.#poolOf(ip)?.flowClosed(ip, outcome);
  }

  /** By last use, so that the newest come last. */
  rows(): MappingRow[] {
    const retired = this.#retired.flatMap((pool) => pool.rows().map(asRetired));
    return [...retired, ...this.#current.rows()].sort((a, b) => lastUse(a) - lastUse(b));
  }

  row(key: string): MappingRow | undefined {
    const pool = this.#poolOf(key);
    const row = pool?.row(key);
    return row === undefined || pool === this.#current ? row : asRetired(row);
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

  #poolOf(ip: Ip): FakeIpPool | undefined {
    return this.#current.contains(ip) ? this.#current : this.#retired.find((pool) => pool.contains(ip));
  }

  #watchPools(): () => void {
    const pools = [this.#current, ...this.#retired];
    const cancels = pools.map((pool) => pool.changed.on((address) => this.#changed.emit([address])));
    return () => {
      for (const cancel of cancels) cancel();
    };
  }
}

function asRetired(row: MappingRow): MappingRow {
  return { ...row, state: 'retired' };
}

function lastUse(row: MappingRow): number {
  return Math.max(row.lastAnswered, row.lastConnected);
}
