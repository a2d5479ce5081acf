/** The part of a page below its header: the table, or why there is none. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { TopicSnapshot } from '../stores/topic-store.ts';
import type { PageName } from '../stores/ui-store.ts';
import { GridSkeleton } from './data-grid/GridSkeleton.tsx';
import { NoMatch } from './NoMatch.tsx';
import { TableRefused, type TableRefusedProps } from './TableRefused.tsx';

export interface TableBodyProps {
  page: PageName;
  search: string;
  snapshot: Pick<TopicSnapshot<unknown>, 'loaded' | 'total' | 'entries'>;
  shown: number;
  paused: boolean;
  /** Of a table that the helper does not show. */
  refusal?: TableRefusedProps | undefined;
  /** Shown when there is nothing, and not because of the search. */
  empty: ReactNode;
  /** The table. */
  children: ReactNode;
  /** Beside the table. */
  beside?: ReactNode;
}

export function TableBody({ page, search, snapshot, shown, paused, refusal, empty, children, beside }: TableBodyProps) {
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
      {paused ? (
        <p className="toolbar toolbar-note" role="status">
          {t('action.paused')}
        </p>
      ) : null}
      {loaded && !paused && total > entries.size ? (
        <p className="toolbar toolbar-note">{t('grid.truncated', { shown: entries.size, total })}</p>
      ) : null}
      <div className="page-fill">
        {body()}
        {beside}
      </div>
    </>
  );
}
