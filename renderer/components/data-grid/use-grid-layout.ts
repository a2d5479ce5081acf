/** The layout of one table: the remembered one, or its default until something is changed. */
import { useMemo } from 'react';
import type { GridLayout, GridSort } from '../../stores/preferences.ts';
import type { Compare } from '../../stores/row-order.ts';
import { useServices, useUi } from '../../stores/services.ts';
import { type Column, compareFor, defaultLayout, shownColumns } from './column.ts';

export interface Grid<E> {
  readonly id: string;
  readonly columns: readonly Column<E>[];
  readonly shown: readonly Column<E>[];
  readonly layout: GridLayout;
  readonly compare: Compare<E>;
  readonly arrange: (layout: GridLayout) => void;
  readonly reset: () => void;
}

/** `columns` must be the same array from drawing to drawing unless they change. */
export function useGridLayout<E>(id: string, columns: readonly Column<E>[], sort: GridSort): Grid<E> {
  const { ui } = useServices();
  const remembered = useUi((state) => state.preferences.grids[id]);
  return useMemo(() => {
    const layout = remembered ?? defaultLayout(columns, sort);
    return {
      id,
      columns,
      shown: shownColumns(columns, layout),
      layout,
      compare: compareFor(columns, layout.sort),
      arrange: (changed) => ui.arrangeGrid(id, changed),
      reset: () => ui.arrangeGrid(id, defaultLayout(columns, sort)),
    };
  }, [id, columns, sort, remembered, ui]);
}
