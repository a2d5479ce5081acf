/** What a column of a table is, and how a remembered layout is fitted to the columns there are. */
import type { ReactNode } from 'react';
import type { GridLayout, GridSort } from '../../stores/preferences.ts';
import type { Ordering } from '../../stores/row-order.ts';

export interface Column<E> {
  readonly id: string;
  readonly title: string;
  /** Longer than the title, for the tooltip. */
  readonly description?: string;
  /** Pixels; the least width of a column. */
  readonly width: number;
  /** Share of the space that is left over. The largest share is the first that is given what its content needs. */
  readonly grow?: number;
  /** The longest texts that a cell may have: the column is never narrower than they are. */
  readonly samples?: readonly string[];
  /** What a cell says: the column gets the width that the rows in sight need, as far as there is room. */
  readonly content?: (entry: E) => string;
  /** Samples and content are set in the monospace font. */
  readonly mono?: boolean;
  /** Pixels beside the text: marks, chips, the gaps between them. */
  readonly beside?: number;
  readonly align?: 'end';
  /** Shown only when asked for in the column menu. */
  readonly hidden?: boolean;
  /** Gives way when there is not room for all, the highest first; without it, the column stays. */
  readonly yields?: number;
  /** Pixels in which most of the content is seen whole: columns that are only nice to have are not shown at its cost. */
  readonly comfort?: number;
  readonly cell: (entry: E) => ReactNode;
  readonly sort: (entry: E) => string | number | undefined;
  /** How the first click sorts; numbers are usually wanted largest first. */
  readonly first?: 'asc' | 'desc';
  /** Its values are numbers that change from second to second: rows wander, so the scroll position is not tied to a row. */
  readonly moving?: boolean;
}

export const narrowestColumn = 40;
const widestColumn = 900;
/** From this on, what `yields` says is a column that a table is whole without. */
const niceToHave = 4;

/** Pixels that columns need, by id. */
export interface ColumnNeeds {
  /** Below this something is cut that must not be: a title, a number. */
  readonly least: ReadonlyMap<string, number>;
  /** For the content of the rows in sight. */
  readonly content: ReadonlyMap<string, number>;
}

export const noNeeds: ColumnNeeds = { least: new Map(), content: new Map() };

/**
 * The shown columns in order. Chosen ones are shown whatever the width (pixels); without a choice, those that have room.
 * Unknown ids are dropped; a choice that leaves nothing is none.
 */
export function shownColumns<E>(
  columns: readonly Column<E>[],
  layout: GridLayout,
  width: number,
  needs: ColumnNeeds = noNeeds,
): readonly Column<E>[] {
  const chosen = [...new Set(layout.columns)].flatMap((id) => columns.find((column) => column.id === id) ?? []);
  if (chosen.length > 0) return chosen;
  let usual = columns.filter((column) => column.hidden !== true);
  const yielding = usual
    .filter((column) => column.yields !== undefined)
    .toSorted((a, b) => (b.yields ?? 0) - (a.yields ?? 0));
  const comfortable = new Map(needs.least);
  for (const { id, comfort = 0 } of columns) comfortable.set(id, Math.max(comfort, needs.least.get(id) ?? 0));
  for (const column of yielding) {
    const least = (column.yields ?? 0) >= niceToHave ? comfortable : needs.least;
    if (columnTracks(usual, layout.widths, { ...needs, least }).minimum <= width) continue;
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

/** The columns that are shown stay so: a wider one must not push another out of sight. */
export function resizeColumn<E>(
  layout: GridLayout,
  shown: readonly Column<E>[],
  id: string,
  width: number,
): GridLayout {
  const bounded = Math.round(Math.min(widestColumn, Math.max(narrowestColumn, width)));
  return { ...layout, columns: shown.map((column) => column.id), widths: { ...layout.widths, [id]: bounded } };
}

/** What a click on a column's title makes of the sort order. */
export function nextSort<E>(column: Column<E>, sort: GridSort): GridSort {
  if (sort.column !== column.id) return { column: column.id, direction: column.first ?? 'asc' };
  return { column: column.id, direction: sort.direction === 'asc' ? 'desc' : 'asc' };
}

/** The order for a sort; a column that is unknown leaves the rows in the order they came. */
export function orderingFor<E>(columns: readonly Column<E>[], sort: GridSort): Ordering<E> {
  const column = columns.find(({ id }) => id === sort.column);
  const { direction } = sort;
  return { value: column?.sort ?? (() => undefined), direction, moving: column?.moving === true };
}

/**
 * CSS grid tracks, and the pixels below which the table scrolls sideways. Of `room` (pixels), what the least widths leave goes
 * to the content: of the columns that grow until they are comfortable, then of the others, until those are and then in full, in
 * their order; the rest is shared by those that grow.
 */
export function columnTracks<E>(
  shown: readonly Column<E>[],
  widths: GridLayout['widths'],
  needs: ColumnNeeds = noNeeds,
  room = 0,
): { template: string; minimum: number } {
  const given = new Map(
    shown.map(({ id, width }) => [id, widths[id] ?? Math.max(width, needs.least.get(id) ?? 0)] as const),
  );
  const minimum = [...given.values()].reduce((sum, width) => sum + width, 0);
  let spare = Math.max(0, room - minimum);
  const give = ({ id }: Column<E>, most: number): void => {
    const has = given.get(id) ?? 0;
    const wanted = Math.min(most, needs.content.get(id) ?? 0);
    const more = widths[id] === undefined ? Math.min(spare, Math.max(0, wanted - has)) : 0;
    given.set(id, has + more);
    spare -= more;
  };
  for (const column of shown.toSorted((a, b) => (b.grow ?? 0) - (a.grow ?? 0))) {
    if (column.grow !== undefined) give(column, column.comfort ?? Number.POSITIVE_INFINITY);
  }
  // So that no column has more than it needs to be read while another has less.
  for (const column of shown) if (column.grow === undefined) give(column, column.comfort ?? 0);
  for (const column of shown) if (column.grow === undefined) give(column, Number.POSITIVE_INFINITY);
  let grows = false;
  const tracks = shown.map(({ id, grow }) => {
    const width = `${given.get(id) ?? 0}px`;
    if (widths[id] !== undefined || grow === undefined) return width;
    grows = true;
    return `minmax(${width}, ${grow}fr)`;
  });
  return { template: grows ? tracks.join(' ') : `${tracks.join(' ')} 1fr`, minimum };
}
