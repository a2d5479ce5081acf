/** Filters and sorts the entries of a table for a view: the whole when the view changes, as little as possible at each tick. */
import type { Selection } from '../text/filter.ts';
import { NumberSorter } from './number-sorter.ts';
import { type Entry, removed } from './row-table.ts';
import type { TopicSnapshot } from './topic-store.ts';

/** What the rows of a view are sorted by. */
export interface Ordering<E> {
  /** Texts or numbers. A number always, where it moves. */
  readonly value: (entry: E) => string | number | undefined;
  readonly direction: 'asc' | 'desc';
  /** Whether the value changes without a new row. */
  readonly moving: boolean;
}

type Compare<E> = (a: E, b: E) => number;

export class RowOrder<E extends Entry> {
  readonly #sorter = new NumberSorter();
  #rows: readonly E[] = [];
  #snapshot: TopicSnapshot<E> | undefined;
  #selection: Selection<E> | undefined;
  #ordering: Ordering<E> | undefined;

  /** The last result. */
  readonly currentRows = (): readonly E[] => this.#rows;

  /** The selected entries in order. Entries that compare equal stay where they were, so that nothing jumps. */
  arrange(snapshot: TopicSnapshot<E>, selection: Selection<E> | undefined, ordering: Ordering<E>): readonly E[] {
    const same = selection === this.#selection && ordering === this.#ordering;
    if (same && snapshot === this.#snapshot) return this.#rows;
    const follows = same && this.#snapshot !== undefined && snapshot.previous === this.#snapshot.version;
    this.#rows = follows
      ? this.#follow(snapshot, selection, ordering)
      : this.#sort(chosen(snapshot, selection), ordering);
    this.#snapshot = snapshot;
    this.#selection = selection;
    this.#ordering = ordering;
    return this.#rows;
  }

  #follow(snapshot: TopicSnapshot<E>, selection: Selection<E> | undefined, ordering: Ordering<E>): readonly E[] {
    if (selection?.moving === true) return this.#sort(chosen(snapshot, selection), ordering);
    const { changed, since } = snapshot;
    const kept = this.#rows.filter((row) => row.stamp !== removed && row.rowStamp < since);
    const fresh = selection === undefined ? [...changed] : changed.filter(selection.accept);
    if (ordering.moving) return this.#sort(kept.concat(fresh), ordering);
    // Most entries keep their place. Nothing has changed for this view when all do.
    if (fresh.length === 0 && kept.length === this.#rows.length) return this.#rows;
    const compare = compareBy(ordering.value, ordering.direction);
    return weave(kept, fresh.sort(compare), compare);
  }

  #sort(rows: E[], { value, direction, moving }: Ordering<E>): readonly E[] {
    return moving ? this.#sorter.sort(rows, value, direction) : rows.sort(compareBy(value, direction));
  }
}

function chosen<E>({ entries }: TopicSnapshot<E>, selection: Selection<E> | undefined): E[] {
  const all = [...entries.values()];
  return selection === undefined ? all : all.filter(selection.accept);
}

/** Puts sorted entries into sorted ones. */
function weave<E>(kept: readonly E[], fresh: readonly E[], compare: Compare<E>): E[] {
  const runs: (readonly E[])[] = [];
  let at = 0;
  for (const entry of fresh) {
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
