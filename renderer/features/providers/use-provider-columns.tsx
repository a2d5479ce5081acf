/** The columns of the providers table. */
import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ProviderRow } from '../../../core/contract/providers.ts';
import { ClockText } from '../../components/Age.tsx';
import { Chip } from '../../components/Chip.tsx';
import { DownloadProgress } from '../../components/DownloadProgress.tsx';
import type { Column } from '../../components/data-grid/column.ts';
import { type DurationText, useDuration } from '../../components/use-duration.ts';
import { useErrorText } from '../../i18n/use-error-text.ts';
import { formatCount, formatDateTime } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { type ProviderEntry, providerStates, stateOf } from './provider-fields.ts';
import type { ProviderActions } from './use-provider-actions.ts';

export function useProviderColumns(actions: ProviderActions): readonly Column<ProviderEntry>[] {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const duration = useDuration();
  return useMemo(() => {
    const form = ({ behavior, format }: ProviderRow) =>
      [behavior === undefined ? undefined : t(`providers.behavior.${behavior}`), format]
        .filter((word) => word !== undefined)
        .join(' · ');
    const columns: Column<ProviderEntry>[] = [
      {
        id: 'name',
        title: t('providers.column.name'),
        width: 120,
        grow: 2,
        comfort: 180,
        content: ({ row }) => row.name,
        cell: ({ row }) => <span title={plainText(row.name)}>{plainText(row.name)}</span>,
        sort: ({ row }) => row.name,
      },
      {
        id: 'kind',
        title: t('providers.column.kind'),
        width: 90,
        beside: 12,
        samples: [t('providers.kind.proxies'), t('providers.kind.rules'), t('providers.kind.geodata')],
        cell: ({ row }) => <Chip>{t(`providers.kind.${row.kind}`)}</Chip>,
        // As people look for them: nodes, then rules, then what rules need.
        sort: ({ row }) => ['proxies', 'rules', 'geodata'].indexOf(row.kind),
      },
      {
        id: 'form',
        title: t('providers.column.form'),
        width: 96,
        yields: 3,
        content: ({ row }) => form(row),
        cell: ({ row }) => <span className="soft">{form(row)}</span>,
        sort: ({ row }) => form(row),
      },
      {
        id: 'entries',
        title: t('providers.column.entries'),
        width: 76,
        yields: 0.5,
        align: 'end',
        first: 'desc',
        cell: ({ row: { entries } }) =>
          entries === null ? <span className="faint">–</span> : <span>{formatCount(entries)}</span>,
        sort: ({ row }) => row.entries ?? undefined,
      },
      {
        id: 'updated',
        title: t('providers.column.updated'),
        width: 104,
        yields: 1,
        first: 'desc',
        samples: [t('time.ago', { duration: duration.brief(59 * 60_000) }), t('download.never')],
        cell: ({ row }) => updatedCell(row, t, duration),
        sort: ({ row }) => row.updatedAt ?? undefined,
      },
      {
        id: 'next',
        title: t('providers.column.next'),
        width: 104,
        yields: 4,
        samples: [t('download.in', { in: duration.brief(59 * 60_000) })],
        cell: ({ row: { nextAt, source } }) =>
          source !== 'http' || nextAt === null ? (
            <span className="faint">–</span>
          ) : (
            <span title={formatDateTime(nextAt)}>
              <ClockText write={(now) => t('download.in', { in: duration.brief(Math.max(0, nextAt - now)) })} />
            </span>
          ),
        sort: ({ row }) => row.nextAt ?? undefined,
      },
      {
        id: 'use',
        title: t('providers.column.use'),
        width: 96,
        yields: 2,
        content: ({ row }) => usedBy(row, t),
        cell: ({ row }) => {
          const text = usedBy(row, t);
          return text === '' ? <span className="faint">{t('providers.unused')}</span> : <span>{text}</span>;
        },
        sort: ({ row }) => row.use.ruleCount + row.use.groups.length,
      },
      {
        id: 'state',
        title: t('providers.column.state'),
        width: 110,
        grow: 1,
        comfort: 200,
        content: ({ row }) =>
          row.error === undefined ? t(`providers.state.${stateOf(row)}`) : errorText(row.error.code).title,
        cell: ({ row }) => stateCell(row, t, (code) => errorText(code).title, actions),
        sort: ({ row }) => providerStates.indexOf(stateOf(row)),
      },
    ];
    return columns;
  }, [t, errorText, duration, actions]);
}

function updatedCell({ source, updatedAt }: ProviderRow, t: TFunction, text: DurationText) {
  if (source !== 'http') return <span className="faint">{t(`providers.source.${source}`)}</span>;
  if (updatedAt === null) return <span className="faint">{t('download.never')}</span>;
  return (
    <span title={formatDateTime(updatedAt)}>
      <ClockText write={(now) => t('time.ago', { duration: text.brief(now - updatedAt) })} />
    </span>
  );
}

/** `3 groups`, `12 rules`. */
export function usedBy({ use }: ProviderRow, t: TFunction): string {
  const { groups, ruleCount } = use;
  return [
    groups.length === 0 ? '' : t('providers.groups', { count: groups.length }),
    ruleCount === 0 ? '' : t('providers.rules', { count: ruleCount }),
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

type TitleOf = (code: NonNullable<ProviderRow['error']>['code']) => string;

function stateCell(row: ProviderRow, t: TFunction, titleOf: TitleOf, actions: ProviderActions) {
  const state = stateOf(row);
  const name = plainText(row.name, 60);
  if (state === 'updating')
    return (
      <DownloadProgress
        progress={row.progress}
        label={t('providers.updating', { name })}
        stopLabel={t('providers.stopNamed', { name })}
        onStop={() => actions.stop(row)}
      />
    );
  if (row.error === undefined) return <span className="faint">{t(`providers.state.${state}`)}</span>;
  return (
    <span className="provider-failed" title={`${row.error.code} ${plainText(row.error.message, 300)}`}>
      {titleOf(row.error.code)}
    </span>
  );
}
