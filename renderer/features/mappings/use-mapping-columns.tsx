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
import { useLive } from '../../stores/services.ts';
import { formatCount, formatDateTime } from '../../text/format.ts';
import { formerCell, type MappingWords, nameCell, outcomeCell, useMappingWords } from './mapping-cells.tsx';
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
  const words = useMappingWords();
  const bothFamilies = useLive(({ snapshot }) => typeof snapshot?.fakeIp.range6 === 'string');
  return useMemo(
    () => [
      ...identityColumns(t, words, bothFamilies),
      ...timeColumns(t, text),
      ...countColumns(t),
      ...endColumns(t, words),
    ],
    [t, text, words, bothFamilies],
  );
}

/** IPv6 addresses are shown where there is a range for them. */
function identityColumns(t: TFunction, words: MappingWords, bothFamilies: boolean): Column<MappingEntry>[] {
  return [
    {
      id: 'address',
      title: t('mappings.column.address'),
      width: 136,
      cell: ({ row: { address } }) => <FakeAddress address={address} />,
      sort: ({ row: { address } }) => sortableAddress(address),
    },
    {
      id: 'address6',
      title: t('mappings.column.address6'),
      // A prefix of three groups and the embedded address, whole: its end tells one from another.
      width: 212,
      hidden: !bothFamilies,
      yields: 3,
      cell: ({ row: { address6 } }) =>
        address6 === undefined ? <span className="faint">–</span> : <FakeAddress address={address6} />,
      // Its last 32 bits are the other address, and all else is the same.
      sort: ({ row: { address, address6 } }) => (address6 === undefined ? undefined : sortableAddress(address)),
    },
    {
      id: 'name',
      title: t('mappings.column.name'),
      width: 200,
      grow: 3,
      cell: ({ row }) => nameCell(row, words),
      sort: ({ row: { name } }) => name,
    },
    {
      id: 'former',
      title: t('mappings.column.former'),
      width: 160,
      hidden: true,
      cell: ({ row }) => formerCell(row, words),
      sort: ({ row: { former } }) => former,
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
    yields: id === 'firstSeen' ? 5 : 1,
    first: 'desc',
    hidden,
    cell: ({ row }) => (
      <span className={row[id] === 0 ? 'faint' : 'soft'} title={row[id] === 0 ? undefined : formatDateTime(row[id])}>
        {/* Of an address without a name nobody knows when it was answered. */}
        {row.state === 'unknown' && row[id] === 0 ? '–' : <Ago time={row[id]} text={text} />}
      </span>
    ),
    sort: ({ row }) => row[id],
  });
  return [time('firstSeen', false), time('lastAnswered', true), time('lastConnected', false)];
}

function countColumns(t: TFunction): Column<MappingEntry>[] {
  const count = (id: 'answers' | 'flows' | 'liveFlows', width: number, yields: number): Column<MappingEntry> => ({
    id,
    title: t(`mappings.column.${id}`),
    width,
    yields,
    align: 'end',
    first: 'desc',
    moving: true,
    cell: ({ row }) => <span className={row[id] === 0 ? 'faint' : undefined}>{formatCount(row[id])}</span>,
    sort: ({ row }) => row[id],
  });
  return [count('answers', 84, 6), count('flows', 100, 4), count('liveFlows', 68, 2)];
}

function endColumns(t: TFunction, words: MappingWords): Column<MappingEntry>[] {
  return [
    {
      id: 'outcome',
      title: t('mappings.column.outcome'),
      width: 188,
      grow: 1,
      cell: ({ row }) => outcomeCell(row, words),
      sort: ({ row: { outcome } }) => outcome,
    },
  ];
}

/** IPv4 by its numbers: `.9` before `.10`. */
function sortableAddress(address: string): string {
  return address.replace(/\d+/g, (digits) => digits.padStart(3, '0'));
}
