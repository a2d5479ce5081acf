/** What can be done with one member of a group. */
import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { GroupProxyRow } from '../../../core/contract/proxy-views.ts';
import { useCopy } from '../../components/use-copy.ts';
import { useServices } from '../../stores/services.ts';
import { searchFor } from '../../text/filter.ts';
import { plainText } from '../../text/plain-text.ts';
import { isUsable, type MemberEntry } from './member-list.ts';
import type { ProxyActions } from './use-proxy-actions.ts';

export interface MemberMenuProps {
  row: GroupProxyRow;
  member: MemberEntry;
  actions: ProxyActions;
  onOpenGroup: (name: string) => void;
}

export function MemberMenu({ row, member, actions, onOpenGroup }: MemberMenuProps) {
  const { t } = useTranslation();
  const { ui } = useServices();
  const copy = useCopy();
  const { name } = member;
  const usable = isUsable(member);
  return (
    <>
      {row.group.selectable ? (
        <Item disabled={!usable} onSelect={() => void actions.choose(row, name)}>
          {t('proxies.choose')}
        </Item>
      ) : null}
      <Item disabled={!usable} onSelect={() => void actions.test(name, row.name)}>
        {t('proxies.testOne')}
      </Item>
      {member.row?.group === undefined ? null : (
        <Item onSelect={() => onOpenGroup(name)}>{t('proxies.openGroup')}</Item>
      )}
      <DropdownMenu.Separator className="menu-line" />
      <Item onSelect={() => ui.open('connections', searchFor('chain', plainText(name)))}>
        {t('proxies.showConnections')}
      </Item>
      <Item onSelect={() => copy(name)}>{t('proxies.copyName')}</Item>
    </>
  );
}

function Item(props: { disabled?: boolean; onSelect: () => void; children: ReactNode }) {
  return <DropdownMenu.Item className="menu-item" {...props} />;
}
