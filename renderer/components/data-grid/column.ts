/** What a column of a table is, and how a remembered layout is fitted to the columns there are. */
import type { ReactNode } from 'react';
import type { GridLayout, GridSort } from '../../stores/preferences.ts';
import { type Compare, compareBy } from '../../stores/row-order.ts';

export interface Column<E> {
  readonly id: string;
  readonly title: string;
  /** Longer than the title, for the tooltip. */
  readonly description?: string;
  /** Pixels; the least width of a growing column. */
  readonly width: number;
  /** Share of the space that is left over. */
  readonly grow?: number;
  readonly align?: 'end';
  /** Stays until asked for in the column menu. */
  readonly hidden?: boolean;
  readonly cell: (entry: E) => ReactNode;
  readonly sort: (entry: E) => string | number | undefined;
  /** How the first click sorts; numbers are usually wanted largest first. */
  readonly first?: 'asc' | 'desc';
  /** Its values change from second to second: rows wander, so the scroll position is not tied to a row. */
  readonly moving?: boolean;
}

export const narrowestColumn = 40;
const widestColumn = 900;

export function defaultLayout<E>(columns: readonly Column<E>[], sort: GridSort): GridLayout {
  return { columns: columns.filter((column) => column.hidden !== true).map(({ id }) => id), widths: {}, sort };
}

/** The shown columns in order. Unknown ids are dropped; a layout that leaves nothing falls back to the default. */
export function shownColumns<E>(columns: readonly Column<E>[], layout: GridLayout): readonly Column<E>[] {
  const shown = [...new Set(layout.columns)].flatMap((id) => columns.find((column) => column.id === id) ?? []);
  return shown.length > 0 ? shown : columns.filter((column) => column.hidden !== true);
}

/** Shows a hidden column at the place it has among all columns, or hides a shown one (never the last). */
export function toggleColumn<E>(columns: readonly Column<E>[], layout: GridLayout, id: string): GridLayout {
  const shown = shownColumns(columns, layout).map((column) => column.id);
  if (shown.includes(id)) {
    return shown.length === 1 ? layout : { ...layout, columns: shown.filter((other) => other !== id) };
  }
  const order = columns.map((column) => column.id);
  const before = order.slice(0, order.indexOf(id)).findLast((other) => shown.includes(other));
  const at = before === undefined ? 0 : shown.indexOf(before) + 1;
  return { ...layout, columns: shown.toSpliced(at, 0, id) };
}

/** Moves a shown column to the place of another. */
export function moveColumn(layout: GridLayout, id: string, target: string): GridLayout {
  const to = layout.columns.indexOf(target);
  const without = layout.columns.filter((other) => other !== id);
  if (to < 0 || without.length === layout.columns.length) return layout;
  return { ...layout, columns: without.toSpliced(to, 0, id) };
}

export function resizeColumn(layout: GridLayout, id: string, width: number): GridLayout {
  const bounded = Math.round(Math.min(widestColumn, Math.max(narrowestColumn, width)));
  return { ...layout, widths: { ...layout.widths, [id]: bounded } };
}

/** What a click on a column's title makes of the sort order. */
export function nextSort<E>(column: Column<E>, sort: GridSort): GridSort {
  if (sort.column !== column.id) return { column: column.id, direction: column.first ?? 'asc' };
  return { column: column.id, direction: sort.direction === 'asc' ? 'desc' : 'asc' };
}

/** The order for a sort; a column that is unknown leaves the rows in the order they came. */
export function compareFor<E>(columns: readonly Column<E>[], sort: GridSort): Compare<E> {
  const column = columns.find(({ id }) => id === sort.column);
  return column === undefined ? () => 0 : compareBy(column.sort, sort.direction);
}

/** CSS grid tracks, and the pixels below which the table scrolls sideways. */
export function columnTracks<E>(
  shown: readonly Column<E>[],
  widths: GridLayout['widths'],
): { template: string; minimum: number } {
  let minimum = 0;
  let grows = false;
  const tracks = shown.map(({ id, width, grow }) => {
    const resized = widths[id];
    minimum += resized ?? width;
    if (resized !== undefined || grow === undefined) return `${resized ?? width}px`;
    grows = true;
    return `minmax(${width}px, ${grow}fr)`;
  });
  return { template: grows ? tracks.join(' ') : `${tracks.join(' ')} 1fr`, minimum };
}
