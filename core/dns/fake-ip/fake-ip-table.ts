/**
 * The mappings of one range in memory: by name and by slot, whose share each counts against, in which order they may be reused,
 * and which place a new name gets. Stores nothing.
 */
import type { Ip } from '../../base/address.ts';
import { AppError } from '../../base/app-error.ts';
import type { MappingRow } from '../../contract/dns.ts';
import { ClientShares } from './client-shares.ts';
import { type Entry, rowOf, unknownRow } from './fake-ip-mapping.ts';
import type { FakeIpRange } from './fake-ip-range.ts';
import { ReuseOrder, stateOf } from './fake-ip-reuse.ts';
import type { FakeIpTrouble } from './fake-ip-trouble.ts';
import { reduceHash, sipHash24 } from './siphash.ts';
import { UnknownAddresses } from './unknown-addresses.ts';

/** A slot for a name, and what its address meant before. */
export interface Place {
  readonly slot: number;
  readonly former?: Entry;
}

export interface FakeIpTableOptions {
  readonly range: FakeIpRange;
  /** 16 bytes, the same for the life of the installation. */
  readonly key: Uint8Array;
  readonly trouble: FakeIpTrouble;
  /** Milliseconds, wall clock. */
  readonly now: number;
}

/** How far from its home a name may be. */
const longestDisplacement = 64;

export class FakeIpTable {
  readonly #range: FakeIpRange;
  readonly #key: Uint8Array;
  readonly #trouble: FakeIpTrouble;
  /** Where a name is written to be hashed; most names fit. */
  readonly #nameBytes = Buffer.alloc(1_024);
  readonly #byName = new Map<string, Entry>();
  readonly #bySlot = new Map<number, Entry>();
  /** 1 where a slot has a mapping or is kept: the next empty slot is found without walking the maps. */
  readonly #taken: Uint8Array;
  readonly #shares: ClientShares;
  readonly #order: ReuseOrder<Entry>;
  readonly #retired = new Set<Entry>();
  readonly #unknown = new UnknownAddresses();

  constructor({ range, key, trouble, now }: FakeIpTableOptions) {
    this.#range = range;
    this.#key = key;
    this.#trouble = trouble;
    this.#taken = new Uint8Array(range.capacity);
    this.#shares = new ClientShares(range.capacity);
    this.#order = new ReuseOrder(now);
  }

  /** Mappings, retired ones too. */
  get size(): number {
    return this.#bySlot.size;
  }

  get retired(): ReadonlySet<Entry> {
    return this.#retired;
  }

  entries(): Entry[] {
    return [...this.#bySlot.values()];
  }

  named(name: string): Entry | undefined {
    return this.#byName.get(name);
  }

  atSlot(slot: number): Entry | undefined {
    return this.#bySlot.get(slot);
  }

  at(ip: Ip): Entry | undefined {
    const slot = this.#range.slotOf(ip);
    return slot === undefined ? undefined : this.#bySlot.get(slot);
  }

  entriesAt(addresses: readonly Ip[]): Entry[] {
    return addresses.flatMap((address) => this.at(address) ?? []);
  }

  /** Under which a client's share is counted. */
  shareOf(client: string): string {
    return this.#shares.keyOf(client);
  }

  /**
   * The home slot, or the next without a mapping; when all have one, a rested home, then the order of reuse. A client that
   * has its share gets what was its own. Throws FAKE_IP_EXHAUSTED.
   */
  choose(name: string, share: string, now: number): Place {
    if (this.#shares.isFull(share)) return this.#reuse(now, share);
    const home = this.#homeOf(name);
    const atHome = this.#bySlot.get(home);
    if (atHome === undefined) return { slot: home };
    if (this.#bySlot.size + this.#unknown.size < this.#range.capacity) {
      const next = this.#taken.indexOf(0, home);
      return { slot: next >= 0 ? next : this.#taken.indexOf(0) };
    }
    if (!atHome.pinned && stateOf(atHome, now) === 'free') return { slot: home, former: atHome };
    return this.#reuse(now);
  }

  /** Whether a name may have been at this slot before the table was lost. */
  isNearHome(name: string, slot: number): boolean {
    const { capacity } = this.#range;
    return (slot - this.#homeOf(name) + capacity) % capacity <= longestDisplacement;
  }

  remember(entry: Entry): void {
    this.#unknown.delete(entry.slot);
    // What was flushed is on its way out: it is nobody's share.
    if (entry.retired) this.#retired.add(entry);
    else this.#shares.add(entry.client);
    const before = this.#byName.get(entry.name);
    if (before !== undefined) before.isCurrent = false;
    this.#byName.set(entry.name, entry);
    entry.isCurrent = true;
    this.#bySlot.set(entry.slot, entry);
    this.#taken[entry.slot] = 1;
    this.#order.touch(entry);
  }

  forget(entry: Entry): void {
    if (entry.isCurrent) this.#byName.delete(entry.name);
    entry.isCurrent = false;
    this.#bySlot.delete(entry.slot);
    this.#taken[entry.slot] = 0;
    if (!entry.retired) this.#shares.remove(entry.client);
    this.#order.forget(entry);
    this.#retired.delete(entry);
  }

  /** A mapping was used: it is the last to be reused. */
  touch(entry: Entry): void {
    this.#order.touch(entry);
  }

  /** These mappings have the places in the order of reuse that their last use gives them. */
  restoreOrder(entries: readonly Entry[]): void {
    this.#order.restore(entries);
  }

  markRetired(entry: Entry, retired: boolean): void {
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

  /** Keeps a slot without a mapping that somebody has the address of, for the name whose home it is; whether it was one. */
  keepUnknown(slot: number, now: number): boolean {
    if (this.#bySlot.has(slot)) return false;
    this.#taken[slot] = 1;
    const released = this.#unknown.add(slot, now);
    if (released !== undefined) this.#taken[released] = 0;
    return true;
  }

  /** Gives back the slots that were kept long enough. */
  expireUnknown(now: number): void {
    for (const slot of this.#unknown.expire(now)) if (!this.#bySlot.has(slot)) this.#taken[slot] = 0;
  }

  /** Every mapping and kept slot, in no order. */
  rows(now: number): MappingRow[] {
    const known = this.entries().map((entry) => rowOf(entry, now));
    const unknown = [...this.#unknown.entries()].map(([slot, at]) => unknownRow(this.#range.addressOf(slot), at));
    return [...unknown, ...known];
  }

  /** The row of one address. */
  row(ip: Ip, now: number): MappingRow | undefined {
    const slot = this.#range.slotOf(ip);
    if (slot === undefined) return undefined;
    const entry = this.#bySlot.get(slot);
    if (entry !== undefined) return rowOf(entry, now);
    const at = this.#unknown.since(slot);
    return at === undefined ? undefined : unknownRow(ip, at);
  }

  /** A place in the order of reuse: of anybody's, or only what a client has itself. */
  #reuse(now: number, share?: string): Place {
    const next = this.#order.next(now, share);
    if (next?.early === true) this.#trouble.pressure(now, share);
    if (next !== undefined) return { slot: next.mapping.slot, former: next.mapping };
    const kept = share === undefined ? this.#unknown.takeOldest() : undefined;
    if (kept !== undefined) return { slot: kept };
    this.#trouble.exhausted(now, share);
    const { capacity, text } = this.#range;
    const whose =
      share === undefined
        ? `all ${capacity} addresses of ${text} are in use`
        : `${share} has half of the ${capacity} addresses of ${text}, which is as much as one may have`;
    throw new AppError('FAKE_IP_EXHAUSTED', whose, { expected: 'a larger fake-ip-range' });
  }

  #homeOf(name: string): number {
    const bytes = 3 * name.length <= this.#nameBytes.length ? this.#nameBytes : Buffer.alloc(3 * name.length);
    return reduceHash(sipHash24(this.#key, bytes, bytes.write(name)), this.#range.capacity);
  }
}
