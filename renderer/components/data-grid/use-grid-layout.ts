/** The layout of one table: the remembered one, or its default until something is changed. */
import { useMemo, useState } from 'react';
import type { GridLayout, GridSort } from '../../stores/preferences.ts';
import type { Compare } from '../../stores/row-order.ts';
import { useServices, useUi } from '../../stores/services.ts';
import { type Column, compareFor, shownColumns } from './column.ts';

export interface Grid<E> {
  readonly id: string;
  readonly columns: readonly Column<E>[];
  readonly shown: readonly Column<E>[];
  readonly layout: GridLayout;
  readonly compare: Compare<E>;
  /** Whether the sort order is by something that changes from second to second. */
  readonly moving: boolean;
  readonly arrange: (layout: GridLayout) => void;
  readonly reset: () => void;
  /** The table says how much room (pixels) its columns have. */
  readonly onRoom: (width: number) => void;
}

/** `columns` and `sort` must be the same objects from drawing to drawing unless they change. */
export function useGridLayout<E>(id: string, columns: readonly Column<E>[], sort: GridSort): Grid<E> {
  const { ui } = useServices();
  const [room, setRoom] = useState(Number.POSITIVE_INFINITY);
  const remembered = useUi((state) => state.preferences.grids[id]);
  const layout = useMemo<GridLayout>(() => remembered ?? { columns: null, widths: {}, sort }, [remembered, sort]);
  // By columns and sort order alone: neither a width nor the room changes the order of the rows.
  const compare = useMemo(() => compareFor(columns, layout.sort), [columns, layout.sort]);
  return useMemo(
    () => ({
      id,
      columns,
      shown: shownColumns(columns, layout, room),
      layout,
      compare,
      moving: columns.find((column) => column.id === layout.sort.column)?.moving === true,
      arrange: (changed) => ui.arrangeGrid(id, changed),
      reset: () => ui.arrangeGrid(id, { columns: null, widths: {}, sort }),
      onRoom: setRoom,
    }),
    [id, columns, layout, room, compare, sort, ui],
  );
}
