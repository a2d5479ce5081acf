/** What can be done with one provider. */
import { DropdownMenu } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import type { ProviderRow } from '../../../core/contract/providers.ts';
import { useServices } from '../../stores/services.ts';
import { searchFor } from '../../text/filter.ts';
import type { ProviderActions } from './use-provider-actions.ts';

export function ProviderMenu({ row, actions }: { row: ProviderRow; actions: ProviderActions }) {
  const { t } = useTranslation();
  const { ui } = useServices();
  return (
    <>
      {row.updating ? (
        <DropdownMenu.Item className="menu-item" onSelect={() => actions.stop(row)}>
          {t('providers.stop')}
        </DropdownMenu.Item>
      ) : (
        <DropdownMenu.Item
          className="menu-item"
          disabled={row.source !== 'http'}
          onSelect={() => void actions.update(row)}
        >
          {t('providers.update')}
        </DropdownMenu.Item>
      )}
      {row.kind === 'rules' ? (
        <DropdownMenu.Item
          className="menu-item"
          disabled={row.use.ruleCount === 0}
          onSelect={() => ui.open('rules', searchFor('payload', row.name))}
        >
          {t('providers.showRules')}
        </DropdownMenu.Item>
      ) : null}
    </>
  );
}
