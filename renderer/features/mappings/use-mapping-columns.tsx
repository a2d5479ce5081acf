/** The columns of the mapping table. */
import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { Ago } from '../../components/Age.tsx';
import { Chip, type ChipTone } from '../../components/Chip.tsx';
import type { Column } from '../../components/data-grid/column.ts';
import { FakeAddress } from '../../components/FakeAddress.tsx';
import { type DurationText, useDuration } from '../../components/use-duration.ts';
import { formatCount, formatDateTime } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import type { MappingEntry } from './mapping-fields.ts';

const stateTones: Readonly<Record<MappingRow['state'], ChipTone>> = {
  live: 'accent',
  resting: 'plain',
  free: 'outline',
  retired: 'amber',
  unknown: 'red',
};

export function useMappingColumns(): readonly Column<MappingEntry>[] {
  const { t } = useTranslation();
  const text = useDuration();
  return useMemo(() => [...identityColumns(t), ...timeColumns(t, text), ...countColumns(t)], [t, text]);
}

function identityColumns(t: TFunction): Column<MappingEntry>[] {
  return [
    {
      id: 'address',
      title: t('mappings.column.address'),
      width: 136,
      cell: ({ row: { address } }) => <FakeAddress address={address} />,
      sort: ({ row: { address } }) => sortableAddress(address),
    },
    {
      id: 'name',
      title: t('mappings.column.name'),
      width: 200,
      grow: 3,
      cell: ({ row: { name } }) => <span title={plainText(name)}>{plainText(name)}</span>,
      sort: ({ row: { name } }) => name,
    },
    {
      id: 'state',
      title: t('mappings.column.state'),
      width: 88,
      cell: ({ row: { state } }) => (
        <Chip tone={stateTones[state]} title={t(`mappings.stateText.${state}`)}>
          {t(`mappings.state.${state}`)}
        </Chip>
      ),
      sort: ({ row: { state } }) => state,
    },
  ];
}

function timeColumns(t: TFunction, text: DurationText): Column<MappingEntry>[] {
  const time = (id: 'firstSeen' | 'lastAnswered' | 'lastConnected', hidden: boolean): Column<MappingEntry> => ({
    id,
    title: t(`mappings.column.${id}`),
    width: 136,
    yields: id === 'firstSeen' ? 3 : 1,
    first: 'desc',
    hidden,
    cell: ({ row }) => (
      <span className={row[id] === 0 ? 'faint' : 'soft'} title={row[id] === 0 ? undefined : formatDateTime(row[id])}>
        <Ago time={row[id]} text={text} />
      </span>
    ),
    sort: ({ row }) => row[id],
  });
  return [time('firstSeen', false), time('lastAnswered', true), time('lastConnected', false)];
}

function countColumns(t: TFunction): Column<MappingEntry>[] {
  const count = (id: 'answers' | 'flows' | 'liveFlows', width: number): Column<MappingEntry> => ({
    id,
    title: t(`mappings.column.${id}`),
    width,
    yields: id === 'answers' ? 4 : 2,
    align: 'end',
    first: 'desc',
    moving: true,
    cell: ({ row }) => <span className={row[id] === 0 ? 'faint' : undefined}>{formatCount(row[id])}</span>,
    sort: ({ row }) => row[id],
  });
  return [
    count('answers', 84),
    count('flows', 100),
    count('liveFlows', 68),
    {
      id: 'outcome',
      title: t('mappings.column.outcome'),
      width: 150,
      grow: 1,
      cell: ({ row: { outcome } }) => <Outcome outcome={outcome} t={t} />,
      sort: ({ row: { outcome } }) => outcome,
    },
  ];
}

function Outcome({ outcome, t }: { outcome: string; t: TFunction }) {
  if (outcome === '') return <span className="faint">–</span>;
  if (outcome === 'ok') return <span className="soft">{t('mappings.outcomeOk')}</span>;
  return <span className="mono mapping-failed">{plainText(outcome, 60)}</span>;
}

/** IPv4 by its numbers: `.9` before `.10`. */
function sortableAddress(address: string): string {
  return address.replace(/\d+/g, (digits) => digits.padStart(3, '0'));
}
