/** Every DNS question with its answer, newest first. */
import type { TFunction } from 'i18next';
import { ScrollText } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { Chip, type ChipTone } from '../../components/Chip.tsx';
import type { Column } from '../../components/data-grid/column.ts';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { useGridLayout } from '../../components/data-grid/use-grid-layout.ts';
import { useTableRows } from '../../components/data-grid/use-table-rows.ts';
import { FakeAddress } from '../../components/FakeAddress.tsx';
import { TablePage } from '../../components/TablePage.tsx';
import { rowOf } from '../../stores/row-table.ts';
import { useServices, useUi } from '../../stores/services.ts';
import { compileFilter } from '../../text/filter.ts';
import { formatClock, formatMillis } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { type DnsEntry, dnsKey, dnsRecord, dnsSearch } from './dns-fields.ts';

const newestFirst = { column: 'time', direction: 'desc' } as const;

const verdictTones: Readonly<Record<DnsRow['verdict'], ChipTone>> = {
  fake: 'amber',
  real: 'accent',
  cache: 'accent',
  hosts: 'plain',
  local: 'plain',
  blocked: 'red',
  absent: 'plain',
  refused: 'red',
  error: 'red',
  recovered: 'amber',
};

export function DnsLogPage() {
  const { t } = useTranslation();
  const { dnsLog } = useServices();
  const [active, setActive] = useState<string | undefined>();
  const search = useUi((state) => state.searches.dns ?? '');
  const accept = useMemo(() => compileFilter(search, dnsSearch), [search]);
  const grid = useGridLayout(
    'dns',
    useMemo(() => dnsColumns(t), [t]),
    newestFirst,
  );
  const table = useTableRows(dnsLog, accept, grid);
  return (
    <TablePage
      page="dns"
      title={t('dns.title')}
      searchHint={t('dns.searchHint')}
      grid={grid}
      table={table}
      record={dnsRecord}
      whole={rowOf}
      empty={{
        icon: <ScrollText size={28} aria-hidden="true" />,
        title: t('dns.emptyTitle'),
        on: t('dns.emptyOn'),
        off: t('dns.emptyOff'),
      }}
    >
      <DataGrid
        label={t('dns.table')}
        grid={grid}
        rows={table.rows}
        entryKey={dnsKey}
        active={active}
        onActive={setActive}
        viewKey={search}
      />
    </TablePage>
  );
}

function dnsColumns(t: TFunction): Column<DnsEntry>[] {
  const text = (id: 'client' | 'type' | 'rcode' | 'upstream', width: number): Column<DnsEntry> => ({
    id,
    title: t(`dns.column.${id}`),
    width,
    cell: ({ row }) => <span className="soft">{plainText(row[id] ?? '–', 100)}</span>,
    sort: ({ row }) => row[id],
  });
  return [
    {
      id: 'time',
      title: t('dns.column.time'),
      width: 108,
      first: 'desc',
      cell: ({ row: { time } }) => <span className="mono soft">{formatClock(time)}</span>,
      sort: ({ row: { time } }) => time,
    },
    { ...text('client', 120), hidden: true },
    {
      id: 'name',
      title: t('dns.column.name'),
      width: 200,
      grow: 2,
      cell: ({ row: { name } }) => <span title={plainText(name)}>{plainText(name)}</span>,
      sort: ({ row: { name } }) => name,
    },
    text('type', 70),
    {
      id: 'verdict',
      title: t('dns.column.verdict'),
      width: 84,
      cell: ({ row: { verdict } }) => <Chip tone={verdictTones[verdict]}>{t(`dns.verdict.${verdict}`)}</Chip>,
      sort: ({ row: { verdict } }) => verdict,
    },
    {
      id: 'answer',
      title: t('dns.column.answer'),
      width: 160,
      grow: 2,
      cell: ({ row: { verdict, answer } }) =>
        verdict === 'fake' && answer !== '' ? (
          <FakeAddress address={answer} />
        ) : (
          <span className="mono">{plainText(answer === '' ? '–' : answer)}</span>
        ),
      sort: ({ row: { answer } }) => answer,
    },
    { ...text('rcode', 92), yields: 1 },
    { ...text('upstream', 170), yields: 2 },
    {
      id: 'ms',
      title: t('dns.column.ms'),
      width: 80,
      align: 'end',
      first: 'desc',
      cell: ({ row: { ms } }) => <span>{formatMillis(ms)}</span>,
      sort: ({ row: { ms } }) => ms,
    },
  ];
}
