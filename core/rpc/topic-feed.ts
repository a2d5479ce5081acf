/**
 * One table shown to its viewers: a first picture in pages, then changed rows and counters, at most once a second. A
 * viewer that reads too slowly loses batches and gets a new picture when it reads again.
 */
import type { Clock } from '../base/clock.ts';
import { type Row, type SubscribeOptions, type TopicBatch, type TopicName, topics } from '../contract/rpc.ts';
import type { PeerCredentials } from './peer-auth.ts';
import { rowFilterOf } from './row-filter.ts';
import type { RowView, TopicSource } from './topic-source.ts';

/** The connection a batch goes to. */
export interface TopicViewer {
  readonly caller: PeerCredentials;
  /** Whether it has more unread bytes than it may; nothing is sent to it then. */
  congested(): boolean;
  send(batch: TopicBatch): void;
}

export interface TopicSubscription {
  /** Sends what waits for the viewer to read; to be called when it is no longer congested. */
  resume(): void;
  cancel(): void;
}

const intervalMs = 1000;
/** Changes that come together travel together. */
const gatherMs = 20;
/** Rows in one batch of the first picture. */
const pageRows = 1000;
const defaultLimit = 10_000;

export class TopicFeed<T extends TopicName> {
  readonly #topic: T;
  readonly #source: TopicSource<T>;
  readonly #view: RowView;
  readonly #clock: Clock;
  readonly #epoch: number;
  readonly #pictures = new Set<Picture<T>>();
  readonly #dirty = new Set<string>();
  #lastFlush = Number.NEGATIVE_INFINITY;
  #unwatch: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(topic: T, source: TopicSource<T>, view: RowView, clock: Clock, epoch: number) {
    this.#topic = topic;
    this.#source = source;
    this.#view = view;
    this.#clock = clock;
    this.#epoch = epoch;
  }

  /** Sends the first picture at once. The source is watched from the first viewer to the last. */
  subscribe(viewer: TopicViewer, options: SubscribeOptions): TopicSubscription {
    const picture = new Picture(this.#topic, this.#source, this.#view, viewer, options, this.#epoch);
    this.#pictures.add(picture);
    this.#unwatch ??= this.#source.watch((keys) => this.#onChanged(keys));
    picture.reset();
    if (this.#counts) this.#schedule();
    return {
      resume: () => picture.resume(),
      cancel: () => {
        this.#pictures.delete(picture);
        if (this.#pictures.size === 0) this.#rest();
      },
    };
  }

  /** Draws every picture anew: what callers may see has changed. */
  resetAll(): void {
    for (const picture of this.#pictures) picture.reset();
  }

  get #counts(): boolean {
    return this.#source.counters !== undefined;
  }

  #onChanged(keys: Iterable<string>): void {
    for (const key of keys) this.#dirty.add(key);
    if (this.#dirty.size > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#cancelTimer !== undefined && !this.#counts) return;
    const due = this.#lastFlush + intervalMs - this.#clock.monotonic();
    const soon = this.#dirty.size > 0 && due <= gatherMs;
    if (this.#cancelTimer !== undefined && !soon) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(soon ? gatherMs : Math.max(due, gatherMs), () => this.#flush());
  }

  #flush(): void {
    this.#cancelTimer = undefined;
    this.#lastFlush = this.#clock.monotonic();
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const picture of this.#pictures) picture.update(dirty);
    if (this.#counts) this.#schedule();
  }

  #rest(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#dirty.clear();
  }
}

/** What one viewer holds of the table, as far as the server must know it to send differences. */
class Picture<T extends TopicName> {
  readonly #topic: T;
  readonly #source: TopicSource<T>;
  readonly #view: RowView;
  readonly #viewer: TopicViewer;
  readonly #matches: (row: Row<T>) => boolean;
  readonly #limit: number;
  readonly #epoch: number;
  /** Keys of all rows that match, whether the viewer has them or not. */
  readonly #matching = new Set<string>();
  /** Rows at the viewer, in the order they were sent, with the counters it knows. */
  readonly #held = new Map<string, readonly number[]>();
  /** Rows of the first picture that are still to be sent. */
  #waiting: string[] = [];
  #lost = false;
  #first = true;
  #sequence = 0;

  constructor(
    topic: T,
    source: TopicSource<T>,
    view: RowView,
    viewer: TopicViewer,
    options: SubscribeOptions,
    epoch: number,
  ) {
    this.#topic = topic;
    this.#source = source;
    this.#view = view;
    this.#viewer = viewer;
    this.#matches = rowFilterOf(topic, options);
    this.#limit = options.limit ?? defaultLimit;
    this.#epoch = epoch;
  }

  /** Draws everything anew. */
  reset(): void {
    this.#lost = true;
    this.resume();
  }

  /** Goes on with what a congested viewer could not be sent. */
  resume(): void {
    if (this.#viewer.congested()) return;
    if (this.#lost) {
      this.#lost = false;
      this.#first = true;
      this.#matching.clear();
      this.#held.clear();
      for (const row of this.#source.rows())
        if (this.#visible(row) !== undefined) this.#matching.add(keyOf(this.#topic, row));
      this.#waiting = [...this.#matching].slice(-this.#limit);
    }
    while ((this.#first || this.#waiting.length > 0) && !this.#viewer.congested()) this.#sendPage();
  }

  /** Sends what has changed of `keys`, and the counters that have moved. */
  update(keys: readonly string[]): void {
    if (this.#lost || this.#viewer.congested()) {
      this.#lost = true;
      return this.resume();
    }
    const rows: Row<T>[] = [];
    const removed: string[] = [];
    const fresh = new Set<string>();
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
    }
    const gone = new Set(this.#shrink());
    const kept = gone.size === 0 ? rows : rows.filter((row) => !gone.has(keyOf(this.#topic, row)));
    const counters = this.#movedCounters(fresh);
    if (kept.length + counters.length + removed.length + gone.size > 0)
      this.#send(kept, counters, [...removed, ...gone]);
    this.resume();
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
    this.#send(rows, [], this.#shrink());
  }

  /** Drops the oldest rows beyond the limit; answers their keys. */
  #shrink(): string[] {
    const dropped: string[] = [];
    for (const key of this.#held.keys()) {
      if (this.#held.size <= this.#limit) break;
      this.#held.delete(key);
      dropped.push(key);
    }
    return dropped;
  }

  #movedCounters(fresh: ReadonlySet<string>): [string, ...number[]][] {
    const moved: [string, ...number[]][] = [];
    if (this.#source.counters === undefined) return moved;
    for (const [key, known] of this.#held) {
      if (fresh.has(key)) continue;
      const present = this.#source.counters(key);
      if (present === undefined || present.every((value, i) => value === known[i])) continue;
      this.#held.set(key, present);
      moved.push([key, ...present]);
    }
    return moved;
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
    const seen = this.#view.view(this.#topic, row, this.#viewer.caller);
    return seen !== undefined && this.#matches(seen) ? seen : undefined;
  }

  #send(rows: Row<T>[], counters: [string, ...number[]][], removed: string[]): void {
    const reset = this.#first;
    this.#first = false;
    const batch = {
      epoch: this.#epoch,
      sequence: this.#sequence++,
      reset,
      rows,
      counters,
      removed,
      total: this.#matching.size,
    };
    this.#viewer.send(batch);
  }
}

function keyOf<T extends TopicName>(topic: T, row: Row<T>): string {
  return String((row as Record<string, unknown>)[topics[topic].key]);
}
