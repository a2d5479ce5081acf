/** The rows of a topic for a view: filtered, sorted, and held still while paused. */
import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import type { ErrorData } from '../../../core/contract/error.ts';
import { RowOrder } from '../../stores/row-order.ts';
import type { Entry } from '../../stores/row-table.ts';
import { useServices } from '../../stores/services.ts';
import type { TopicSnapshot } from '../../stores/topic-store.ts';
import { useKept } from '../../stores/use-kept.ts';
import type { TableView } from './use-table-view.ts';

export interface TableSource<E> {
  readonly watch: (listener: () => void) => () => void;
  readonly snapshot: () => TopicSnapshot<E>;
  readonly retry: () => void;
}

/** What a page that is one table shows. */
export interface ShownTable<E> {
  readonly rows: readonly E[];
  /** The same rows for later (an export): always the same function. */
  readonly currentRows: () => readonly E[];
  /** What the rows are chosen from. */
  readonly snapshot: {
    readonly loaded: boolean;
    /** How many there are, and how many of them are held here. */
    readonly total: number;
    readonly entries: { readonly size: number };
  };
  /** Of rows that can be held still: when they were, Unix milliseconds, so that ages stay with them. */
  readonly pausedAt?: number | undefined;
  /** A table without rows to hold still is not paused. */
  readonly setPaused?: (paused: boolean) => void;
  /** Why the helper does not show the table, and how to ask for it once more. */
  readonly refusal?: { readonly error: ErrorData; readonly retry: () => void } | undefined;
}

/** That of a topic. */
export interface TableRows<E> extends ShownTable<E> {
  readonly setPaused: (paused: boolean) => void;
  /** What the view chooses its rows from: that of the moment of pausing while paused. */
  readonly snapshot: TopicSnapshot<E>;
}

/** What is held still on a page is so again when the person comes back to it. */
export function useTableRows<E extends Entry>(
  source: TableSource<E>,
  { page, selection, grid: { ordering } }: Pick<TableView<E>, 'page' | 'selection' | 'grid'>,
): TableRows<E> {
  const current = useSyncExternalStore(source.watch, source.snapshot);
  const { clock } = useServices();
  const [frozen, setFrozen] = useKept<{ snapshot: TopicSnapshot<E>; at: number } | undefined>(
    `${page}.frozen`,
    undefined,
  );
  const [order] = useState(() => new RowOrder<E>());
  const snapshot = frozen?.snapshot ?? current;
  const rows = useMemo(() => order.arrange(snapshot, selection, ordering), [order, snapshot, selection, ordering]);
  const setPaused = useCallback(
    (paused: boolean) => {
      const now = source.snapshot();
      setFrozen(paused && now.loaded ? { snapshot: freeze(now), at: clock.time() } : undefined);
    },
    [source, clock, setFrozen],
  );
  return {
    rows,
    currentRows: order.currentRows,
    snapshot,
    pausedAt: frozen?.at,
    setPaused,
    refusal: snapshot.refused === undefined ? undefined : { error: snapshot.refused, retry: source.retry },
  };
}

/** Entries change in place: what is held still must be copies. */
function freeze<E extends Entry>(snapshot: TopicSnapshot<E>): TopicSnapshot<E> {
  const entries = new Map([...snapshot.entries].map(([key, entry]) => [key, { ...entry }]));
  return { ...snapshot, entries, version: -2, previous: -1 };
}
