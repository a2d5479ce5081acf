/** The rows of a topic for a view: filtered, sorted, and held still while paused. */
import { useMemo, useState, useSyncExternalStore } from 'react';
import { type Compare, RowOrder } from '../../stores/row-order.ts';
import type { TopicSnapshot } from '../../stores/topic-store.ts';
import type { Accept } from '../../text/filter.ts';

export interface TableSource<E> {
  readonly watch: (listener: () => void) => () => void;
  readonly snapshot: () => TopicSnapshot<E>;
}

export interface TableRowsOptions<E> {
  readonly source: TableSource<E>;
  readonly entryKey: (entry: E) => string;
  readonly accept: Accept<E> | undefined;
  readonly compare: Compare<E>;
}

export interface TableRows<E> {
  readonly rows: readonly E[];
  /** What the view chooses its rows from: that of the moment of pausing while paused. */
  readonly snapshot: TopicSnapshot<E>;
  readonly paused: boolean;
  readonly setPaused: (paused: boolean) => void;
}

export function useTableRows<E>({ source, entryKey, accept, compare }: TableRowsOptions<E>): TableRows<E> {
  const current = useSyncExternalStore(source.watch, source.snapshot);
  const [frozen, setFrozen] = useState<TopicSnapshot<E> | undefined>();
  const [order] = useState(() => new RowOrder(entryKey));
  const snapshot = frozen ?? current;
  const rows = useMemo(() => order.arrange(snapshot.entries, accept, compare), [order, snapshot, accept, compare]);
  return {
    rows,
    snapshot,
    paused: frozen !== undefined,
    setPaused: (paused) => setFrozen(paused ? { ...current, entries: new Map(current.entries) } : undefined),
  };
}
