/** The connections with their speeds, which are computed here from the counters of successive batches. */
import type { ConnectionRow } from '../../core/contract/flow.ts';
import type { TopicBatch } from '../../core/contract/rpc.ts';
import { type Entry, removed, type Table } from './row-table.ts';

export interface ConnectionEntry extends Entry {
  /** `up` and `down` in here may be old: the entry's own are current. */
  row: ConnectionRow;
  up: number;
  down: number;
  /** Bytes per second over the last batch interval. */
  upSpeed: number;
  downSpeed: number;
}

/** Batches that come closer together than this (milliseconds) would give absurd speeds. */
const shortestInterval = 200;

export class ConnectionTable implements Table<'connections', ConnectionEntry> {
  readonly entries = new Map<string, ConnectionEntry>();
  readonly counts = { closed: 0 };
  changed: ConnectionEntry[] = [];
  /** Those whose speed is not zero: it must fall to zero when a batch does not name them. */
  #moving: ConnectionEntry[] = [];
  #lastBatch = 0;

  apply(batch: TopicBatch<'connections'>, stamp: number, now: number): void {
    if (batch.reset) this.clear();
    const seconds = Math.max(now - this.#lastBatch, shortestInterval) / 1000;
    this.#lastBatch = now;
    const wasMoving = this.#moving;
    this.#moving = [];
    this.changed = [];
    for (const key of batch.removed) this.#remove(key);
    for (const row of batch.rows) this.#setRow(row, stamp, seconds);
    for (const [key, up = 0, down = 0] of batch.counters) {
      const entry = this.entries.get(key);
      if (entry !== undefined) this.#count(entry, up, down, stamp, seconds);
    }
    for (const entry of wasMoving) {
      if (entry.stamp === stamp || entry.stamp === removed) continue;
      entry.upSpeed = 0;
      entry.downSpeed = 0;
      this.#touch(entry, stamp);
    }
  }

  clear(): void {
    this.entries.clear();
    this.counts.closed = 0;
    this.changed = [];
    this.#moving = [];
  }

  #remove(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    if (entry.row.state === 'closed') this.counts.closed--;
    entry.stamp = removed;
    this.entries.delete(key);
  }

  #setRow(row: ConnectionRow, stamp: number, seconds: number): void {
    const entry = this.entries.get(row.id);
    if (row.state === 'closed' && entry?.row.state !== 'closed') this.counts.closed++;
    if (entry === undefined) {
      // The first sight of a row says nothing about when its bytes went.
      const created = { row, up: row.up, down: row.down, upSpeed: 0, downSpeed: 0, stamp, rowStamp: stamp };
      this.entries.set(row.id, created);
      this.changed.push(created);
      return;
    }
    entry.row = row;
    entry.rowStamp = stamp;
    this.#count(entry, row.up, row.down, stamp, seconds);
  }

  #count(entry: ConnectionEntry, up: number, down: number, stamp: number, seconds: number): void {
    const closed = entry.row.state === 'closed';
    entry.upSpeed = closed ? 0 : Math.max(0, up - entry.up) / seconds;
    entry.downSpeed = closed ? 0 : Math.max(0, down - entry.down) / seconds;
    entry.up = up;
    entry.down = down;
    if (entry.upSpeed > 0 || entry.downSpeed > 0) this.#moving.push(entry);
    this.#touch(entry, stamp);
  }

  #touch(entry: ConnectionEntry, stamp: number): void {
    if (entry.stamp === stamp) return;
    entry.stamp = stamp;
    this.changed.push(entry);
  }
}
