/** The part of a page below its header: the table, or why there is none. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PageName } from '../stores/ui-store.ts';
import { fieldNames, unknownFields } from '../text/filter.ts';
import { StillTime } from './Age.tsx';
import { GridSkeleton } from './data-grid/GridSkeleton.tsx';
import type { ShownTable } from './data-grid/use-table-rows.ts';
import { NoMatch } from './NoMatch.tsx';
import { TableRefused, type TableRefusedProps } from './TableRefused.tsx';

export type SearchNames = Parameters<typeof unknownFields>[1];

export interface TableBodyProps {
  page: PageName;
  search: string;
  snapshot: ShownTable<unknown>['snapshot'];
  shown: number;
  /** When the rows were held still. */
  pausedAt: number | undefined;
  /** How the page's rows can be searched, to say what of the search is not understood. */
  searchable?: SearchNames;
  /** Of a table that the helper does not show. */
  refusal?: TableRefusedProps | undefined;
  /** Shown when there is nothing, and not because of the search. */
  empty: ReactNode;
  /** The table. */
  children: ReactNode;
  /** Beside the table. */
  beside?: ReactNode;
}

export function TableBody({
  page,
  search,
  snapshot,
  shown,
  pausedAt,
  searchable,
  refusal,
  empty,
  children,
  beside,
}: TableBodyProps) {
  const { t } = useTranslation();
  const { loaded, total, entries } = snapshot;
  const body = () => {
    if (refusal !== undefined) return <TableRefused {...refusal} />;
    if (!loaded) return <GridSkeleton />;
    if (shown > 0) return children;
    return search === '' ? empty : <NoMatch page={page} />;
  };
  return (
    <>
      {pausedAt === undefined ? null : (
        <p className="toolbar toolbar-note" role="status">
          {t('action.paused')}
        </p>
      )}
      {searchable === undefined ? null : <UnknownFields search={search} searchable={searchable} />}
      {loaded && pausedAt === undefined && total > entries.size ? (
        <p className="toolbar toolbar-note">{t('grid.truncated', { shown: entries.size, total })}</p>
      ) : null}
      <div className="page-fill">
        <StillTime value={pausedAt}>
          {body()}
          {beside}
        </StillTime>
      </div>
    </>
  );
}

/** A slip in the name of a field would look like an empty result. */
function UnknownFields({ search, searchable }: { search: string; searchable: SearchNames }) {
  const { t } = useTranslation();
  const unknown = unknownFields(search, searchable);
  if (unknown.length === 0) return null;
  return (
    <p className="toolbar toolbar-note" role="status">
      {t('grid.unknownField', {
        field: `${unknown[0]}:`,
        fields: fieldNames(searchable)
          .map((name) => `${name}:`)
          .join(' '),
      })}
    </p>
  );
}
