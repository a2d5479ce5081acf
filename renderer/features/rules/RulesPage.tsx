/** The rules in their order, how often each decided, and what would happen to a destination. */
import type { TFunction } from 'i18next';
import { ListTree } from 'lucide-react';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { RuleRow } from '../../../core/contract/rpc.ts';
import { Chip } from '../../components/Chip.tsx';
import type { Column } from '../../components/data-grid/column.ts';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { useGridLayout } from '../../components/data-grid/use-grid-layout.ts';
import { entriesOf, useListRows } from '../../components/data-grid/use-list-rows.ts';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { Policy } from '../../components/Policy.tsx';
import { Switch } from '../../components/Switch.tsx';
import { TablePage } from '../../components/TablePage.tsx';
import { type RowEntry, rowOf } from '../../stores/row-table.ts';
import { useUi } from '../../stores/services.ts';
import { useKept } from '../../stores/use-kept.ts';
import type { CsvValue } from '../../text/csv.ts';
import { compileFilter, type SearchFields } from '../../text/filter.ts';
import { formatCount } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { RuleSimulator } from './RuleSimulator.tsx';
import { type RulesState, useRules } from './use-rules.ts';
import './rules.css';

const inOrder = { column: 'index', direction: 'asc' } as const;
type RuleEntry = RowEntry<RuleRow>;
const saved = { record: ruleRecord, whole: rowOf<RuleRow> };
const ruleKey = ({ row }: RuleEntry): string => String(row.index);

const ruleSearch: SearchFields<RuleEntry> = {
  fields: {
    type: ({ row }) => [row.type],
    payload: ({ row }) => [row.payload],
    policy: ({ row }) => [row.policy],
    rule: ({ row }) => [row.type, row.payload, row.policy],
  },
  text: ({ row }) => `${row.type} ${row.payload} ${row.policy}`.toLowerCase(),
};

export function RulesPage() {
  const { t } = useTranslation();
  const { rules, error, switchRule } = useRules();
  const [active, setActive] = useKept<string | undefined>('rules.active', undefined);
  const search = useUi((state) => state.searches.rules ?? '');
  const grid = useGridLayout(
    'rules',
    useMemo(() => ruleColumns(t, switchRule), [t, switchRule]),
    inOrder,
  );
  const list = useMemo(() => rules && entriesOf(rules), [rules]);
  const selection = useMemo(() => compileFilter(search, ruleSearch), [search]);
  const table = useListRows(list, selection, grid);
  return (
    <TablePage
      page="rules"
      title={t('rules.title')}
      searchHint={t('rules.searchHint')}
      searchable={ruleSearch}
      grid={grid}
      table={table}
      saved={saved}
      empty={{
        icon: <ListTree size={28} aria-hidden="true" />,
        title: t('rules.emptyTitle'),
        on: t('rules.emptyText'),
      }}
      above={
        <>
          <RuleSimulator onHit={(index) => setActive(String(index))} />
          {error === undefined ? null : (
            <div className="rules-error">
              <ErrorCard error={error} context={t('rules.loadFailed')} />
            </div>
          )}
        </>
      }
    >
      <DataGrid
        label={t('rules.table')}
        grid={grid}
        rows={table.rows}
        entryKey={ruleKey}
        active={active}
        onActive={setActive}
        rowTone={rowTone}
        viewKey={search}
      />
    </TablePage>
  );
}

function ruleRecord({ row }: RuleEntry): Record<string, CsvValue> {
  const { index, type, payload, policy, hits, misses, off } = row;
  return { number: index + 1, type, payload, policy, hits, misses, off };
}

function rowTone({ row: { off } }: RuleEntry): string | undefined {
  return off ? 'muted' : undefined;
}

function ruleColumns(t: TFunction, switchRule: RulesState['switchRule']): Column<RuleEntry>[] {
  return [
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
  ];
}
