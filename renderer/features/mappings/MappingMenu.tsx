/** What can be done with one mapping. */
import { DropdownMenu } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { useCopy } from '../../components/use-copy.ts';
import { useServices } from '../../stores/services.ts';
import { searchFor } from '../../text/filter.ts';
import { plainText } from '../../text/plain-text.ts';
import { isCurrent } from './mapping-fields.ts';
import type { MappingActions } from './use-mapping-actions.ts';

export interface MappingMenuProps {
  row: MappingRow;
  actions: MappingActions;
  /** Releasing is asked about first. */
  onRelease: () => void;
}

export function MappingMenu({ row, actions, onRelease }: MappingMenuProps) {
  const { t } = useTranslation();
  const { ui } = useServices();
  const copy = useCopy();
  const name = plainText(row.name);
  const { address6 } = row;
  // Connections carry the one of both addresses that they came by.
  const itsConnections = address6 === undefined || name === '' ? `fake:${row.address}` : searchFor('host', name);
  return (
    <>
      <DropdownMenu.Item className="menu-item" onSelect={() => ui.open('connections', itsConnections)}>
        {t('mappings.showConnections')}
      </DropdownMenu.Item>
      {name === '' ? null : (
        <DropdownMenu.Item className="menu-item" onSelect={() => ui.open('dns', searchFor('name', name))}>
          {t('mappings.showQuestions')}
        </DropdownMenu.Item>
      )}
      <DropdownMenu.Separator className="menu-line" />
      <DropdownMenu.Item className="menu-item" onSelect={() => copy(row.address)}>
        {t('mappings.copyAddress')}
      </DropdownMenu.Item>
      {address6 === undefined ? null : (
        <DropdownMenu.Item className="menu-item" onSelect={() => copy(address6)}>
          {t('mappings.copyAddress6')}
        </DropdownMenu.Item>
      )}
      {name === '' ? null : (
        <DropdownMenu.Item className="menu-item" onSelect={() => copy(name)}>
          {t('mappings.copyName')}
        </DropdownMenu.Item>
      )}
      {name === '' ? null : (
        <>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={() => void actions.pin(row, !row.pinned)}>
            {t(row.pinned ? 'mappings.unpin' : 'mappings.pin')}
          </DropdownMenu.Item>
          <DropdownMenu.Item
            className="menu-item"
            data-tone="danger"
            disabled={!isCurrent(row) || row.pinned}
            onSelect={onRelease}
          >
            {t('mappings.release')}
          </DropdownMenu.Item>
        </>
      )}
    </>
  );
}
