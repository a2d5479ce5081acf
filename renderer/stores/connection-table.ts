/** The connections with their speeds, which are computed here from the counters of successive ticks. */
import type { ConnectionRow } from '../../core/contract/flow.ts';
import type { TopicBatch } from '../../core/contract/rpc.ts';
import { type Entry, removed, type Table } from './row-table.ts';

export interface ConnectionEntry extends Entry {
  /** `up` and `down` in here may be old: the entry's own are current. */
  row: ConnectionRow;
  up: number;
  down: number;
  /** Bytes per second between the last two ticks. */
  upSpeed: number;
  downSpeed: number;
}

/** Batches that come closer together than this (milliseconds) are of one tick. */
const shortestTick = 200;

export class ConnectionTable implements Table<'connections', ConnectionEntry> {
  readonly entries = new Map<string, ConnectionEntry>();
  readonly counts = { closed: 0 };
  changed: ConnectionEntry[] = [];
  /** The same entries by the number that their key is. */
  readonly #byNumber = new Map<number, ConnectionEntry>();
  /** Those whose speed is not zero: it must fall to zero when a tick does not name them. */
  #moving: ConnectionEntry[] = [];
  #tickBegan = 0;
  /** Since the tick before. */
  #seconds = 1;

  apply(batch: TopicBatch<'connections'>, stamp: number, now: number): void {
    if (batch.reset) this.clear();
    const isNewTick = now - this.#tickBegan >= shortestTick;
    const wasMoving = this.#moving;
    if (isNewTick) {
      // Of what was before a first picture nothing is known.
      this.#seconds = batch.reset ? 1 : (now - this.#tickBegan) / 1000;
      this.#tickBegan = now;
      this.#moving = [];
    }
    this.changed = [];
    for (const key of batch.removed) this.#remove(key);
    for (const row of batch.rows) this.#setRow(row, stamp);
    const { counters } = batch;
    for (let at = 0; at + 2 < counters.length; at += 3) {
      const entry = this.#byNumber.get(counters[at] ?? -1);
      if (entry !== undefined) this.#count(entry, counters[at + 1] ?? 0, counters[at + 2] ?? 0, stamp);
    }
    if (!isNewTick) return;
    for (const entry of wasMoving) {
      if (entry.stamp === stamp || entry.stamp === removed) continue;
      entry.upSpeed = 0;
      entry.downSpeed = 0;
      entry.stamp = stamp;
    }
  }

  clear(): void {
    this.entries.clear();
    this.#byNumber.clear();
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
    this.#byNumber.delete(Number(key));
  }

  #setRow(row: ConnectionRow, stamp: number): void {
    const entry = this.entries.get(row.id);
    if (row.state === 'closed' && entry?.row.state !== 'closed') this.counts.closed++;
    if (entry === undefined) {
      // The first sight of a row says nothing about when its bytes went.
      const created = { row, up: row.up, down: row.down, upSpeed: 0, downSpeed: 0, stamp, rowStamp: stamp };
      this.entries.set(row.id, created);
      this.#byNumber.set(Number(row.id), created);
      this.changed.push(created);
      return;
    }
    entry.row = row;
    if (entry.rowStamp !== stamp) this.changed.push(entry);
    entry.rowStamp = stamp;
    this.#count(entry, row.up, row.down, stamp);
  }

  #count(entry: ConnectionEntry, up: number, down: number, stamp: number): void {
    const closed = entry.row.state === 'closed';
    entry.upSpeed = closed ? 0 : Math.max(0, up - entry.up) / this.#seconds;
    entry.downSpeed = closed ? 0 : Math.max(0, down - entry.down) / this.#seconds;
    entry.up = up;
    entry.down = down;
    entry.stamp = stamp;
    if (entry.upSpeed > 0 || entry.downSpeed > 0) this.#moving.push(entry);
  }
}
