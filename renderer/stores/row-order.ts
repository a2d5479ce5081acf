/** Filters and sorts the entries of a table for a view: the whole when the view changes, only what changed at each tick. */
import type { Accept } from '../text/filter.ts';
import { type Entry, removed } from './row-table.ts';
import type { TopicSnapshot } from './topic-store.ts';

export type Compare<E> = (a: E, b: E) => number;

export class RowOrder<E extends Entry> {
  #rows: readonly E[] = [];
  #snapshot: TopicSnapshot<E> | undefined;
  #accept: Accept<E> | undefined;
  #compare: Compare<E> | undefined;

  /** The last result. */
  readonly currentRows = (): readonly E[] => this.#rows;

  /**
   * The accepted entries in order. Entries that compare equal stay where they were, so that nothing jumps. `accept` must
   * depend on the row alone, and so must `compare` unless `byCounters` says that it reads what moves without a new row.
   */
  arrange(
    snapshot: TopicSnapshot<E>,
    accept: Accept<E> | undefined,
    compare: Compare<E>,
    byCounters: boolean,
  ): readonly E[] {
    const same = accept === this.#accept && compare === this.#compare;
    if (same && snapshot === this.#snapshot) return this.#rows;
    const next = same && this.#snapshot !== undefined && snapshot.previous === this.#snapshot.version;
    this.#rows = next
      ? weave(this.#rows, snapshot, accept, compare, byCounters)
      : arrangeAll(snapshot, accept, compare);
    this.#snapshot = snapshot;
    this.#accept = accept;
    this.#compare = compare;
    return this.#rows;
  }
}

function arrangeAll<E>(snapshot: TopicSnapshot<E>, accept: Accept<E> | undefined, compare: Compare<E>): E[] {
  const rows: E[] = [];
  for (const entry of snapshot.entries.values()) if (accept === undefined || accept(entry)) rows.push(entry);
  return rows.sort(compare);
}

/** Most entries keep their place: those that may not are taken out, sorted, and put in again. */
function weave<E extends Entry>(
  rows: readonly E[],
  { changed, since }: TopicSnapshot<E>,
  accept: Accept<E> | undefined,
  compare: Compare<E>,
  byCounters: boolean,
): E[] {
  const kept: E[] = [];
  for (const row of rows) {
    if (row.stamp !== removed && (byCounters ? row.stamp : row.rowStamp) < since) kept.push(row);
  }
  const moved: E[] = [];
  for (const entry of changed) {
    if ((byCounters || entry.rowStamp >= since) && (accept === undefined || accept(entry))) moved.push(entry);
  }
  moved.sort(compare);
  const runs: E[][] = [];
  let at = 0;
  for (const entry of moved) {
    const place = placeOf(entry, kept, at, compare);
    runs.push(kept.slice(at, place), [entry]);
    at = place;
  }
  runs.push(kept.slice(at));
  return runs.flat();
}

/** Where `entry` goes among `kept` from `from` on, after its equals: strides that double, then halving within the last. */
function placeOf<E>(entry: E, kept: readonly E[], from: number, compare: Compare<E>): number {
  const isAfter = (index: number): boolean => {
    const other = kept[index];
    return other !== undefined && compare(other, entry) <= 0;
  };
  let low = from;
  let stride = 1;
  while (isAfter(low + stride - 1)) {
    low += stride;
    stride *= 2;
  }
  let high = Math.min(kept.length, low + stride - 1);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAfter(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Numbers ascending, or texts by code unit; `undefined` and empty texts come last whatever the direction. */
export function compareBy<E>(value: (entry: E) => string | number | undefined, direction: 'asc' | 'desc'): Compare<E> {
  const sign = direction === 'asc' ? 1 : -1;
  return (a, b) => {
    const left = value(a);
    const right = value(b);
    if (left === right) return 0;
    if (left === undefined || left === '') return right === undefined || right === '' ? 0 : 1;
    if (right === undefined || right === '') return -1;
    return left < right ? -sign : sign;
  };
}
