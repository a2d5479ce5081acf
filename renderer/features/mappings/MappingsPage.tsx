/** The fake addresses and the names they stand for. */
import { Rows3 } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { useGridLayout } from '../../components/data-grid/use-grid-layout.ts';
import { useTableRows } from '../../components/data-grid/use-table-rows.ts';
import { TablePage } from '../../components/TablePage.tsx';
import { useCopy } from '../../components/use-copy.ts';
import { rowOf } from '../../stores/row-table.ts';
import { useServices, useUi } from '../../stores/services.ts';
import { compileFilter } from '../../text/filter.ts';
import { plainText } from '../../text/plain-text.ts';
import { mappingKey, mappingRecord, mappingSearch } from './mapping-fields.ts';
import { useMappingColumns } from './use-mapping-columns.tsx';
import './mappings.css';

const newestFirst = { column: 'lastConnected', direction: 'desc' } as const;

export function MappingsPage() {
  const { t } = useTranslation();
  const { mappings, ui } = useServices();
  const [active, setActive] = useState<string | undefined>();
  const search = useUi((state) => state.searches.mappings ?? '');
  const accept = useMemo(() => compileFilter(search, mappingSearch), [search]);
  const grid = useGridLayout('mappings', useMappingColumns(), newestFirst);
  const table = useTableRows(mappings, accept, grid);
  const openConnections = (row: MappingRow) => ui.open('connections', `fake:${row.address}`);
  return (
    <TablePage
      page="mappings"
      title={t('mappings.title')}
      searchHint={t('mappings.searchHint')}
      grid={grid}
      table={table}
      record={mappingRecord}
      whole={rowOf}
      empty={{
        icon: <Rows3 size={28} aria-hidden="true" />,
        title: t('mappings.emptyTitle'),
        on: t('mappings.emptyOn'),
        off: t('mappings.emptyOff'),
      }}
    >
      <DataGrid
        label={t('mappings.table')}
        grid={grid}
        rows={table.rows}
        entryKey={mappingKey}
        active={active}
        onActive={setActive}
        rowTone={({ row: { state } }) => (state === 'retired' || state === 'free' ? 'muted' : undefined)}
        renderMenu={({ row }) => <MappingMenu row={row} onConnections={() => openConnections(row)} />}
        viewKey={search}
      />
    </TablePage>
  );
}

function MappingMenu({ row, onConnections }: { row: MappingRow; onConnections: () => void }) {
  const { t } = useTranslation();
  const copy = useCopy();
  return (
    <>
      <DropdownMenu.Item className="menu-item" onSelect={onConnections}>
        {t('mappings.showConnections')}
      </DropdownMenu.Item>
      <DropdownMenu.Separator className="menu-line" />
      <DropdownMenu.Item className="menu-item" onSelect={() => copy(row.address)}>
        {t('mappings.copyAddress')}
      </DropdownMenu.Item>
      <DropdownMenu.Item className="menu-item" onSelect={() => copy(plainText(row.name))}>
        {t('mappings.copyName')}
      </DropdownMenu.Item>
    </>
  );
}
