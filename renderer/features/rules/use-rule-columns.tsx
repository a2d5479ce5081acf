/** The columns of the rules table. */
import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Chip } from '../../components/Chip.tsx';
import type { Column } from '../../components/data-grid/column.ts';
import { Policy } from '../../components/Policy.tsx';
import { Switch } from '../../components/Switch.tsx';
import { formatCount } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { fileOf, type PlacedRule, type RuleEntry } from './rule-fields.ts';
import type { RulesState } from './use-rules.ts';

export function useRuleColumns(switchRule: RulesState['switchRule']): readonly Column<RuleEntry>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: 'on',
        title: t('rules.column.on'),
        width: 56,
        cell: ({ row }) => (
          <Switch
            checked={!row.off}
            label={t('rules.switch', { number: formatCount(row.index + 1) })}
            onChange={(on) => switchRule(row, on)}
          />
        ),
        sort: ({ row: { off } }) => (off ? 1 : 0),
      },
      {
        id: 'index',
        title: t('rules.column.index'),
        width: 48,
        yields: 3,
        align: 'end',
        cell: ({ row: { index } }) => <span className="faint">{formatCount(index + 1)}</span>,
        sort: ({ row: { index } }) => index,
      },
      {
        id: 'type',
        title: t('rules.column.type'),
        width: 120,
        samples: ['DOMAIN-KEYWORD'],
        cell: ({ row: { type } }) => <Chip>{plainText(type, 30)}</Chip>,
        sort: ({ row: { type } }) => type,
      },
      {
        id: 'payload',
        title: t('rules.column.payload'),
        width: 110,
        grow: 3,
        cell: ({ row: { payload } }) => <span className="mono">{payload === '' ? '–' : plainText(payload)}</span>,
        sort: ({ row: { payload } }) => payload,
      },
      {
        id: 'policy',
        title: t('rules.column.policy'),
        width: 100,
        grow: 1,
        cell: ({ row: { policy, way } }) => <Policy name={policy} way={way} />,
        sort: ({ row: { policy } }) => policy,
      },
      {
        id: 'noResolve',
        title: t('rules.column.noResolve'),
        width: 100,
        yields: 1,
        cell: ({ row: { noResolve, src } }) =>
          noResolve || src === true ? <Chip tone="outline">{noResolve ? 'no-resolve' : 'src'}</Chip> : null,
        sort: ({ row: { noResolve, src } }) => (noResolve ? 'no-resolve' : src === true ? 'src' : ''),
      },
      {
        id: 'hits',
        title: t('rules.column.hits'),
        width: 80,
        yields: 0.5,
        align: 'end',
        first: 'desc',
        moving: true,
        cell: ({ row: { hits } }) => <span className={hits === 0 ? 'faint' : undefined}>{formatCount(hits)}</span>,
        sort: ({ row: { hits } }) => hits,
      },
      {
        id: 'misses',
        title: t('rules.column.misses'),
        width: 80,
        yields: 2,
        align: 'end',
        first: 'desc',
        moving: true,
        cell: ({ row: { misses } }) => <span className="faint">{formatCount(misses)}</span>,
        sort: ({ row: { misses } }) => misses,
      },
      {
        id: 'line',
        title: t('rules.column.line'),
        description: t('rules.column.lineText'),
        width: 64,
        yields: 4,
        align: 'end',
        samples: [t('rules.inOverride', { line: 99 })],
        cell: ({ row }) => <span className="faint">{lineText(row, t)}</span>,
        sort: ({ row: { line } }) => (line === undefined || line === 0 ? undefined : line < 0 ? line - 1e9 : line),
      },
    ],
    [t, switchRule],
  );
}

function lineText(row: PlacedRule, t: TFunction): string {
  const line = formatCount(Math.abs(row.line ?? 0));
  const file = fileOf(row);
  if (file === undefined) return '–';
  return file === 'override' ? t('rules.inOverride', { line }) : line;
}
