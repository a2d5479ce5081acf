/** Follows a table of events: the newest of those there are, then each new one, once and in order, until asked to end. */

import type { HelperClient } from '../app/helper-client.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import type { Row, TopicBatch } from '../contract/rpc.ts';

/** Tables whose rows are numbered by `id` in the order of what they tell. */
export type FollowedTopic = 'dnsLog' | 'logs';

export interface Following<T extends FollowedTopic> {
  readonly search?: string;
  /** How many of the rows that are there already are shown. */
  readonly newest: number;
  /** Whether nothing about the row can become known after it was first sent. */
  readonly isWhole: (row: Row<T>) => boolean;
  /** Rows that can be shown now, in order. At first those that are there already, also when there are none. */
  readonly show: (rows: readonly Row<T>[]) => void;
  readonly ended: Promise<void>;
}

/** Rows that the helper keeps for us: more than come between two batches. */
const limit = 10_000;
/** Milliseconds that a row waits for the rest of it: the helper sends a batch a second. */
const patience = 1_200;

/** Resolves when `ended` does; rejects with the helper's error when it refuses the table, with the link's when it goes away. */
export async function followTopic<T extends FollowedTopic>(
  helper: HelperClient,
  topic: T,
  following: Following<T>,
  clock: Clock,
): Promise<void> {
  const queue = new RowQueue(following, clock);
  const lost = deferred<never>();
  const stopLink = helper.onLink((link) => {
    if (link.kind === 'failed') lost.reject(AppError.fromData(link.error));
  });
  const { search } = following;
  const options = { limit, ...(search === undefined ? {} : { search }) };
  const unsubscribe = helper.subscribe(
    topic,
    options,
    (batch) => queue.take(batch),
    (error) => lost.reject(AppError.fromData(error)),
  );
  try {
    await Promise.race([following.ended, lost.promise]);
  } finally {
    unsubscribe();
    stopLink();
    queue.stop();
  }
}

/** Rows between the helper and the output: those that are not whole wait for the next batch, and what follows them too. */
class RowQueue<T extends FollowedTopic> {
  readonly #following: Following<T>;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, { row: Row<T>; batch: number }>();
  #batches = 0;
  /** Number of the last row that was shown or is not to be; undefined until the first picture is there whole. */
  #passed: number | undefined;
  #cancelPatience: (() => void) | undefined;

  constructor(following: Following<T>, clock: Clock) {
    this.#following = following;
    this.#clock = clock;
  }

  /** A new picture, drawn after a gap, holds rows that were shown before: they are passed over. */
  take({ rows, total }: TopicBatch<T>): void {
    this.#batches += 1;
    for (const row of rows) {
      const number = Number(row.id);
      if (this.#passed !== undefined && number <= this.#passed) continue;
      this.#waiting.set(number, { row, batch: this.#waiting.get(number)?.batch ?? this.#batches });
    }
    if (this.#passed !== undefined) return this.#showReady();
    if (this.#waiting.size < Math.min(total, limit)) return;
    const numbers = this.#numbers();
    this.#passed = numbers.at(-this.#following.newest - 1) ?? 0;
    for (const number of numbers.slice(0, -this.#following.newest)) this.#waiting.delete(number);
    this.#following.show(this.#take(() => true));
  }

  stop(): void {
    this.#cancelPatience?.();
    this.#cancelPatience = undefined;
  }

  #showReady(): void {
    this.#show(this.#take(({ row, batch }) => batch < this.#batches || this.#following.isWhole(row)));
    this.stop();
    if (this.#waiting.size === 0) return;
    this.#cancelPatience = this.#clock.after(patience, () => this.#show(this.#take(() => true)));
  }

  /** From the first that waits to the first that is not ready. */
  #take(isReady: (waiting: { row: Row<T>; batch: number }) => boolean): Row<T>[] {
    const rows: Row<T>[] = [];
    for (const number of this.#numbers()) {
      const next = this.#waiting.get(number);
      if (next === undefined || !isReady(next)) break;
      this.#waiting.delete(number);
      this.#passed = number;
      rows.push(next.row);
    }
    return rows;
  }

  #show(rows: readonly Row<T>[]): void {
    if (rows.length > 0) this.#following.show(rows);
  }

  #numbers(): number[] {
    return [...this.#waiting.keys()].sort((a, b) => a - b);
  }
}
