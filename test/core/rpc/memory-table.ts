/** A table in memory that tells its watchers of changes: the double of every topic's source. */

import { Emitter } from '../../../core/base/emitter.ts';
import { type Row, type TopicName, topics } from '../../../core/contract/rpc.ts';
import type { TopicSource } from '../../../core/rpc/topic-source.ts';

export class MemoryTable<T extends TopicName> implements TopicSource<T> {
  readonly counted = new Map<string, readonly number[]>();
  readonly counters?: (key: string) => readonly number[] | undefined;
  readonly #topic: T;
  readonly #rows = new Map<string, Row<T>>();
  readonly #changed = new Emitter<Iterable<string>>();

  constructor(topic: T) {
    this.#topic = topic;
    if (topics[topic].counters.length > 0) this.counters = (key) => this.counted.get(key);
  }

  get watchers(): number {
    return this.#changed.size;
  }

  put(row: Row<T>): void {
    const key = String((row as Record<string, unknown>)[topics[this.#topic].key]);
    this.#rows.set(key, row);
    this.#changed.emit([key]);
  }

  remove(key: string): void {
    this.#rows.delete(key);
    this.#changed.emit([key]);
  }

  rows(): Iterable<Row<T>> {
    return this.#rows.values();
  }

  row(key: string): Row<T> | undefined {
    return this.#rows.get(key);
  }

  watch(changed: (keys: Iterable<string>) => void): () => void {
    return this.#changed.on(changed);
  }
}
