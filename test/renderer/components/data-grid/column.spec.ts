import { expect, test } from 'vitest';
import {
  type Column,
  columnTracks,
  moveColumn,
  nextSort,
  orderingFor,
  resizeColumn,
  shownColumns,
  toggleColumn,
} from '../../../../renderer/components/data-grid/column.ts';
import type { GridLayout } from '../../../../renderer/stores/preferences.ts';

const column = (id: string, change: Partial<Column<{ v: number }>> = {}): Column<{ v: number }> => ({
  id,
  title: id,
  width: 100,
  cell: () => null,
  sort: ({ v }) => v,
  ...change,
});
const columns = [
  column('a'),
  column('b', { yields: 1 }),
  column('c', { yields: 2, grow: 1 }),
  column('d', { hidden: true }),
  column('e', { first: 'desc' }),
];
const layout: GridLayout = { columns: null, widths: {}, sort: { column: 'a', direction: 'asc' } };
const ids = (shown: readonly Column<{ v: number }>[]) => shown.map(({ id }) => id);

test('without a choice, the columns that have room are shown; some never give way', () => {
  expect(ids(shownColumns(columns, layout, 1000))).toEqual(['a', 'b', 'c', 'e']);
  expect(ids(shownColumns(columns, layout, 399))).toEqual(['a', 'b', 'e']);
  expect(ids(shownColumns(columns, layout, 299))).toEqual(['a', 'e']);
  expect(ids(shownColumns(columns, layout, 10))).toEqual(['a', 'e']);
});

test('columns that are only nice to have are not shown at the cost of what is read', () => {
  const read = [
    column('host', { comfort: 300, grow: 1 }),
    column('rule', { yields: 1 }),
    column('total', { yields: 5 }),
  ];
  expect(ids(shownColumns(read, layout, 500))).toEqual(['host', 'rule', 'total']);
  expect(ids(shownColumns(read, layout, 499))).toEqual(['host', 'rule']);
  // What belongs to the table gives way only when there is no room at all.
  expect(ids(shownColumns(read, layout, 200))).toEqual(['host', 'rule']);
  expect(ids(shownColumns(read, layout, 199))).toEqual(['host']);
});

test('titles and longest texts are never cut; content is given room, first where most room is shared', () => {
  const [a, , c] = columns;
  if (a === undefined || c === undefined) throw new Error('there are five');
  const needs = {
    least: new Map([['a', 120]]),
    content: new Map([
      ['a', 200],
      ['c', 180],
    ]),
  };
  expect(columnTracks([a, c], {}, needs, 220)).toEqual({ template: '120px minmax(100px, 1fr)', minimum: 220 });
  expect(columnTracks([a, c], {}, needs, 290)).toEqual({ template: '120px minmax(170px, 1fr)', minimum: 220 });
  expect(columnTracks([a, c], {}, needs, 330)).toEqual({ template: '150px minmax(180px, 1fr)', minimum: 220 });
  expect(columnTracks([a, c], {}, needs, 900)).toEqual({ template: '200px minmax(180px, 1fr)', minimum: 220 });
  const eased = { ...c, comfort: 110 };
  expect(columnTracks([a, eased], {}, needs, 290)).toEqual({ template: '180px minmax(110px, 1fr)', minimum: 220 });
  expect(columnTracks([a, c], { a: 60 }, needs, 900)).toEqual({ template: '60px minmax(180px, 1fr)', minimum: 160 });
});

test('a choice holds whatever the width; unknown and repeated ids are dropped', () => {
  const chosen = { ...layout, columns: ['e', 'zzz', 'd', 'e'] };
  expect(ids(shownColumns(columns, chosen, 10))).toEqual(['e', 'd']);
  expect(ids(shownColumns(columns, { ...layout, columns: ['zzz'] }, 1000))).toEqual(['a', 'b', 'c', 'e']);
});

test('columns are shown at their usual place, hidden, but never all', () => {
  const shown = shownColumns(columns, layout, 1000);
  expect(toggleColumn(columns, shown, 'd')).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(toggleColumn(columns, shown, 'b')).toEqual(['a', 'c', 'e']);
  expect(toggleColumn(columns, columns.slice(1, 2), 'a')).toEqual(['a', 'b']);
  expect(toggleColumn(columns, columns.slice(0, 1), 'a')).toEqual(['a']);
});

test('columns move to the place of another', () => {
  const shown = columns.slice(0, 3);
  expect(moveColumn(shown, 'a', 'c')).toEqual(['b', 'c', 'a']);
  expect(moveColumn(shown, 'c', 'a')).toEqual(['c', 'a', 'b']);
  expect(moveColumn(shown, 'zzz', 'a')).toEqual(['a', 'b', 'c']);
  expect(moveColumn(shown, 'a', 'zzz')).toEqual(['a', 'b', 'c']);
});

test('widths are bounded whole pixels', () => {
  const shown = columns.slice(0, 2);
  expect(resizeColumn(layout, shown, 'a', 123.4)).toEqual({ ...layout, columns: ['a', 'b'], widths: { a: 123 } });
  expect(resizeColumn(layout, shown, 'a', -5).widths).toEqual({ a: 40 });
  expect(resizeColumn(layout, shown, 'a', 1e9).widths).toEqual({ a: 900 });
});

test('tracks: a resized column does not grow, and something fills the rest', () => {
  const [a, , c] = columns;
  if (a === undefined || c === undefined) throw new Error('there are five');
  expect(columnTracks([a, c], {})).toEqual({ template: '100px minmax(100px, 1fr)', minimum: 200 });
  expect(columnTracks([a, c], { c: 150 })).toEqual({ template: '100px 150px 1fr', minimum: 250 });
});

test('a click sorts as the column likes it first, then the other way', () => {
  const [a, , , , e] = columns;
  if (a === undefined || e === undefined) throw new Error('there are five');
  expect(nextSort(e, layout.sort)).toEqual({ column: 'e', direction: 'desc' });
  expect(nextSort(a, layout.sort)).toEqual({ column: 'a', direction: 'desc' });
  expect(orderingFor(columns, { column: 'a', direction: 'desc' }).value({ v: 1 })).toBe(1);
  expect(orderingFor(columns, { column: 'zzz', direction: 'desc' }).value({ v: 1 })).toBeUndefined();
});
