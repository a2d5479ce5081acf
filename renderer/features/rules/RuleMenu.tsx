/** What can be done with one rule. */
import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useCopy } from '../../components/use-copy.ts';
import { useServices } from '../../stores/services.ts';
import { searchFor } from '../../text/filter.ts';
import { plainText } from '../../text/plain-text.ts';
import type { PlacedRule } from './rule-fields.ts';
import type { RulesState } from './use-rules.ts';

export function RuleMenu({ row, switchRule }: { row: PlacedRule; switchRule: RulesState['switchRule'] }) {
  const { t } = useTranslation();
  const { ui } = useServices();
  const copy = useCopy();
  const { type, payload, policy, noResolve, src, off } = row;
  const text = [type, payload, policy, noResolve ? 'no-resolve' : '', src === true ? 'src' : ''];
  return (
    <>
      <Item onSelect={() => switchRule(row, off)}>{t(off ? 'rules.switchOn' : 'rules.switchOff')}</Item>
      <DropdownMenu.Separator className="menu-line" />
      <Item onSelect={() => ui.open('connections', searchFor('rule', plainText(payload === '' ? type : payload)))}>
        {t('rules.showConnections')}
      </Item>
      {type === 'RULE-SET' ? (
        <Item onSelect={() => ui.open('providers', searchFor('name', plainText(payload)))}>
          {t('rules.showProvider')}
        </Item>
      ) : null}
      <Item onSelect={() => copy(text.filter((part) => part !== '').join(','))}>{t('rules.copy')}</Item>
    </>
  );
}

function Item(props: { onSelect: () => void; children: ReactNode }) {
  return <DropdownMenu.Item className="menu-item" {...props} />;
}
