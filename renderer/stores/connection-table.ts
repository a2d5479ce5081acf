/** The connections with their speeds, which are computed here from the counters of successive batches. */
import type { ConnectionRow } from '../../core/contract/flow.ts';
import type { TopicBatch } from '../../core/contract/rpc.ts';
import type { Table } from './row-table.ts';

/** One connection as shown. A new object whenever anything of it changed, so that identity tells what to draw again. */
export interface ConnectionEntry {
  /** `up` and `down` in here may be old: the entry's own are current. */
  readonly row: ConnectionRow;
  readonly up: number;
  readonly down: number;
  /** Bytes per second over the last batch interval. */
  readonly upSpeed: number;
  readonly downSpeed: number;
}

/** Batches that come closer together than this (milliseconds) would give absurd speeds. */
const shortestInterval = 200;

export class ConnectionTable implements Table<'connections', ConnectionEntry> {
  readonly entries = new Map<string, ConnectionEntry>();
  /** Keys whose speed is not zero: they must fall to zero when a batch does not name them. */
  #moving = new Set<string>();
  #lastBatch = 0;

  apply(batch: TopicBatch<'connections'>, now: number): void {
    if (batch.reset) this.clear();
    const seconds = Math.max(now - this.#lastBatch, shortestInterval) / 1000;
    this.#lastBatch = now;
    const wasMoving = this.#moving;
    this.#moving = new Set();
    for (const key of batch.removed) {
      this.entries.delete(key);
      wasMoving.delete(key);
    }
    for (const row of batch.rows) {
      this.#set(row.id, row, row.up, row.down, seconds);
      wasMoving.delete(row.id);
    }
    for (const [key, up = 0, down = 0] of batch.counters) {
      const previous = this.entries.get(key);
      if (previous !== undefined) this.#set(key, previous.row, up, down, seconds);
      wasMoving.delete(key);
    }
    for (const key of wasMoving) {
      const entry = this.entries.get(key);
      if (entry !== undefined) this.entries.set(key, { ...entry, upSpeed: 0, downSpeed: 0 });
    }
  }

  clear(): void {
    this.entries.clear();
    this.#moving.clear();
  }

  #set(key: string, row: ConnectionRow, up: number, down: number, seconds: number): void {
    const previous = this.entries.get(key);
    // The first sight of a row says nothing about when its bytes went; a closed one moves no more.
    const known = previous !== undefined && row.state !== 'closed';
    const upSpeed = known ? Math.max(0, up - previous.up) / seconds : 0;
    const downSpeed = known ? Math.max(0, down - previous.down) / seconds : 0;
    this.entries.set(key, { row, up, down, upSpeed, downSpeed });
    if (upSpeed > 0 || downSpeed > 0) this.#moving.add(key);
  }
}
