/** What the profile in use names and does not contain: what there is of it, how old it is, and who uses it. */
import { CloudDownload, Package, X } from 'lucide-react';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { entriesOf, useListRows } from '../../components/data-grid/use-list-rows.ts';
import { useTableView } from '../../components/data-grid/use-table-view.ts';
import { TablePage } from '../../components/TablePage.tsx';
import { rowOf } from '../../stores/row-table.ts';
import { useLive } from '../../stores/services.ts';
import { useKept } from '../../stores/use-kept.ts';
import { ProviderDrawer } from './ProviderDrawer.tsx';
import { ProviderMenu } from './ProviderMenu.tsx';
import { type ProviderEntry, providerKey, providerRecord, providerSearch, stateOf } from './provider-fields.ts';
import { useProviderActions } from './use-provider-actions.ts';
import { useProviderColumns } from './use-provider-columns.tsx';
import './providers.css';

const inOrder = { column: 'kind', direction: 'asc' } as const;
const saved = { record: providerRecord, whole: rowOf };

export function ProvidersPage() {
  const { t } = useTranslation();
  const providers = useLive((state) => state.info?.providers);
  const known = useLive((state) => state.info !== undefined);
  const [opened, setOpened] = useKept<string | undefined>('providers.opened', undefined);
  const actions = useProviderActions();
  const view = useTableView('providers', providerSearch, useProviderColumns(actions), inOrder);
  const list = useMemo(() => (known ? entriesOf(providers ?? []) : undefined), [known, providers]);
  const table = useListRows(list, view);
  const shown = list?.find((entry) => providerKey(entry) === opened)?.row;
  const updating = list?.filter(({ row }) => row.updating).length ?? 0;
  const failed = list?.filter(({ row }) => stateOf(row) === 'failed') ?? [];
  const kept = failed.filter(({ row }) => row.entries !== null).length;
  return (
    <TablePage
      view={view}
      table={table}
      saved={saved}
      actions={
        updating === 0 ? (
          <button
            type="button"
            className="button"
            disabled={list === undefined || !list.some(({ row }) => row.source === 'http')}
            onClick={() => void actions.update()}
          >
            <CloudDownload size={14} aria-hidden="true" />
            {t('providers.updateAll')}
          </button>
        ) : (
          <button type="button" className="button" onClick={() => actions.stop()}>
            <X size={14} aria-hidden="true" />
            {t('providers.stopAll', { count: updating })}
          </button>
        )
      }
      above={
        failed.length === 0 ? null : (
          <p className="toolbar toolbar-note" role="status">
            {kept > 0 ? t('providers.kept', { count: kept }) : null}{' '}
            {failed.length > kept ? t('providers.absent', { count: failed.length - kept }) : null}
          </p>
        )
      }
      empty={{
        icon: <Package size={28} aria-hidden="true" />,
        title: t('providers.emptyTitle'),
        on: t('providers.emptyText'),
      }}
      drawer={
        shown === undefined ? null : (
          <ProviderDrawer row={shown} actions={actions} onClose={() => setOpened(undefined)} />
        )
      }
    >
      <DataGrid
        label={t('providers.table')}
        {...view.told}
        rows={table.rows}
        entryKey={providerKey}
        onOpen={(entry) => setOpened(providerKey(entry))}
        onEscape={() => setOpened(undefined)}
        rowTone={rowTone}
        renderMenu={({ row }) => <ProviderMenu row={row} actions={actions} />}
      />
    </TablePage>
  );
}

function rowTone({ row }: ProviderEntry): string | undefined {
  return { failed: 'failed', updating: 'waiting', missing: 'muted', stopped: undefined, fine: undefined }[stateOf(row)];
}
