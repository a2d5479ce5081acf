/** Tables as the window holds them: pure application of topic batches to rows. Subscribing and drawing are elsewhere. */
import type { Row, TopicBatch, TopicName, topics } from '../../core/contract/rpc.ts';

/** Key field and counter fields of every topic; checked against the contract, without loading it (and zod) here. */
export const topicFields = {
  connections: { key: 'id', counters: ['up', 'down'] },
  mappings: { key: 'address', counters: [] },
  dnsLog: { key: 'id', counters: [] },
  logs: { key: 'id', counters: [] },
  proxies: { key: 'name', counters: [] },
} as const satisfies { [T in TopicName]: Pick<(typeof topics)[T], 'key' | 'counters'> };

/**
 * What the window keeps per row. Changed in place: with 10,000 rows a second, making and finding new objects would cost
 * more than everything else. `stamp` tells who must look again.
 */
export interface Entry {
  /** Number of the batch that changed it last in any way; `removed` when it is no longer in the table. */
  stamp: number;
  /** Number of the batch that brought its row; counters come without. */
  rowStamp: number;
}

export const removed = -1;

/** An entry that is its row and nothing more. */
export interface RowEntry<R> extends Entry {
  row: R;
}

export function rowOf<R>(entry: RowEntry<R>): R {
  return entry.row;
}

/** Rows by key, of one topic. */
export interface Table<T extends TopicName, E extends Entry> {
  readonly entries: ReadonlyMap<string, E>;
  /** Entries with a row in this batch. */
  readonly changed: readonly E[];
  /** Numbers that a view shows beside its rows, kept while rows come and go. */
  readonly counts: Readonly<Record<string, number>>;
  /** Takes a batch; `stamp` grows from batch to batch, `now` is a monotonic time in milliseconds. */
  apply(batch: TopicBatch<T>, stamp: number, now: number): void;
  clear(): void;
}

/** A table that keeps the rows as they are: for topics without counters. */
export class RowTable<T extends Exclude<TopicName, 'connections'>> implements Table<T, RowEntry<Row<T>>> {
  readonly entries = new Map<string, RowEntry<Row<T>>>();
  readonly counts = {};
  changed: RowEntry<Row<T>>[] = [];
  readonly #key: (row: Row<T>) => string;

  constructor(key: (row: Row<T>) => string) {
    this.#key = key;
  }

  apply(batch: TopicBatch<T>, stamp: number): void {
    if (batch.reset) this.clear();
    for (const key of batch.removed) {
      const entry = this.entries.get(key);
      if (entry !== undefined) entry.stamp = removed;
      this.entries.delete(key);
    }
    this.changed = batch.rows.map((row) => {
      const key = this.#key(row);
      const entry = this.entries.get(key) ?? { row, stamp, rowStamp: stamp };
      entry.row = row;
      entry.stamp = stamp;
      entry.rowStamp = stamp;
      this.entries.set(key, entry);
      return entry;
    });
  }

  clear(): void {
    this.entries.clear();
    this.changed = [];
  }
}
