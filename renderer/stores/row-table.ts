/** Tables as the window holds them: pure application of topic batches to rows. Subscribing and drawing are elsewhere. */
import type { Row, TopicBatch, TopicName, topics } from '../../core/contract/rpc.ts';

/** Key field and counter fields of every topic; checked against the contract, without loading it (and zod) here. */
export const topicFields = {
  connections: { key: 'id', counters: ['up', 'down'] },
  mappings: { key: 'address', counters: [] },
  dnsLog: { key: 'id', counters: [] },
  logs: { key: 'id', counters: [] },
} as const satisfies { [T in TopicName]: Pick<(typeof topics)[T], 'key' | 'counters'> };

/** Rows by key, of one topic. `E` is what the window keeps per row. */
export interface Table<T extends TopicName, E> {
  readonly entries: ReadonlyMap<string, E>;
  /** Takes a batch that follows the last one; `now` is a monotonic time in milliseconds. */
  apply(batch: TopicBatch<T>, now: number): void;
  clear(): void;
}

/** A table that keeps the rows as they are: for topics without counters. */
export class RowTable<T extends Exclude<TopicName, 'connections'>> implements Table<T, Row<T>> {
  readonly entries = new Map<string, Row<T>>();
  readonly #key: (row: Row<T>) => string;

  constructor(key: (row: Row<T>) => string) {
    this.#key = key;
  }

  apply(batch: TopicBatch<T>): void {
    if (batch.reset) this.entries.clear();
    for (const key of batch.removed) this.entries.delete(key);
    for (const row of batch.rows) this.entries.set(this.#key(row), row);
  }

  clear(): void {
    this.entries.clear();
  }
}
