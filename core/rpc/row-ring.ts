/** A table of the newest rows: what is older is forgotten. */
import { Emitter } from '../base/emitter.ts';
import type { Row, TopicName } from '../contract/rpc.ts';
import type { TopicSource } from './topic-source.ts';

/** Tables whose rows are events: they are written once and have an id. */
export type EventTopic = { [T in TopicName]: Row<T> extends { id: string; time: number } ? T : never }[TopicName];

export class RowRing<T extends EventTopic> implements TopicSource<T> {
  readonly #capacity: number;
  readonly #rows = new Map<string, Row<T>>();
  readonly #changed = new Emitter<readonly string[]>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(row: Row<T>): void {
    const changed = [row.id];
    this.#rows.set(row.id, row);
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size <= this.#capacity) break;
      this.#rows.delete(oldest);
      changed.push(oldest);
    }
    if (this.#changed.size > 0) this.#changed.emit(changed);
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
