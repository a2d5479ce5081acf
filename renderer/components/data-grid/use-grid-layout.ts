/** The layout of one table: the remembered one, or its default until something is changed. */
import { useMemo, useState } from 'react';
import type { GridLayout, GridSort } from '../../stores/preferences.ts';
import type { Ordering } from '../../stores/row-order.ts';
import type { Entry } from '../../stores/row-table.ts';
import { useServices, useUi } from '../../stores/services.ts';
import { type Column, type ColumnNeeds, orderingFor, shownColumns } from './column.ts';
import { useColumnNeeds } from './use-column-needs.ts';

export interface Grid<E> {
  readonly id: string;
  readonly columns: readonly Column<E>[];
  readonly shown: readonly Column<E>[];
  readonly layout: GridLayout;
  readonly ordering: Ordering<E>;
  readonly arrange: (layout: GridLayout) => void;
  readonly reset: () => void;
  /** The table says how much room (pixels) its columns have. */
  readonly onRoom: (width: number) => void;
  readonly room: number;
  readonly needs: ColumnNeeds;
  /** The table says which rows are in sight. */
  readonly onSight: (entries: readonly E[]) => void;
}

/** `columns` and `sort` must be the same objects from drawing to drawing unless they change. */
export function useGridLayout<E extends Entry>(id: string, columns: readonly Column<E>[], sort: GridSort): Grid<E> {
  const { ui } = useServices();
  const [room, setRoom] = useState(Number.POSITIVE_INFINITY);
  const { needs, onSight } = useColumnNeeds(columns);
  const remembered = useUi((state) => state.preferences.grids[id]);
  const layout = useMemo<GridLayout>(() => remembered ?? { columns: null, widths: {}, sort }, [remembered, sort]);
  // By columns and sort order alone: neither a width nor the room changes the order of the rows.
  const ordering = useMemo(() => orderingFor(columns, layout.sort), [columns, layout.sort]);
  return useMemo(
    () => ({
      id,
      columns,
      shown: shownColumns(columns, layout, room, needs),
      layout,
      ordering,
      arrange: (changed) => ui.arrangeGrid(id, changed),
      reset: () => ui.arrangeGrid(id, { columns: null, widths: {}, sort }),
      onRoom: setRoom,
      room,
      needs,
      onSight,
    }),
    [id, columns, layout, room, needs, onSight, ordering, sort, ui],
  );
}
