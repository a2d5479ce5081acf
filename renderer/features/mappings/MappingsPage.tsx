/** The fake addresses and the names they stand for. */
import { Rows3 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { useTableRows } from '../../components/data-grid/use-table-rows.ts';
import { useTableView } from '../../components/data-grid/use-table-view.ts';
import { TablePage } from '../../components/TablePage.tsx';
import { rowOf } from '../../stores/row-table.ts';
import { useLive, useServices } from '../../stores/services.ts';
import { useKept } from '../../stores/use-kept.ts';
import { FlushButton } from './FlushButton.tsx';
import { MappingMenu, MappingsMenu } from './MappingMenu.tsx';
import { type MappingEntry, mappingKey, mappingRecord, mappingSearch } from './mapping-fields.ts';
import { ReleaseDialog } from './ReleaseDialog.tsx';
import { useMappingActions } from './use-mapping-actions.ts';
import { useMappingColumns } from './use-mapping-columns.tsx';
import './mappings.css';

const saved = { record: mappingRecord, whole: rowOf };
const noRows: ReadonlySet<string> = new Set();
const newestFirst = { column: 'lastConnected', direction: 'desc' } as const;

export function MappingsPage() {
  const { t } = useTranslation();
  const { mappings } = useServices();
  const [selection, setSelection] = useKept('mappings.selection', noRows);
  const [releasing, setReleasing] = useState<readonly MappingRow[]>([]);
  const realAddresses = useLive(({ snapshot }) => snapshot?.dnsMode.mode === 'redir-host');
  const view = useTableView('mappings', mappingSearch, useMappingColumns(), newestFirst);
  const table = useTableRows(mappings, view);
  const actions = useMappingActions();
  const renderMenu = ({ row }: MappingEntry) => {
    const selected = selection.has(row.address)
      ? table.rows.filter((entry) => selection.has(entry.row.address)).map(rowOf)
      : [];
    const change = { actions, onRelease: setReleasing };
    return selected.length > 1 ? <MappingsMenu rows={selected} {...change} /> : <MappingMenu row={row} {...change} />;
  };
  return (
    <TablePage
      view={view}
      table={table}
      saved={saved}
      actions={<FlushButton entries={table.snapshot.entries} flush={actions.flush} />}
      empty={{
        icon: <Rows3 size={28} aria-hidden="true" />,
        title: t('mappings.emptyTitle'),
        on: t(realAddresses ? 'mappings.emptyRedirHost' : 'mappings.emptyOn'),
        off: t('mappings.emptyOff'),
      }}
    >
      <DataGrid
        label={t('mappings.table')}
        {...view.told}
        rows={table.rows}
        entryKey={mappingKey}
        rowTone={rowTone}
        selection={selection}
        onSelect={setSelection}
        renderMenu={renderMenu}
      />
      {releasing.length === 0 ? null : (
        <ReleaseDialog
          rows={releasing}
          onConfirm={() => void actions.change(releasing, 'retire')}
          onClose={() => setReleasing([])}
        />
      )}
    </TablePage>
  );
}

function rowTone({ row: { state } }: MappingEntry): string | undefined {
  return state === 'retired' || state === 'free' ? 'muted' : undefined;
}
