/** What a page that is a table keeps of it: the search, the columns and their order, and the row that the keyboard is at. */
import { useMemo } from 'react';
import type { GridSort } from '../../stores/preferences.ts';
import type { Entry } from '../../stores/row-table.ts';
import { useUi } from '../../stores/services.ts';
import type { PageName } from '../../stores/ui-store.ts';
import { useKept } from '../../stores/use-kept.ts';
import { compileFilter, type SearchFields, type Selection } from '../../text/filter.ts';
import type { Column } from './column.ts';
import type { DataGridProps } from './data-grid-props.ts';
import { type Grid, useGridLayout } from './use-grid-layout.ts';

/** Those that are tables. */
export type TablePageName = Exclude<PageName, 'overview' | 'profiles' | 'settings'>;

export interface TableView<E extends Entry, S = E> {
  readonly page: TablePageName;
  readonly search: string;
  readonly searchable: SearchFields<S>;
  /** What the search chooses; undefined for all. */
  readonly selection: Selection<S> | undefined;
  readonly grid: Grid<E>;
  readonly setActive: (key: string | undefined) => void;
  /** What of it the table itself is told. */
  readonly told: Pick<DataGridProps<E>, 'grid' | 'active' | 'onActive' | 'viewKey'>;
}

/** `searchable`, `columns` and `sort` must be the same objects from drawing to drawing unless they change. */
export function useTableView<E extends Entry, S = E>(
  page: TablePageName,
  searchable: SearchFields<S>,
  columns: readonly Column<E>[],
  sort: GridSort,
): TableView<E, S> {
  const [active, setActive] = useKept<string | undefined>(`${page}.active`, undefined);
  const search = useUi((state) => state.searches[page] ?? '');
  const selection = useMemo(() => compileFilter(search, searchable), [search, searchable]);
  const grid = useGridLayout(page, columns, sort);
  const told = { grid, active, onActive: setActive, viewKey: search };
  return { page, search, searchable, selection, grid, setActive, told };
}
