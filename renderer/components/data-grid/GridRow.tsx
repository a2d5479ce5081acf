/** One row of a table. Its place may change every second without drawing its cells again. */
import { memo, type ReactNode, useMemo } from 'react';
import type { Entry } from '../../stores/row-table.ts';
import type { Column } from './column.ts';

export interface GridRowProps<E extends Entry> {
  entry: E;
  /** Of the entry, which changes in place: they tell whether it is the same. */
  stamp: number;
  rowStamp: number;
  rowKey: string;
  /** Element id, for aria-activedescendant. */
  id: string;
  index: number;
  top: number;
  columns: readonly Column<E>[];
  template: string;
  active: boolean;
  selected: boolean;
  tone: string | undefined;
}

function Row<E extends Entry>(props: GridRowProps<E>) {
  const { entry, stamp, rowStamp, rowKey, id, index, top, columns, template, active, selected, tone } = props;
  // React does not draw the same elements again. Counters change every second, and most columns do not read them.
  // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- see above
  const steady = useMemo(() => cellsOf(entry, columns, false), [entry, rowStamp, columns]);
  // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- see above
  const moving = useMemo(() => cellsOf(entry, columns, true), [entry, stamp, columns]);
  return (
    <div
      id={id}
      className="grid-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-key={rowKey}
      data-active={active}
      data-tone={tone}
      style={{ transform: `translateY(${top}px)`, gridTemplateColumns: template }}
    >
      {columns.map((_, place) => moving[place] ?? steady[place])}
    </div>
  );
}

/** Not drawn again while nothing of it has changed. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `memo` forgets the type parameter
export const GridRow = memo(Row) as typeof Row;

/** The cells of the moving columns or of the others, each at the place of its column. */
function cellsOf<E>(entry: E, columns: readonly Column<E>[], moving: boolean): readonly (ReactNode | undefined)[] {
  return columns.map((column, place) =>
    (column.moving === true) === moving ? (
      <div key={column.id} className="grid-cell" role="gridcell" aria-colindex={place + 1} data-align={column.align}>
        {column.cell(entry)}
      </div>
    ) : undefined,
  );
}
