/** Every live flow and the last closed ones. It keeps and counts; it neither decides nor carries. */
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { ConnectionRow } from '../contract/flow.ts';
import { Flow } from './flow.ts';
import type { FlowCarrier } from './flow-carrier.ts';
import type { Metadata } from './metadata.ts';

export interface FlowTotals {
  /** Bytes since the table was made, closed flows included. */
  readonly up: number;
  readonly down: number;
  readonly live: number;
}

export interface FlowFilter {
  /** Whether flows that have ended are wanted too. */
  readonly closed: boolean;
}

export class FlowTable {
  /** Ids of new, changed and forgotten flows; counters that merely moved are told by `sample`. */
  readonly changed = new Emitter<readonly string[]>();
  /** Ids of flows whose first byte has come back, as `sample` finds them. */
  readonly answered = new Emitter<readonly string[]>();
  readonly #clock: Clock;
  readonly #maxClosed: number;
  readonly #live = new Map<string, Flow>();
  /** In the order of their end. */
  readonly #closed = new Map<string, Flow>();
  #nextId = 1;
  #closedUp = 0;
  #closedDown = 0;

  constructor(clock: Clock, maxClosed = 1000) {
    this.#clock = clock;
    this.#maxClosed = maxClosed;
  }

  /** A new flow, visible at once. */
  open(metadata: Metadata, carrier: FlowCarrier): Flow {
    const id = String(this.#nextId++);
    const flow = new Flow({ id, metadata, carrier, openedAt: this.#clock.now() }, this.#note);
    this.#live.set(id, flow);
    this.changed.emit([id]);
    return flow;
  }

  get live(): number {
    return this.#live.size;
  }

  /** What is known of a flow, live or closed. */
  metadata(id: string): Metadata | undefined {
    return this.#find(id)?.metadata;
  }

  row(id: string): ConnectionRow | undefined {
    return this.#find(id)?.row();
  }

  /** Oldest first: closed ones by their end, then live ones by their beginning. */
  rows(filter: FlowFilter): ConnectionRow[] {
    const closed = filter.closed ? [...this.#closed.values()] : [];
    return [...closed, ...this.#live.values()].map((flow) => flow.row());
  }

  /** Counters of a live flow as last sampled; undefined once it has ended. */
  counters(id: string): readonly [up: number, down: number] | undefined {
    const flow = this.#live.get(id);
    return flow && [flow.up, flow.down];
  }

  /** Reads the counters of all live flows, tells which moved, answers the totals. Call it once a second while watched. */
  sample(): FlowTotals {
    const moved: string[] = [];
    const answered: string[] = [];
    for (const flow of this.#live.values()) {
      const wasSilent = flow.firstByteMs === undefined;
      if (!flow.sample()) continue;
      moved.push(flow.id);
      if (wasSilent && flow.firstByteMs !== undefined) answered.push(flow.id);
    }
    if (moved.length > 0) this.changed.emit(moved);
    if (answered.length > 0) this.answered.emit(answered);
    return this.totals();
  }

  /** By the last sample of each flow. */
  totals(): FlowTotals {
    let up = this.#closedUp;
    let down = this.#closedDown;
    for (const flow of this.#live.values()) {
      up += flow.up;
      down += flow.down;
    }
    return { up, down, live: this.#live.size };
  }

  /** Asks for the end of a flow by RST, so that its application notices; false when it is not live. */
  close(id: string): boolean {
    const flow = this.#live.get(id);
    flow?.requestClose('reset');
    return flow !== undefined;
  }

  #find(id: string): Flow | undefined {
    return this.#live.get(id) ?? this.#closed.get(id);
  }

  readonly #note = (flow: Flow): void => {
    const ids = [flow.id];
    if (flow.state === 'closed' && this.#live.delete(flow.id)) {
      this.#closedUp += flow.up;
      this.#closedDown += flow.down;
      this.#closed.set(flow.id, flow);
      const [oldest] = this.#closed.keys();
      if (this.#closed.size > this.#maxClosed && oldest !== undefined) {
        this.#closed.delete(oldest);
        ids.push(oldest);
      }
    }
    this.changed.emit(ids);
  };
}
