/** What can be done with one question of the log. */
import { DropdownMenu } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { useCopy } from '../../components/use-copy.ts';
import { useServices } from '../../stores/services.ts';
import { searchFor } from '../../text/filter.ts';
import { plainText } from '../../text/plain-text.ts';
import { fakeAddressOf } from './dns-fields.ts';

export function DnsMenu({ row, onAsk }: { row: DnsRow; onAsk: () => void }) {
  const { t } = useTranslation();
  const { ui } = useServices();
  const copy = useCopy();
  const name = plainText(row.name);
  const process = row.process === undefined ? undefined : plainText(row.process, 64);
  const fake = fakeAddressOf(row);
  return (
    <>
      <DropdownMenu.Item className="menu-item" onSelect={onAsk}>
        {t('dns.askAgain')}
      </DropdownMenu.Item>
      <DropdownMenu.Separator className="menu-line" />
      <DropdownMenu.Item className="menu-item" onSelect={() => ui.search('dns', searchFor('name', name))}>
        {t('dns.filterName')}
      </DropdownMenu.Item>
      {process === undefined ? null : (
        <DropdownMenu.Item className="menu-item" onSelect={() => ui.search('dns', searchFor('proc', process))}>
          {t('dns.filterProcess')}
        </DropdownMenu.Item>
      )}
      <DropdownMenu.Item className="menu-item" onSelect={() => ui.open('connections', searchFor('host', name))}>
        {t('dns.showConnections')}
      </DropdownMenu.Item>
      {fake === undefined ? null : (
        <DropdownMenu.Item className="menu-item" onSelect={() => ui.open('mappings', searchFor('addr', fake))}>
          {t('dns.showMapping')}
        </DropdownMenu.Item>
      )}
      <DropdownMenu.Separator className="menu-line" />
      <DropdownMenu.Item className="menu-item" onSelect={() => copy(name)}>
        {t('dns.copyName')}
      </DropdownMenu.Item>
      <DropdownMenu.Item
        className="menu-item"
        disabled={row.answer === ''}
        onSelect={() => copy(plainText(row.answer, 2000))}
      >
        {t('dns.copyAnswer')}
      </DropdownMenu.Item>
    </>
  );
}
