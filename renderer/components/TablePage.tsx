/** A page that is one live table: search, pause, columns, export, and the words for when it is empty. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive, useUi } from '../stores/services.ts';
import type { PageName } from '../stores/ui-store.ts';
import type { CsvValue } from '../text/csv.ts';
import { ColumnMenu } from './data-grid/ColumnMenu.tsx';
import type { Grid } from './data-grid/use-grid-layout.ts';
import type { TableRows } from './data-grid/use-table-rows.ts';
import { EmptyState } from './EmptyState.tsx';
import { ExportMenu } from './ExportMenu.tsx';
import { PageHeader } from './PageHeader.tsx';
import { PauseButton } from './PauseButton.tsx';
import { SearchBox } from './SearchBox.tsx';
import { type SearchNames, TableBody } from './TableBody.tsx';

export interface TablePageProps<E> {
  page: PageName;
  title: string;
  searchHint: string;
  searchable: SearchNames;
  grid: Grid<E>;
  table: TableRows<E>;
  /** A row as a flat record, for CSV. */
  record: (entry: E) => Record<string, CsvValue>;
  /** A row whole, for JSON. */
  whole: (entry: E) => unknown;
  empty: { icon: ReactNode; title: string; on: string; off: string };
  /** Buttons after the table's own. */
  actions?: ReactNode;
  /** The table. */
  children: ReactNode;
}

export function TablePage<E>({
  page,
  title,
  searchHint,
  searchable,
  grid,
  table,
  record,
  whole,
  empty,
  actions,
  children,
}: TablePageProps<E>) {
  const { t } = useTranslation();
  const search = useUi((state) => state.searches[page] ?? '');
  const on = useLive(({ snapshot }) => snapshot?.tunnel.kind === 'running');
  const { rows, snapshot, pausedAt } = table;
  const { entries } = snapshot;
  return (
    <>
      <PageHeader
        title={title}
        beside={
          snapshot.loaded && entries.size > 0 ? (
            <span className="faint nowrap">{t('grid.rows', { shown: rows.length, total: entries.size })}</span>
          ) : null
        }
      >
        <SearchBox page={page} hint={searchHint} />
        <PauseButton
          paused={pausedAt !== undefined}
          disabled={table.refusal !== undefined}
          onChange={table.setPaused}
        />
        <ColumnMenu grid={grid} />
        <ExportMenu name={page} disabled={rows.length === 0} rows={table.currentRows} record={record} whole={whole} />
        {actions}
      </PageHeader>
      <TableBody
        page={page}
        search={search}
        snapshot={snapshot}
        shown={rows.length}
        pausedAt={pausedAt}
        searchable={searchable}
        refusal={table.refusal}
        empty={<EmptyState icon={empty.icon} title={empty.title} text={on ? empty.on : empty.off} />}
      >
        {children}
      </TableBody>
    </>
  );
}
