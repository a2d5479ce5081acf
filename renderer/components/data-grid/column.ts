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
  /** Shown only when asked for in the column menu. */
  readonly hidden?: boolean;
  /** Gives way when there is not room for all, the highest first; without it, the column stays. */
  readonly yields?: number;
  readonly cell: (entry: E) => ReactNode;
  readonly sort: (entry: E) => string | number | undefined;
  /** How the first click sorts; numbers are usually wanted largest first. */
  readonly first?: 'asc' | 'desc';
  /** Its values change from second to second: rows wander, so the scroll position is not tied to a row. */
  readonly moving?: boolean;
}

export const narrowestColumn = 40;
const widestColumn = 900;

/**
 * The shown columns in order. Chosen ones are shown whatever the width (pixels); without a choice, those that have room.
 * Unknown ids are dropped; a choice that leaves nothing is none.
 */
export function shownColumns<E>(
  columns: readonly Column<E>[],
  layout: GridLayout,
  width: number,
): readonly Column<E>[] {
  const chosen = [...new Set(layout.columns)].flatMap((id) => columns.find((column) => column.id === id) ?? []);
  if (chosen.length > 0) return chosen;
  let usual = columns.filter((column) => column.hidden !== true);
  const yielding = usual
    .filter((column) => column.yields !== undefined)
    .toSorted((a, b) => (b.yields ?? 0) - (a.yields ?? 0));
  for (const column of yielding) {
    if (columnTracks(usual, layout.widths).minimum <= width) break;
    usual = usual.filter((other) => other !== column);
  }
  return usual;
}

/** Shows a hidden column at the place it has among all columns, or hides a shown one (never the last). */
export function toggleColumn<E>(columns: readonly Column<E>[], shown: readonly Column<E>[], id: string): string[] {
  const ids = shown.map((column) => column.id);
  if (ids.includes(id)) return ids.length === 1 ? ids : ids.filter((other) => other !== id);
  const order = columns.map((column) => column.id);
  const before = order.slice(0, order.indexOf(id)).findLast((other) => ids.includes(other));
  return ids.toSpliced(before === undefined ? 0 : ids.indexOf(before) + 1, 0, id);
}

/** Moves a shown column to the place of another. */
export function moveColumn<E>(shown: readonly Column<E>[], id: string, target: string): string[] {
  const ids = shown.map((column) => column.id);
  const to = ids.indexOf(target);
  const without = ids.filter((other) => other !== id);
  return to < 0 || without.length === ids.length ? ids : without.toSpliced(to, 0, id);
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
