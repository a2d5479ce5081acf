/** Every connection by name: live, filtered, sorted; one of them with its decision trace. */
import { ArrowLeftRight } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ColumnMenu } from '../../components/data-grid/ColumnMenu.tsx';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { useGridLayout } from '../../components/data-grid/use-grid-layout.ts';
import { useTableRows } from '../../components/data-grid/use-table-rows.ts';
import { EmptyState } from '../../components/EmptyState.tsx';
import { ExportMenu } from '../../components/ExportMenu.tsx';
import { PageHeader } from '../../components/PageHeader.tsx';
import { PauseButton } from '../../components/PauseButton.tsx';
import { SearchBox } from '../../components/SearchBox.tsx';
import { Segmented } from '../../components/Segmented.tsx';
import { TableBody } from '../../components/TableBody.tsx';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import { useLive, useServices, useUi } from '../../stores/services.ts';
import { compileFilter } from '../../text/filter.ts';
import { formatCount } from '../../text/format.ts';
import { CloseButton } from './CloseButton.tsx';
import { ConnectionMenu } from './ConnectionMenu.tsx';
import {
  type ConnectionScope,
  ConnectionSearch,
  connectionKey,
  connectionRecord,
  currentRow,
  inScope,
} from './connection-fields.ts';
import { DetailDrawer } from './DetailDrawer.tsx';
import { useCloseFlows } from './use-close-flows.ts';
import { useConnectionColumns } from './use-connection-columns.tsx';
import './connections.css';

const youngestFirst = { column: 'age', direction: 'asc' } as const;

export function ConnectionsPage() {
  const { t } = useTranslation();
  const { connections } = useServices();
  const [scope, setScope] = useState<ConnectionScope>('active');
  const [active, setActive] = useState<string | undefined>();
  const [selection, setSelection] = useState<ReadonlySet<string>>(new Set());
  const [details, setDetails] = useState(false);
  const close = useCloseFlows();
  const search = useUi((state) => state.searches.connections ?? '');
  const searchable = useMemo(() => new ConnectionSearch(), []);
  const grid = useGridLayout('connections', useConnectionColumns(), youngestFirst);
  const accept = useMemo(() => {
    const filter = compileFilter(search, searchable);
    return (entry: ConnectionEntry) => inScope(entry.row, scope) && (filter === undefined || filter(entry));
  }, [search, scope, searchable]);
  const table = useTableRows(connections, accept, grid);
  const { rows, snapshot, paused } = table;
  const { entries } = snapshot;
  const closed = snapshot.counts.closed ?? 0;
  const shownEntry = active === undefined || !details ? undefined : entries.get(active);
  const closeDetails = () => setDetails(false);

  return (
    <>
      <PageHeader
        title={t('connections.title')}
        beside={
          <Segmented
            label={t('connections.scope')}
            value={scope}
            onChange={setScope}
            options={[
              { value: 'active', label: t('connections.active'), count: formatCount(entries.size - closed) },
              { value: 'closed', label: t('connections.closed'), count: formatCount(closed) },
              { value: 'all', label: t('connections.all'), count: formatCount(entries.size) },
            ]}
          />
        }
      >
        <SearchBox page="connections" hint={t('connections.searchHint')} />
        <PauseButton paused={paused} disabled={table.refusal !== undefined} onChange={table.setPaused} />
        <ColumnMenu grid={grid} />
        <ExportMenu
          name="connections"
          disabled={rows.length === 0}
          rows={table.currentRows}
          record={connectionRecord}
          whole={currentRow}
        />
        <CloseButton rows={rows} selection={selection} narrowed={search !== ''} close={close} />
      </PageHeader>
      <TableBody
        page="connections"
        search={search}
        snapshot={snapshot}
        shown={rows.length}
        paused={paused}
        refusal={table.refusal}
        empty={<Nothing scope={scope} />}
        beside={
          shownEntry === undefined ? null : <DetailDrawer entry={shownEntry} close={close} onClose={closeDetails} />
        }
      >
        <DataGrid
          label={t('connections.table')}
          grid={grid}
          rows={rows}
          entryKey={connectionKey}
          active={active}
          onActive={setActive}
          selection={selection}
          onSelect={setSelection}
          onOpen={() => setDetails(true)}
          onDelete={({ row }) => void close(selection.size > 1 ? [...selection] : [row.id])}
          onEscape={closeDetails}
          hold={details}
          rowTone={rowTone}
          renderMenu={(entry) => <ConnectionMenu entry={entry} close={close} onDetails={() => setDetails(true)} />}
          viewKey={`${scope} ${search}`}
        />
      </TableBody>
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

function rowTone({ row }: ConnectionEntry): string | undefined {
  return row.state === 'closed' ? 'muted' : undefined;
}
