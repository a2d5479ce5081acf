/**
 * One topic outside React: subscribes while somebody watches, applies batches as they come, and tells its listeners at
 * most once per animation frame.
 */
import type { MirageBridge, TopicBatch, TopicName, Unsubscribe } from '../../core/contract/app.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import type { Row, SubscribeOptions } from '../../core/contract/rpc.ts';
import { type Entry, removed, type Table } from './row-table.ts';

/** What a view reads. A new object for every change (the map and its entries are reused): made for `useSyncExternalStore`. */
export interface TopicSnapshot<E> {
  readonly entries: ReadonlyMap<string, E>;
  /** Entries with a new row since the snapshot with the number `previous`; those of which only counters have moved are not among them. */
  readonly changed: readonly E[];
  /** The stamps of whatever has changed are this or higher. */
  readonly since: number;
  readonly version: number;
  /** -1 when the entries are others altogether. */
  readonly previous: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Rows that match at the server; more than `entries` when the limit cut some off. */
  readonly total: number;
  /** Whether the first batch has arrived since somebody began to watch. */
  readonly loaded: boolean;
  /** Why the helper does not show the table, until it does; nothing is loaded then. */
  readonly refused: ErrorData | undefined;
}

export interface TopicStoreOptions<T extends TopicName, E extends Entry> {
  readonly topic: T;
  readonly table: Table<T, E>;
  readonly options: SubscribeOptions;
  readonly bridge: Pick<MirageBridge, 'subscribe'>;
  /** Runs the callback once, before the next drawing. */
  readonly nextFrame: (callback: () => void) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class TopicStore<T extends TopicName, E extends Entry> {
  readonly #options: TopicStoreOptions<T, E>;
  readonly #listeners = new Set<() => void>();
  #snapshot: TopicSnapshot<E>;
  #unsubscribe: Unsubscribe | undefined;
  /** Batches of an earlier subscription may still be on their way: they carry an older generation. */
  #generation = 0;
  #last: { epoch: number; sequence: number } | undefined;
  #total = 0;
  #refused: ErrorData | undefined;
  #frameAsked = false;
  #stamp = 0;
  /** What has changed since the last snapshot; a set, since several batches may come before a frame. */
  #changed = new Set<E>();
  #since = 0;
  #replaced = false;

  constructor(options: TopicStoreOptions<T, E>) {
    this.#options = options;
    const { entries, counts } = options.table;
    this.#snapshot = {
      entries,
      changed: [],
      since: 0,
      version: 0,
      previous: -1,
      counts,
      total: 0,
      loaded: false,
      refused: undefined,
    };
  }

  /** Watches until the returned function is called; the first watcher subscribes, the last one unsubscribes. */
  readonly watch = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#subscribe();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  /** Asks for a table that was refused once more; the refusal is forgotten meanwhile. */
  readonly retry = (): void => {
    if (this.#refused === undefined || this.#unsubscribe === undefined) return;
    this.#refused = undefined;
    this.#publishSoon();
    this.#unsubscribe();
    this.#subscribe();
  };

  /**
   * Shows rows as they will be, before the server says so. What it sends of them later stands; whoever supposed wrongly
   * supposes the old rows again. Nothing happens while nobody watches.
   */
  suppose(rows: Row<T>[]): void {
    if (this.#last === undefined) return;
    this.#apply({ ...this.#last, reset: false, rows, counters: [], removed: [], total: this.#total });
  }

  readonly snapshot = (): TopicSnapshot<E> => this.#snapshot;

  #subscribe(): void {
    const { bridge, topic, options } = this.#options;
    const generation = ++this.#generation;
    this.#last = undefined;
    this.#unsubscribe = bridge.subscribe(
      topic,
      options,
      (batch) => {
        if (generation === this.#generation) this.#take(batch);
      },
      (error) => {
        if (generation === this.#generation) this.#refuse(error);
      },
    );
  }

  /** Rows that nobody keeps up to date must not stay on the screen. */
  #refuse(error: ErrorData): void {
    this.#forgetRows();
    this.#refused = error;
    this.#publishSoon();
  }

  #take(batch: TopicBatch<T>): void {
    if (!batch.reset && !this.#follows(batch)) {
      // The bridge should have healed this; rows that miss a change must not stay on the screen either way.
      this.#unsubscribe?.();
      this.#subscribe();
      return;
    }
    this.#last = { epoch: batch.epoch, sequence: batch.sequence };
    this.#refused = undefined;
    this.#apply(batch);
  }

  #apply(batch: TopicBatch<T>): void {
    this.#total = batch.total;
    const { table, now } = this.#options;
    if (batch.reset) this.#forgetChanges();
    table.apply(batch, ++this.#stamp, now());
    for (const entry of table.changed) this.#changed.add(entry);
    this.#publishSoon();
  }

  #follows(batch: TopicBatch<T>): boolean {
    return this.#last?.epoch === batch.epoch && this.#last.sequence + 1 === batch.sequence;
  }

  #publishSoon(): void {
    if (this.#frameAsked) return;
    this.#frameAsked = true;
    this.#options.nextFrame(() => {
      this.#frameAsked = false;
      if (this.#unsubscribe === undefined) return;
      this.#publish(this.#refused === undefined && (this.#last !== undefined || this.#snapshot.loaded));
    });
  }

  #publish(loaded: boolean): void {
    const { entries, counts } = this.#options.table;
    const { version } = this.#snapshot;
    this.#snapshot = {
      entries,
      // Of those that came and went before anybody looked, nothing remains to be shown.
      changed: [...this.#changed].filter((entry) => entry.stamp !== removed),
      since: this.#since,
      version: version + 1,
      previous: this.#replaced ? -1 : version,
      counts: { ...counts },
      total: this.#total,
      loaded,
      refused: this.#refused,
    };
    this.#changed.clear();
    this.#since = this.#stamp + 1;
    this.#replaced = false;
    for (const listener of this.#listeners) listener();
  }

  #forgetChanges(): void {
    this.#changed.clear();
    this.#replaced = true;
  }

  #forgetRows(): void {
    this.#options.table.clear();
    this.#forgetChanges();
    this.#last = undefined;
    this.#total = 0;
  }

  /** Rows of a topic that nobody watches grow stale: they are dropped. */
  #stop(): void {
    this.#generation++;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#forgetRows();
    this.#refused = undefined;
    this.#publish(false);
  }
}
