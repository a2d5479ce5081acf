/** The rules in their order, how often each decided, and what would happen to a destination. */
import { ListTree, Plus } from 'lucide-react';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { entriesOf, useListRows } from '../../components/data-grid/use-list-rows.ts';
import { useTableView } from '../../components/data-grid/use-table-view.ts';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { TablePage } from '../../components/TablePage.tsx';
import { rowOf } from '../../stores/row-table.ts';
import { useServices } from '../../stores/services.ts';
import { RuleMenu } from './RuleMenu.tsx';
import { RuleSimulator } from './RuleSimulator.tsx';
import { type PlacedRule, type RuleEntry, ruleKey, ruleRecord, ruleSearch } from './rule-fields.ts';
import { useRuleColumns } from './use-rule-columns.tsx';
import { useRules } from './use-rules.ts';
import './rules.css';

const inOrder = { column: 'index', direction: 'asc' } as const;
const saved = { record: ruleRecord, whole: rowOf<PlacedRule> };

export function RulesPage() {
  const { t } = useTranslation();
  const { ruleBox } = useServices();
  const { rules, lines, error, switchRule } = useRules();
  const view = useTableView('rules', ruleSearch, useRuleColumns(switchRule), inOrder);
  const list = useMemo(
    () => rules && entriesOf(rules.map((row) => ({ ...row, line: lines[row.index] }))),
    [rules, lines],
  );
  const table = useListRows(list, view);
  return (
    <TablePage
      view={view}
      table={table}
      saved={saved}
      actions={
        <button type="button" className="button" onClick={() => ruleBox.open({ type: 'DOMAIN-SUFFIX', payload: '' })}>
          <Plus size={14} aria-hidden="true" />
          {t('addRule.open')}
        </button>
      }
      empty={{
        icon: <ListTree size={28} aria-hidden="true" />,
        title: t('rules.emptyTitle'),
        on: t('rules.emptyText'),
      }}
      above={
        <>
          <RuleSimulator onHit={(index) => view.setActive(String(index))} />
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
        {...view.told}
        rows={table.rows}
        entryKey={ruleKey}
        rowTone={rowTone}
        renderMenu={({ row }) => <RuleMenu row={row} switchRule={switchRule} />}
      />
    </TablePage>
  );
}

function rowTone({ row: { off } }: RuleEntry): string | undefined {
  return off ? 'muted' : undefined;
}
