/** The rows of a topic as they are now: for who shows a few of them and needs no table. */
import type { Row, TopicBatch, TopicName } from '../core/contract/app.ts';

export class TopicRows<T extends TopicName> {
  readonly rows = new Map<string, Row<T>>();
  readonly #keyOf: (row: Row<T>) => string;

  constructor(keyOf: (row: Row<T>) => string) {
    this.#keyOf = keyOf;
  }

  apply(batch: TopicBatch<T>): void {
    if (batch.reset) this.rows.clear();
    for (const key of batch.removed) this.rows.delete(key);
    for (const row of batch.rows) this.rows.set(this.#keyOf(row), row);
  }
}
