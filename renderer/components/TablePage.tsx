/** A page that is a table: its head with search, columns, and what else the table can do, and the words for when it is empty. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Entry } from '../stores/row-table.ts';
import { useLive } from '../stores/services.ts';
import type { CsvValue } from '../text/csv.ts';
import { ColumnMenu } from './data-grid/ColumnMenu.tsx';
import type { ShownTable } from './data-grid/use-table-rows.ts';
import type { TableView } from './data-grid/use-table-view.ts';
import { EmptyState } from './EmptyState.tsx';
import { ExportMenu } from './ExportMenu.tsx';
import { PageHeader } from './PageHeader.tsx';
import { PauseButton } from './PauseButton.tsx';
import { SearchBox } from './SearchBox.tsx';
import { type SearchNames, TableBody } from './TableBody.tsx';

export interface TablePageProps<E, G extends Entry> {
  view: Pick<TableView<G, unknown>, 'page' | 'search' | 'grid'> & { searchable: SearchNames };
  table: ShownTable<E>;
  /** How the rows shown are saved as a file: a row as a flat record, for CSV, and whole, for JSON. */
  saved?: { record: (entry: E) => Record<string, CsvValue>; whole: (entry: E) => unknown };
  /** `off`: while Enhanced Mode is off, where that makes a difference. */
  empty: { icon: ReactNode; title: string; on: string; off?: string; action?: ReactNode };
  /** Beside the title, instead of how many rows there are. */
  beside?: ReactNode;
  /** Before the table's own buttons, and after them. */
  tools?: ReactNode;
  actions?: ReactNode;
  /** Between the head and the table. */
  above?: ReactNode;
  /** Beside the table. */
  drawer?: ReactNode;
  /** The table shows itself that nothing fits a search. */
  searchesWithin?: boolean;
  /** The table. */
  children: ReactNode;
}

export function TablePage<E, G extends Entry>({
  view,
  table,
  saved,
  empty,
  beside,
  tools,
  actions,
  above,
  drawer,
  searchesWithin = false,
  children,
}: TablePageProps<E, G>) {
  const { t } = useTranslation();
  const { page, search, searchable, grid } = view;
  const on = useLive(({ snapshot }) => snapshot?.tunnel.kind === 'running');
  const { rows, snapshot, pausedAt, setPaused } = table;
  const { entries } = snapshot;
  const count =
    snapshot.loaded && entries.size > 0 ? (
      <span className="faint nowrap">{t('grid.rows', { shown: rows.length, total: entries.size })}</span>
    ) : null;
  return (
    <>
      <PageHeader title={t(`${page}.title`)} beside={beside ?? count}>
        <SearchBox page={page} hint={t(`${page}.searchHint`)} />
        {tools}
        {setPaused === undefined ? null : (
          <PauseButton paused={pausedAt !== undefined} disabled={table.refusal !== undefined} onChange={setPaused} />
        )}
        <ColumnMenu grid={grid} />
        {saved === undefined ? null : (
          <ExportMenu name={page} disabled={rows.length === 0} rows={table.currentRows} {...saved} />
        )}
        {actions}
      </PageHeader>
      {above}
      <TableBody
        page={page}
        search={searchesWithin ? '' : search}
        snapshot={snapshot}
        shown={rows.length}
        pausedAt={pausedAt}
        searchable={searchable}
        refusal={table.refusal}
        beside={drawer}
        empty={
          <EmptyState icon={empty.icon} title={empty.title} text={on ? empty.on : (empty.off ?? empty.on)}>
            {empty.action}
          </EmptyState>
        }
      >
        {children}
      </TableBody>
    </>
  );
}
