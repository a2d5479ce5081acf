/** One row of a table. Its place may change every second without drawing its cells again. */
import { useMemo } from 'react';
import type { Entry } from '../../stores/row-table.ts';
import type { Column } from './column.ts';

export interface GridRowProps<E extends Entry> {
  entry: E;
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

export function GridRow<E extends Entry>({
  entry,
  rowKey,
  id,
  index,
  top,
  columns,
  template,
  active,
  selected,
  tone,
}: GridRowProps<E>) {
  // The same elements as before are not drawn again. Entries change in place: the stamp tells.
  const cells = useMemo(
    () =>
      columns.map((column, place) => (
        <div key={column.id} className="grid-cell" role="gridcell" aria-colindex={place + 1} data-align={column.align}>
          {column.cell(entry)}
        </div>
      )),
    // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- changed in place, see above
    [entry, entry.stamp, columns],
  );
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
      {cells}
    </div>
  );
}
