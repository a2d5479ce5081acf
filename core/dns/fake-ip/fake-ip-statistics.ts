/**
 * Writes counts and times of mappings to the store, together once a second. The mappings themselves are stored already: what is
 * lost here with the process is a moment of their statistics.
 */
import type { Clock } from '../../base/clock.ts';
import type { Entry, PoolStore } from './fake-ip-mapping.ts';
import { lastUse } from './fake-ip-reuse.ts';
import type { FakeIpTrouble } from './fake-ip-trouble.ts';

/** Written in one go: a few milliseconds. The rest follows a second later, oldest first. */
const batch = 4_000;
/** A long flow's address is marked as used this often, so that a crash does not make it look idle. */
export const liveRefresh = 60_000;
/** How much younger than in the store a mapping's last use may be: by so much a crash may shorten its rest. Milliseconds. */
const mostUnsaved = 60_000;

export class FakeIpStatistics {
  readonly #store: PoolStore;
  readonly #clock: Clock;
  readonly #trouble: FakeIpTrouble;
  readonly #unsaved = new Set<Entry>();
  readonly #live = new Set<Entry>();
  #refreshedAt: number;

  constructor(store: PoolStore, clock: Clock, trouble: FakeIpTrouble) {
    this.#store = store;
    this.#clock = clock;
    this.#trouble = trouble;
    this.#refreshedAt = clock.now();
  }

  /** Something of the mapping has changed. */
  note(entry: Entry): void {
    this.#addUnsaved(entry);
    const isLive = entry.liveFlows > 0;
    if (entry.isLive === isLive) return;
    entry.isLive = isLive;
    if (isLive) this.#live.add(entry);
    else this.#live.delete(entry);
  }

  /** Whether a use now must be stored before anybody relies on it: a crash would make the address look free. */
  isOverdue(entry: Entry, now: number): boolean {
    return now - entry.savedUse >= mostUnsaved;
  }

  /** The mapping is gone. */
  forget(entry: Entry): void {
    this.#unsaved.delete(entry);
    this.#live.delete(entry);
    entry.isUnsaved = false;
    entry.isLive = false;
  }

  /** To be called once a second. */
  tick(now: number): void {
    if (Math.abs(now - this.#refreshedAt) >= liveRefresh) this.#touchLive(now);
    this.save(firstOf(this.#unsaved, batch));
  }

  /** Writes everything, live flows marked as used now. */
  saveAll(): void {
    this.#touchLive(this.#clock.now());
    this.save([...this.#unsaved]);
  }

  /** Writes these now. What cannot be written waits for the next time. */
  save(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    try {
      this.#store.updateStatistics(entries);
    } catch (error) {
      for (const entry of entries) this.#addUnsaved(entry);
      this.#trouble.storeFailed(this.#clock.now(), error);
      return;
    }
    this.#trouble.storeWorks();
    for (const entry of entries) this.saved(entry);
  }

  /** The mapping was stored as it is. */
  saved(entry: Entry): void {
    entry.savedUse = lastUse(entry);
    entry.isUnsaved = false;
    this.#unsaved.delete(entry);
  }

  #addUnsaved(entry: Entry): void {
    if (entry.isUnsaved) return;
    entry.isUnsaved = true;
    this.#unsaved.add(entry);
  }

  #touchLive(now: number): void {
    this.#refreshedAt = now;
    for (const entry of this.#live) {
      entry.lastConnected = now;
      this.#addUnsaved(entry);
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
