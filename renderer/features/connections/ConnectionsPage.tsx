/** Every connection by name: live, filtered, sorted; one of them with its decision trace. */
import { ArrowLeftRight } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ColumnMenu } from '../../components/data-grid/ColumnMenu.tsx';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { useTableRows } from '../../components/data-grid/use-table-rows.ts';
import { useTableView } from '../../components/data-grid/use-table-view.ts';
import { EmptyState } from '../../components/EmptyState.tsx';
import { ExportMenu } from '../../components/ExportMenu.tsx';
import { PageHeader } from '../../components/PageHeader.tsx';
import { PauseButton } from '../../components/PauseButton.tsx';
import { SearchBox } from '../../components/SearchBox.tsx';
import { Segmented } from '../../components/Segmented.tsx';
import { TableBody } from '../../components/TableBody.tsx';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import { useLive, useServices, useUi } from '../../stores/services.ts';
import type { ConnectionScope } from '../../stores/ui-store.ts';
import { useKept } from '../../stores/use-kept.ts';
import { formatCount } from '../../text/format.ts';
import { CloseButton } from './CloseButton.tsx';
import { CloseDialog, type Closing } from './CloseDialog.tsx';
import { ConnectionMenu } from './ConnectionMenu.tsx';
import {
  ConnectionSearch,
  connectionKey,
  connectionRecord,
  currentRow,
  inScope,
  shownState,
} from './connection-fields.ts';
import { DetailDrawer } from './DetailDrawer.tsx';
import { useCloseFlows } from './use-close-flows.ts';
import { useConnectionColumns } from './use-connection-columns.tsx';
import './connections.css';

const noRows: ReadonlySet<string> = new Set();
const youngestFirst = { column: 'age', direction: 'asc' } as const;

export function ConnectionsPage() {
  const { t } = useTranslation();
  const { connections, ui } = useServices();
  const scope = useUi((state) => state.scope);
  const [selected, setSelected] = useKept('connections.selection', noRows);
  const [details, setDetails] = useKept('connections.details', false);
  const [closing, setClosing] = useState<Closing | undefined>();
  const close = useCloseFlows();
  const searchable = useMemo(() => new ConnectionSearch(), []);
  const view = useTableView('connections', searchable, useConnectionColumns(), youngestFirst);
  const { search, selection: found, grid } = view;
  const { active } = view.told;
  const selection = useMemo(() => {
    const accept = ({ row }: ConnectionEntry) => inScope(row, scope);
    if (found === undefined) return { accept, moving: false };
    return { accept: (entry: ConnectionEntry) => accept(entry) && found.accept(entry), moving: found.moving };
  }, [found, scope]);
  const table = useTableRows(connections, { ...view, selection });
  const { rows, snapshot, pausedAt } = table;
  const { entries } = snapshot;
  const closed = snapshot.counts.closed ?? 0;
  const shownEntry = active === undefined || !details ? undefined : entries.get(active);
  const closeDetails = () => {
    setDetails(false);
    focusTable();
  };
  const isNarrowed = search !== '' || scope !== 'active';
  /** One is closed at once; more, after a question. */
  const askToClose = (ids: readonly string[]) => {
    const live = liveIdsOf(ids, entries);
    if (live.length > 1) setClosing({ kind: 'selected', ids: live });
    else if (live.length === 1) void close(live);
  };

  return (
    <>
      <PageHeader
        title={t('connections.title')}
        beside={
          <Segmented
            label={t('connections.scope')}
            value={scope}
            onChange={(value) => ui.showScope(value)}
            options={[
              { value: 'active', label: t('connections.active'), count: formatCount(entries.size - closed) },
              { value: 'closed', label: t('connections.closed'), count: formatCount(closed) },
              { value: 'all', label: t('connections.all'), count: formatCount(entries.size) },
            ]}
          />
        }
      >
        <SearchBox page="connections" hint={t('connections.searchHint')} />
        <PauseButton
          paused={pausedAt !== undefined}
          disabled={table.refusal !== undefined}
          onChange={table.setPaused}
        />
        <ColumnMenu grid={grid} />
        <ExportMenu
          name="connections"
          disabled={rows.length === 0}
          rows={table.currentRows}
          record={connectionRecord}
          whole={currentRow}
        />
        <CloseButton
          rows={rows}
          selection={selected}
          onClose={(ids) => setClosing(ids === 'shown' ? shownToClose(rows, isNarrowed) : { kind: 'selected', ids })}
        />
      </PageHeader>
      <TableBody
        page="connections"
        search={search}
        snapshot={snapshot}
        shown={rows.length}
        pausedAt={pausedAt}
        searchable={searchable}
        refusal={table.refusal}
        empty={<Nothing scope={scope} />}
        beside={
          shownEntry === undefined ? null : <DetailDrawer entry={shownEntry} close={close} onClose={closeDetails} />
        }
      >
        <DataGrid
          label={t('connections.table')}
          {...view.told}
          rows={rows}
          entryKey={connectionKey}
          selection={selected}
          onSelect={setSelected}
          onOpen={() => setDetails(true)}
          onDelete={(entry) => askToClose(selected.size > 1 || entry === undefined ? [...selected] : [entry.row.id])}
          onEscape={closeDetails}
          hold={details}
          rowTone={rowTone}
          renderMenu={(entry) => <ConnectionMenu entry={entry} close={close} onDetails={() => setDetails(true)} />}
          viewKey={`${scope} ${search}`}
        />
      </TableBody>
      {closing === undefined ? null : (
        <CloseDialog closing={closing} close={close} onClose={() => setClosing(undefined)} />
      )}
    </>
  );
}

function Nothing({ scope }: { scope: ConnectionScope }) {
  const { t } = useTranslation();
  const on = useLive(({ snapshot: live }) => live?.tunnel.kind === 'running');
  const icon = <ArrowLeftRight size={28} aria-hidden="true" />;
  if (scope === 'closed') {
    return <EmptyState icon={icon} title={t('connections.emptyClosed')} text={t('connections.emptyClosedText')} />;
  }
  return (
    <EmptyState
      icon={icon}
      title={t('connections.emptyTitle')}
      text={t(on ? 'connections.emptyOn' : 'connections.emptyOff')}
    />
  );
}

function liveIdsOf(ids: readonly string[], entries: ReadonlyMap<string, ConnectionEntry>): string[] {
  return ids.filter((id) => {
    const state = entries.get(id)?.row.state;
    return state !== undefined && state !== 'closed';
  });
}

function shownToClose(rows: readonly ConnectionEntry[], narrowed: boolean): Closing {
  const ids = rows.filter(({ row }) => row.state !== 'closed').map(({ row }) => row.id);
  return narrowed ? { kind: 'shown', ids } : { kind: 'all', ids };
}

/** What had the focus is gone: the keyboard goes on at the row. */
function focusTable(): void {
  document.querySelector<HTMLElement>('[role=grid]')?.focus({ preventScroll: true });
}

/** Seen also where there is no room for the column that says so. */
function rowTone({ row }: ConnectionEntry): string | undefined {
  const state = shownState(row);
  if (state === 'failed') return state;
  if (state === 'open') return undefined;
  return row.state === 'closed' ? 'muted' : 'waiting';
}
