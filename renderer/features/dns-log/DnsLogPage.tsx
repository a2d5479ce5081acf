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
import { useServices, useUi } from '../../stores/services.ts';
import { compileFilter } from '../../text/filter.ts';
import { formatClock, formatMillis } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { dnsKey, dnsRecord, dnsSearch } from './dns-fields.ts';

const newestFirst = { column: 'time', direction: 'desc' } as const;

const verdictTones: Readonly<Record<DnsRow['verdict'], ChipTone>> = {
  fake: 'amber',
  real: 'accent',
  cache: 'accent',
  hosts: 'plain',
  local: 'plain',
  blocked: 'red',
  refused: 'red',
  error: 'red',
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
  const table = useTableRows({ source: dnsLog, entryKey: dnsKey, accept, compare: grid.compare });
  return (
    <TablePage
      page="dns"
      title={t('dns.title')}
      searchHint={t('dns.searchHint')}
      grid={grid}
      table={table}
      record={dnsRecord}
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

function dnsColumns(t: TFunction): Column<DnsRow>[] {
  const text = (id: 'client' | 'type' | 'rcode' | 'upstream', width: number): Column<DnsRow> => ({
    id,
    title: t(`dns.column.${id}`),
    width,
    cell: (row) => <span className="soft">{plainText(row[id] ?? '–', 100)}</span>,
    sort: (row) => row[id],
  });
  return [
    {
      id: 'time',
      title: t('dns.column.time'),
      width: 108,
      first: 'desc',
      cell: ({ time }) => <span className="mono soft">{formatClock(time)}</span>,
      sort: ({ time }) => time,
    },
    { ...text('client', 120), hidden: true },
    {
      id: 'name',
      title: t('dns.column.name'),
      width: 200,
      grow: 2,
      cell: ({ name }) => <span title={plainText(name)}>{plainText(name)}</span>,
      sort: ({ name }) => name,
    },
    text('type', 70),
    {
      id: 'verdict',
      title: t('dns.column.verdict'),
      width: 84,
      cell: ({ verdict }) => <Chip tone={verdictTones[verdict]}>{t(`dns.verdict.${verdict}`)}</Chip>,
      sort: ({ verdict }) => verdict,
    },
    {
      id: 'answer',
      title: t('dns.column.answer'),
      width: 160,
      grow: 2,
      cell: ({ verdict, answer }) =>
        verdict === 'fake' && answer !== '' ? (
          <FakeAddress address={answer} />
        ) : (
          <span className="mono">{plainText(answer === '' ? '–' : answer)}</span>
        ),
      sort: ({ answer }) => answer,
    },
    text('rcode', 92),
    text('upstream', 150),
    {
      id: 'ms',
      title: t('dns.column.ms'),
      width: 80,
      align: 'end',
      first: 'desc',
      cell: ({ ms }) => <span>{formatMillis(ms)}</span>,
      sort: ({ ms }) => ms,
    },
  ];
}
