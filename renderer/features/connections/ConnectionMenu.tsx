/** What can be done with one connection. */
import { DropdownMenu } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import { useCopy } from '../../components/use-copy.ts';
import type { ConnectionEntry } from '../../stores/connection-table.ts';
import { useServices } from '../../stores/services.ts';
import { searchFor } from '../../text/filter.ts';
import { plainText } from '../../text/plain-text.ts';
import { currentRow } from './connection-fields.ts';
import type { CloseFlows } from './use-close-flows.ts';

export interface ConnectionMenuProps {
  entry: ConnectionEntry;
  close: CloseFlows;
  onDetails: () => void;
}

export function ConnectionMenu({ entry, close, onDetails }: ConnectionMenuProps) {
  const { t } = useTranslation();
  const { ui, ruleBox } = useServices();
  const copy = useCopy();
  const { row } = entry;
  const host = plainText(row.destination.host);
  const { process, fakeIp } = row;
  return (
    <>
      <DropdownMenu.Item className="menu-item" onSelect={onDetails}>
        {t('connections.details')}
      </DropdownMenu.Item>
      <DropdownMenu.Separator className="menu-line" />
      <DropdownMenu.Item className="menu-item" onSelect={() => ui.search('connections', searchFor('host', host))}>
        {t('connections.filterHost')}
      </DropdownMenu.Item>
      {process === undefined ? null : (
        <DropdownMenu.Item
          className="menu-item"
          onSelect={() => ui.search('connections', searchFor('proc', plainText(process.name, 64)))}
        >
          {t('connections.filterProcess')}
        </DropdownMenu.Item>
      )}
      {fakeIp === undefined ? null : (
        <DropdownMenu.Item className="menu-item" onSelect={() => ui.open('mappings', `addr:${fakeIp}`)}>
          {t('connections.openMapping')}
        </DropdownMenu.Item>
      )}
      <DropdownMenu.Item className="menu-item" onSelect={() => ruleBox.openFor(row.destination.host)}>
        {t('addRule.always', { host })}
      </DropdownMenu.Item>
      <DropdownMenu.Separator className="menu-line" />
      <DropdownMenu.Item className="menu-item" onSelect={() => copy(host)}>
        {t('connections.copyHost')}
      </DropdownMenu.Item>
      <DropdownMenu.Item className="menu-item" onSelect={() => copy(JSON.stringify(currentRow(entry), null, 2))}>
        {t('connections.copyRow')}
      </DropdownMenu.Item>
      <DropdownMenu.Separator className="menu-line" />
      <DropdownMenu.Item
        className="menu-item"
        data-tone="danger"
        disabled={row.state === 'closed'}
        onSelect={() => void close([row.id])}
      >
        {t('connections.closeOne')}
      </DropdownMenu.Item>
    </>
  );
}
