/** The columns of the DNS log: who asked for what, what was answered, by whom, how fast. */
import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Column } from '../../components/data-grid/column.ts';
import { FakeAddress } from '../../components/FakeAddress.tsx';
import { formatClock, formatDateTime, formatMillis } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { type DnsEntry, fakeAddressOf } from './dns-fields.ts';
import { VerdictChip } from './VerdictChip.tsx';

export function useDnsColumns(): readonly Column<DnsEntry>[] {
  const { t } = useTranslation();
  return useMemo(() => [...questionColumns(t), ...answerColumns(t), ...upstreamColumns(t)], [t]);
}

function textColumn(t: TFunction, id: 'client' | 'process' | 'type' | 'rcode' | 'upstream', width: number) {
  return {
    id,
    title: t(`dns.column.${id}`),
    width,
    cell: ({ row }: DnsEntry) => <TextCell text={row[id]} />,
    sort: ({ row }: DnsEntry) => row[id],
  };
}

function millisColumn(t: TFunction, id: 'upstreamMs' | 'ms', width: number) {
  return {
    id,
    title: t(`dns.column.${id}`),
    description: t(`dns.columnText.${id}`),
    width,
    align: 'end',
    first: 'desc',
    cell: ({ row }: DnsEntry) =>
      // A name that was recovered is no answer that took time.
      row[id] === undefined || row.verdict === 'recovered' ? (
        <span className="faint">–</span>
      ) : (
        <span>{formatMillis(row[id])}</span>
      ),
    sort: ({ row }: DnsEntry) => row[id],
  } as const;
}

function questionColumns(t: TFunction): Column<DnsEntry>[] {
  return [
    {
      id: 'time',
      title: t('dns.column.time'),
      width: 108,
      first: 'desc',
      cell: ({ row: { time } }) => (
        <span className="mono soft" title={formatDateTime(time)}>
          {formatClock(time)}
        </span>
      ),
      sort: ({ row: { time } }) => time,
    },
    // On most machines all questions are its own; one that serves others can choose it.
    { ...textColumn(t, 'client', 124), hidden: true },
    { ...textColumn(t, 'process', 100), yields: 2 },
    {
      id: 'name',
      title: t('dns.column.name'),
      width: 190,
      grow: 3,
      cell: ({ row: { name } }) => (
        <span className="cut-front" title={plainText(name)}>
          <bdi dir="ltr">{plainText(name)}</bdi>
        </span>
      ),
      sort: ({ row: { name } }) => name,
    },
    textColumn(t, 'type', 64),
  ];
}

function answerColumns(t: TFunction): Column<DnsEntry>[] {
  return [
    {
      id: 'verdict',
      title: t('dns.column.verdict'),
      width: 104,
      cell: ({ row: { verdict } }) => <VerdictChip verdict={verdict} />,
      sort: ({ row: { verdict } }) => verdict,
    },
    {
      id: 'answer',
      title: t('dns.column.answer'),
      width: 150,
      grow: 2,
      cell: ({ row }) => <AnswerCell answer={row.answer} fake={fakeAddressOf(row)} />,
      sort: ({ row: { answer } }) => answer,
    },
    { ...textColumn(t, 'rcode', 92), yields: 5 },
  ];
}

function upstreamColumns(t: TFunction): Column<DnsEntry>[] {
  return [
    { ...textColumn(t, 'upstream', 150), grow: 1, yields: 3 },
    { ...millisColumn(t, 'upstreamMs', 78), yields: 4 },
    millisColumn(t, 'ms', 72),
  ];
}

function TextCell({ text = '' }: { text: string | undefined }) {
  if (text === '') return <span className="faint">–</span>;
  const plain = plainText(text);
  return (
    <span className="soft" title={plain}>
      {plain}
    </span>
  );
}

function AnswerCell({ answer, fake }: { answer: string; fake: string | undefined }) {
  if (fake !== undefined) return <FakeAddress address={fake} />;
  if (answer === '') return <span className="faint">–</span>;
  const plain = plainText(answer);
  return (
    <span className="mono" title={plain}>
      {plain}
    </span>
  );
}
