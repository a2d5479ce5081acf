/** What can be done with one mapping, or with all that are selected. */
import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { MappingRow } from '../../../core/contract/dns.ts';
import { useCopy } from '../../components/use-copy.ts';
import { useLive, useServices } from '../../stores/services.ts';
import { searchFor } from '../../text/filter.ts';
import { plainText } from '../../text/plain-text.ts';
import { possibleChanges } from './mapping-changes.ts';
import type { MappingActions } from './use-mapping-actions.ts';

interface ChangeProps {
  actions: MappingActions;
  /** Releasing is asked about first. */
  onRelease: (rows: readonly MappingRow[]) => void;
}

export function MappingMenu({ row, ...change }: ChangeProps & { row: MappingRow }) {
  const { t } = useTranslation();
  const { ui } = useServices();
  const copy = useCopy();
  const name = plainText(row.name);
  const { address6 } = row;
  // Connections carry the one of both addresses that they came by.
  const itsConnections = address6 === undefined || name === '' ? `fake:${row.address}` : searchFor('host', name);
  return (
    <>
      <Item onSelect={() => ui.open('connections', itsConnections)}>{t('mappings.showConnections')}</Item>
      {name === '' ? null : (
        <Item onSelect={() => ui.open('dns', searchFor('name', name))}>{t('mappings.showQuestions')}</Item>
      )}
      <DropdownMenu.Separator className="menu-line" />
      <Item onSelect={() => copy(row.address)}>{t('mappings.copyAddress')}</Item>
      {address6 === undefined ? null : <Item onSelect={() => copy(address6)}>{t('mappings.copyAddress6')}</Item>}
      {name === '' ? null : <Item onSelect={() => copy(name)}>{t('mappings.copyName')}</Item>}
      <ChangeItems rows={[row]} {...change} />
    </>
  );
}

/** A menu for two rows and more. */
export function MappingsMenu({ rows, ...change }: ChangeProps & { rows: readonly MappingRow[] }) {
  const { t } = useTranslation();
  const copy = useCopy();
  const names = [...new Set(rows.map(({ name }) => plainText(name)))].filter((name) => name !== '');
  return (
    <>
      <Item onSelect={() => copy(rows.map(({ address }) => address).join('\n'))}>
        {t('mappings.copyAddresses', { count: rows.length })}
      </Item>
      {names.length === 0 ? null : (
        <Item onSelect={() => copy(names.join('\n'))}>{t('mappings.copyNames', { count: names.length })}</Item>
      )}
      <ChangeItems rows={rows} {...change} />
    </>
  );
}

/** Only what works; of several rows, how many it works for. */
function ChangeItems({ rows, actions, onRelease }: ChangeProps & { rows: readonly MappingRow[] }) {
  const { t } = useTranslation();
  const range = useLive(({ snapshot }) => snapshot?.fakeIp.range);
  const { pin, unpin, retire } = possibleChanges(rows, range);
  if (pin.length + unpin.length + retire.length === 0) return null;
  const one = rows.length === 1;
  return (
    <>
      <DropdownMenu.Separator className="menu-line" />
      {pin.length === 0 ? null : (
        <Item onSelect={() => void actions.change(pin, 'pin')}>
          {one ? t('mappings.pin') : t('mappings.pinAll', { count: pin.length })}
        </Item>
      )}
      {unpin.length === 0 ? null : (
        <Item onSelect={() => void actions.change(unpin, 'unpin')}>
          {one ? t('mappings.unpin') : t('mappings.unpinAll', { count: unpin.length })}
        </Item>
      )}
      {retire.length === 0 ? null : (
        <Item tone="danger" onSelect={() => onRelease(retire)}>
          {one ? t('mappings.release') : t('mappings.releaseAll', { count: retire.length })}
        </Item>
      )}
    </>
  );
}

function Item({ tone, onSelect, children }: { tone?: 'danger'; onSelect: () => void; children: ReactNode }) {
  return (
    <DropdownMenu.Item className="menu-item" data-tone={tone} onSelect={onSelect}>
      {children}
    </DropdownMenu.Item>
  );
}
