/** The flow table as viewers watch it: rows when something has happened to a flow, counters alone when only bytes have. */
import type { ConnectionRow } from '../contract/flow.ts';
import type { FlowTable, FlowTotals } from '../flow/flow-table.ts';
import type { TopicSource } from '../rpc/topic-source.ts';

export class ConnectionTopic implements TopicSource<'connections'> {
  readonly #flows: FlowTable;
  /** While sampling, the table tells counters that moved as changes; they are asked for by `counters` instead. */
  #sampling = false;
  #watchers = 0;

  constructor(flows: FlowTable) {
    this.#flows = flows;
  }

  /** Whether somebody looks at the table. */
  get watched(): boolean {
    return this.#watchers > 0;
  }

  /** Reads the counters of all live flows. Call it once a second while somebody is connected. */
  sample(): FlowTotals {
    this.#sampling = true;
    try {
      return this.#flows.sample();
    } finally {
      this.#sampling = false;
    }
  }

  rows(): ConnectionRow[] {
    return this.#flows.rows({ closed: true });
  }

  row(key: string): ConnectionRow | undefined {
    return this.#flows.row(key);
  }

  /** By the last `sample`. */
  counters(key: string): readonly number[] | undefined {
    return this.#flows.counters(key);
  }

  watch(changed: (keys: Iterable<string>) => void): () => void {
    const unwatch = this.#flows.changed.on((ids) => {
      if (!this.#sampling) changed(ids);
    });
    const unwatchAnswers = this.#flows.answered.on(changed);
    this.#watchers += 1;
    return () => {
      unwatch();
      unwatchAnswers();
      this.#watchers -= 1;
    };
  }
}
