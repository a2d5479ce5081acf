/** The columns of the connections table: a row reads as a sentence, who -> name -> by which rule -> through what -> how much. */
import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Age } from '../../components/Age.tsx';
import type { Column } from '../../components/data-grid/column.ts';
import { FakeAddress } from '../../components/FakeAddress.tsx';
import { PolicyChain } from '../../components/Policy.tsx';
import { type DurationText, useDuration } from '../../components/use-duration.ts';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import { formatBytes, formatEndpoint } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import {
  type CellWords,
  hostCell,
  processCell,
  realIpCell,
  ruleCell,
  speedCell,
  stateCell,
  useCellWords,
} from './connection-cells.tsx';

type ConnectionColumn = Column<ConnectionEntry>;

export function useConnectionColumns(): readonly ConnectionColumn[] {
  const { t } = useTranslation();
  const words = useCellWords();
  const text = useDuration();
  return useMemo(
    () => [...whoColumns(t, words), ...wayColumns(t, words), ...amountColumns(t, words, text)],
    [t, words, text],
  );
}

function whoColumns(t: TFunction, words: CellWords): ConnectionColumn[] {
  return [
    {
      id: 'process',
      title: t('connections.column.process'),
      width: 92,
      cell: ({ row }) => processCell(row, words),
      sort: ({ row }) => row.process?.name,
    },
    {
      id: 'host',
      title: t('connections.column.host'),
      width: 170,
      grow: 3,
      cell: ({ row }) => hostCell(row, words),
      sort: ({ row }) => row.destination.host,
    },
    {
      id: 'port',
      title: t('connections.column.port'),
      width: 80,
      yields: 4,
      cell: ({ row }) => (
        <>
          <span className="mono">{row.destination.port}</span>
          <span className="faint">{row.network.toUpperCase()}</span>
        </>
      ),
      sort: ({ row }) => row.destination.port,
    },
    {
      id: 'fakeIp',
      title: t('connections.column.fakeIp'),
      width: 138,
      cell: ({ row }) =>
        row.fakeIp === undefined ? <span className="faint">–</span> : <FakeAddress address={row.fakeIp} />,
      sort: ({ row }) => row.fakeIp,
    },
  ];
}

function wayColumns(t: TFunction, words: CellWords): ConnectionColumn[] {
  return [
    {
      id: 'rule',
      title: t('connections.column.rule'),
      width: 132,
      grow: 2,
      yields: 1,
      cell: ({ row }) => ruleCell(row, words),
      sort: ({ row }) => row.rule?.index,
    },
    {
      id: 'chain',
      title: t('connections.column.chain'),
      width: 112,
      grow: 1,
      cell: ({ row }) => <PolicyChain chain={row.chain} />,
      sort: ({ row }) => row.chain.join(' '),
    },
    {
      id: 'remote',
      title: t('connections.column.remote'),
      width: 124,
      yields: 7,
      cell: ({ row }) => realIpCell(row, words),
      sort: ({ row }) => row.remote,
    },
    {
      id: 'source',
      title: t('connections.column.source'),
      width: 150,
      hidden: true,
      cell: ({ row }) => (
        <span className="mono">{plainText(formatEndpoint(row.source.host, row.source.port), 60)}</span>
      ),
      sort: ({ row }) => row.source.host,
    },
    {
      id: 'inbound',
      title: t('connections.column.inbound'),
      width: 80,
      hidden: true,
      cell: ({ row }) => <span className="soft">{row.inbound}</span>,
      sort: ({ row }) => row.inbound,
    },
  ];
}

function amountColumns(t: TFunction, words: CellWords, text: DurationText): ConnectionColumn[] {
  const amount = { width: 82, align: 'end', first: 'desc', moving: true } as const;
  return [
    {
      ...amount,
      id: 'downSpeed',
      title: `↓ ${t('connections.column.downSpeed')}`,
      description: t('connections.columnText.downSpeed'),
      cell: ({ downSpeed }) => speedCell(downSpeed),
      sort: ({ downSpeed }) => downSpeed,
    },
    {
      ...amount,
      id: 'upSpeed',
      yields: 5,
      title: `↑ ${t('connections.column.upSpeed')}`,
      description: t('connections.columnText.upSpeed'),
      cell: ({ upSpeed }) => speedCell(upSpeed),
      sort: ({ upSpeed }) => upSpeed,
    },
    {
      ...amount,
      id: 'down',
      title: t('connections.column.down'),
      width: 78,
      yields: 2,
      cell: ({ down }) => <span>{formatBytes(down)}</span>,
      sort: ({ down }) => down,
    },
    {
      ...amount,
      id: 'up',
      title: t('connections.column.up'),
      width: 74,
      yields: 6,
      cell: ({ up }) => <span>{formatBytes(up)}</span>,
      sort: ({ up }) => up,
    },
    {
      id: 'age',
      title: t('connections.column.age'),
      width: 70,
      align: 'end',
      // Youngest first: sorted by when it was opened, which never changes.
      first: 'asc',
      cell: ({ row }) => (
        <span className="soft">
          <Age from={row.openedAt} to={row.closedAt} text={text} />
        </span>
      ),
      sort: ({ row }) => -row.openedAt,
    },
    {
      id: 'state',
      title: t('connections.column.state'),
      width: 76,
      yields: 2,
      cell: ({ row }) => stateCell(row, words),
      sort: ({ row }) => row.error?.code ?? row.state,
    },
  ];
}
