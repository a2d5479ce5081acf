/** The rows of a list that is known whole, for a view: filtered and sorted anew whenever something of it changes. */
import { useCallback, useLayoutEffect, useMemo, useRef } from 'react';
import { compareBy } from '../../stores/row-order.ts';
import type { Entry, RowEntry } from '../../stores/row-table.ts';
import type { ShownTable } from './use-table-rows.ts';
import type { TableView } from './use-table-view.ts';

/** `list` undefined: not known yet. It must be another object when something of it has changed. */
export function useListRows<E extends Entry>(
  list: readonly E[] | undefined,
  { selection, grid: { ordering } }: Pick<TableView<E>, 'selection' | 'grid'>,
): ShownTable<E> {
  const rows = useMemo(() => {
    const chosen = selection === undefined ? [...(list ?? [])] : (list ?? []).filter(selection.accept);
    return chosen.sort(compareBy(ordering.value, ordering.direction));
  }, [list, selection, ordering]);
  const current = useRef(rows);
  useLayoutEffect(() => {
    current.current = rows;
  }, [rows]);
  const held = list?.length ?? 0;
  return {
    rows,
    currentRows: useCallback(() => current.current, []),
    snapshot: { loaded: list !== undefined, total: held, entries: { size: held } },
  };
}

/** Rows as entries of a table, as fresh as they are. */
export function entriesOf<R>(rows: readonly R[]): RowEntry<R>[] {
  return rows.map((row) => ({ row, stamp: 0, rowStamp: 0 }));
}
