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
import { isBareAddress, isProxied } from './connection-fields.ts';

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
      comfort: 108,
      content: ({ row }) => plainText(row.process?.name ?? words.unknownProcess, 64),
      cell: ({ row }) => processCell(row, words),
      sort: ({ row }) => row.process?.name,
    },
    {
      id: 'host',
      title: t('connections.column.host'),
      width: 180,
      comfort: 240,
      grow: 1,
      content: ({ row }) => plainText(row.destination.host),
      cell: ({ row }) => hostCell(row, words),
      sort: ({ row }) => row.destination.host,
    },
    {
      id: 'port',
      title: t('connections.column.port'),
      width: 80,
      samples: ['65535 UDP'],
      beside: 6,
      yields: 3,
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
      width: 124,
      content: ({ row }) => row.fakeIp ?? '',
      mono: true,
      beside: 15,
      yields: 4,
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
      comfort: 200,
      yields: 1,
      content: ({ row }) => (row.rule === undefined ? '' : plainText(`${row.rule.payload} ${row.rule.type}`)),
      cell: ({ row }) => ruleCell(row, words),
      sort: ({ row }) => row.rule?.index,
    },
    {
      id: 'chain',
      title: t('connections.column.chain'),
      width: 112,
      content: ({ row }) => plainText(row.chain.join(' ‹ '), 64),
      beside: 14,
      comfort: 140,
      cell: ({ row }) => <PolicyChain chain={row.chain} way={row.way} />,
      sort: ({ row }) => row.chain.join(' '),
    },
    {
      id: 'remote',
      title: t('connections.column.remote'),
      width: 116,
      samples: [words.byProxy],
      content: ({ row }) => (isProxied(row) && !isBareAddress(row) ? '' : (row.remote ?? row.destination.host)),
      yields: 8,
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
  const amount = { width: 72, align: 'end', first: 'desc', moving: true } as const;
  const speeds = { samples: ['999 MB/s'] };
  const sizes = { samples: ['99.9 MB'] };
  return [
    {
      ...amount,
      ...speeds,
      id: 'downSpeed',
      yields: 0.5,
      title: `↓ ${t('connections.column.downSpeed')}`,
      description: t('connections.columnText.downSpeed'),
      cell: ({ downSpeed }) => speedCell(downSpeed),
      sort: ({ downSpeed }) => downSpeed,
    },
    {
      ...amount,
      ...speeds,
      id: 'upSpeed',
      yields: 6,
      title: `↑ ${t('connections.column.upSpeed')}`,
      description: t('connections.columnText.upSpeed'),
      cell: ({ upSpeed }) => speedCell(upSpeed),
      sort: ({ upSpeed }) => upSpeed,
    },
    {
      ...amount,
      ...sizes,
      id: 'down',
      title: t('connections.column.down'),
      yields: 2,
      cell: ({ down }) => <span>{formatBytes(down)}</span>,
      sort: ({ down }) => down,
    },
    {
      ...amount,
      ...sizes,
      id: 'up',
      title: t('connections.column.up'),
      yields: 2.5,
      cell: ({ up }) => <span>{formatBytes(up)}</span>,
      sort: ({ up }) => up,
    },
    {
      id: 'age',
      yields: 0.7,
      title: t('connections.column.age'),
      width: 64,
      samples: [text.brief(59 * 60_000)],
      align: 'end',
      // Youngest first: sorted by when it was opened, which never changes.
      first: 'asc',
      cell: ({ row }) => (
        <span className="soft">
          <Age from={row.openedAt} to={row.closedAt} write={text.brief} />
        </span>
      ),
      sort: ({ row }) => -row.openedAt,
    },
    {
      id: 'state',
      title: t('connections.column.state'),
      width: 70,
      samples: Object.values(words.state),
      yields: 5,
      cell: ({ row }) => stateCell(row, words),
      sort: ({ row }) => row.error?.code ?? row.state,
    },
  ];
}
