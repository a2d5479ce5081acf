/**
 * What one viewer holds of a table, as far as the server must know it to send differences: drawn and kept up to date in
 * steps. A viewer that reads too slowly loses batches and gets a new picture when it reads again.
 */

import type { Steps } from '../base/steps.ts';
import { type Row, type SubscribeOptions, type TopicBatch, type TopicName, topics } from '../contract/rpc.ts';
import type { BackgroundWork } from './background-work.ts';
import type { PeerCredentials } from './peer-auth.ts';
import { rowFilterOf } from './row-filter.ts';
import type { RowView, TopicSource } from './topic-source.ts';

/** The connection a batch goes to. */
export interface TopicViewer {
  readonly caller: PeerCredentials;
  /** Whether it has more unread bytes than it may; nothing is sent to it then. */
  congested(): boolean;
  send(batch: TopicBatch): void;
  /** The table cannot be drawn, by a defect; nothing more is sent. Called once, possibly before `subscribe` returns. */
  failed(error: unknown): void;
}

export interface TopicPictureServices {
  readonly view: RowView;
  readonly work: BackgroundWork;
  readonly epoch: number;
}

/** Rows that a viewer holds when it does not say how many. */
export const defaultTopicLimit = 10_000;
/** Rows in one batch, and rows whose counters are in one. */
const pageRows = 1_000;
const pageCounters = 10_000;
/** Rows, and counters, that are looked at between two steps. */
const stepRows = 100;
const stepCounters = 500;
/** Changes that may wait for their turn; beyond it the picture is drawn anew. */
const maxChanges = 20_000;

export class TopicPicture<T extends TopicName> {
  readonly #topic: T;
  readonly #source: TopicSource<T>;
  readonly #viewer: TopicViewer;
  readonly #services: TopicPictureServices;
  readonly #matches: (row: Row<T>) => boolean;
  readonly #limit: number;
  /** Keys of all rows that match, whether the viewer has them or not. */
  readonly #matching = new Set<string>();
  /** Rows at the viewer, in the order they were sent, with the counters it knows. */
  readonly #held = new Map<string, readonly number[]>();
  /** Rows of the first picture that are still to be sent. */
  #waiting: string[] = [];
  /** The newest rows of the first picture: they are sent first. */
  #newest: readonly string[] = [];
  /** Keys of changed rows that were not looked at yet. */
  #changes: (readonly string[])[] = [];
  #changeCount = 0;
  #countersDue = false;
  /** Whether counters were sent when they were due last. */
  #countersMoved = false;
  #lost = false;
  #first = true;
  #sequence = 0;
  #task: { cancel(): void } | undefined;
  #cancelled = false;

  constructor(
    topic: T,
    source: TopicSource<T>,
    viewer: TopicViewer,
    options: SubscribeOptions,
    services: TopicPictureServices,
  ) {
    this.#topic = topic;
    this.#source = source;
    this.#viewer = viewer;
    this.#services = services;
    this.#matches = rowFilterOf(topic, options);
    this.#limit = options.limit ?? defaultTopicLimit;
  }

  /** Draws everything anew. */
  reset(): void {
    this.#lost = true;
    this.#forgetChanges();
    this.resume();
  }

  /** Goes on with what a congested viewer could not be sent. */
  resume(): void {
    if (this.#task !== undefined || this.#cancelled || this.#viewer.congested()) return;
    let isDone = false;
    const task = this.#services.work.run(this.#viewer.caller.uid, this.#steps(), (outcome) => {
      isDone = true;
      this.#task = undefined;
      if (!('error' in outcome) || this.#cancelled) return;
      this.#cancelled = true;
      this.#viewer.failed(outcome.error);
    });
    if (!isDone) this.#task = task;
  }

  /** Takes note that these rows have changed, and that counters may have moved. */
  update(keys: readonly string[]): void {
    if (this.#viewer.congested() || this.#changeCount + keys.length > maxChanges) return this.reset();
    if (!this.#lost) {
      if (keys.length > 0) this.#changes.push(keys);
      this.#changeCount += keys.length;
      this.#countersDue = this.#source.counters !== undefined;
    }
    this.resume();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#task?.cancel();
    this.#task = undefined;
  }

  *#steps(): Steps<void> {
    while (!this.#viewer.congested()) {
      if (this.#lost) yield* this.#draw();
      else if (this.#first || this.#waiting.length > 0) this.#sendPage();
      else if (this.#changes.length > 0 || this.#countersDue) yield* this.#sendChanges();
      else return;
      yield;
    }
  }

  *#draw(): Steps<void> {
    this.#lost = false;
    this.#first = true;
    this.#matching.clear();
    this.#held.clear();
    this.#waiting = [];
    if (this.#services.view.seesNothing(this.#topic, this.#viewer.caller)) return;
    let looked = 0;
    for (const row of this.#source.rows()) {
      if (this.#visible(row) !== undefined) this.#matching.add(keyOf(this.#topic, row));
      if (++looked % stepRows === 0) yield;
      if (this.#lost) return;
    }
    const keys = [...this.#matching].slice(-this.#limit);
    // A table shows the newest rows at its top: the first screen is there before all rows are.
    this.#newest = keys.slice(-pageRows);
    this.#waiting = [...this.#newest, ...keys.slice(0, -pageRows)];
  }

  #sendPage(): void {
    const rows: Row<T>[] = [];
    for (const key of this.#waiting.splice(0, pageRows)) {
      if (this.#held.has(key)) continue;
      const found = this.#source.row(key);
      const row = found === undefined ? undefined : this.#visible(found);
      if (row === undefined) continue;
      this.#hold(key, row);
      rows.push(row);
    }
    if (this.#waiting.length === 0) this.#restoreOrder();
    this.#send(rows, [], this.#shrink());
  }

  /** The rows that were sent first are the last to give way. */
  #restoreOrder(): void {
    for (const key of this.#newest) {
      const counters = this.#held.get(key);
      if (counters === undefined) continue;
      this.#held.delete(key);
      this.#held.set(key, counters);
    }
    this.#newest = [];
  }

  /** Sends what has changed, in batches, and the counters that have moved: in the last of them, where there is room. */
  *#sendChanges(): Steps<void> {
    const keys = new Set(this.#changes.flat());
    this.#forgetChanges();
    const fresh = new Set<string>();
    let rows: Row<T>[] = [];
    let removed: string[] = [];
    const flush = (counters: number[] = [], even = false): void => {
      const gone = new Set(this.#shrink());
      const kept = gone.size === 0 ? rows : rows.filter((row) => !gone.has(keyOf(this.#topic, row)));
      const isEmpty = kept.length + removed.length + gone.size + counters.length === 0;
      if (!isEmpty || even) this.#send(kept, counters, [...removed, ...gone]);
      rows = [];
      removed = [];
    };
    let looked = 0;
    for (const key of keys) {
      const found = this.#source.row(key);
      const row = found === undefined ? undefined : this.#visible(found);
      if (row === undefined) {
        this.#matching.delete(key);
        if (this.#held.delete(key)) removed.push(key);
      } else {
        this.#matching.add(key);
        this.#hold(key, row);
        rows.push(row);
        fresh.add(key);
      }
      if (rows.length + removed.length >= pageRows) flush();
      if (++looked % stepRows === 0) yield;
      if (this.#lost) return;
    }
    if (this.#countersDue) yield* this.#readCounters(fresh, flush);
    else flush();
  }

  /**
   * Counters of the rows that were not sent whole just now, a page at a time to `flush`. The first time that none has moved is
   * told as well: whoever shows speeds must learn that they are zero.
   */
  *#readCounters(fresh: ReadonlySet<string>, flush: (counters: number[], even: boolean) => void): Steps<void> {
    this.#countersDue = false;
    const pageLength = pageCounters * (1 + topics[this.#topic].counters.length);
    let page: number[] = [];
    let moved = false;
    let looked = 0;
    for (const [key, known] of this.#held) {
      if (++looked % stepCounters === 0) yield;
      if (this.#lost) return;
      if (fresh.has(key)) continue;
      const present = this.#source.counters?.(key);
      if (present === undefined || present.every((value, i) => value === known[i])) continue;
      this.#held.set(key, present);
      page.push(Number(key), ...present);
      moved = true;
      if (page.length < pageLength) continue;
      flush(page, false);
      page = [];
    }
    flush(page, this.#countersMoved && !moved);
    this.#countersMoved = moved;
  }

  /** Drops the oldest rows beyond the limit; returns their keys. */
  #shrink(): string[] {
    const dropped: string[] = [];
    for (const key of this.#held.keys()) {
      if (this.#held.size <= this.#limit) break;
      this.#held.delete(key);
      dropped.push(key);
    }
    return dropped;
  }

  #hold(key: string, row: Row<T>): void {
    const fields: readonly string[] = topics[this.#topic].counters;
    const values = row as Record<string, unknown>;
    this.#held.set(
      key,
      fields.map((field) => Number(values[field])),
    );
  }

  #visible(row: Row<T>): Row<T> | undefined {
    const seen = this.#services.view.view(this.#topic, row, this.#viewer.caller);
    return seen !== undefined && this.#matches(seen) ? seen : undefined;
  }

  #forgetChanges(): void {
    this.#changes = [];
    this.#changeCount = 0;
  }

  #send(rows: Row<T>[], counters: number[], removed: string[]): void {
    const reset = this.#first;
    this.#first = false;
    const { epoch } = this.#services;
    const total = this.#matching.size;
    this.#viewer.send({ epoch, sequence: this.#sequence++, reset, rows, counters, removed, total });
  }
}

function keyOf<T extends TopicName>(topic: T, row: Row<T>): string {
  return String((row as Record<string, unknown>)[topics[topic].key]);
}
