/** One provider beside the table: when it came, what went wrong, and who uses it. */
import { CloudDownload, TriangleAlert, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { ProviderRow } from '../../../core/contract/providers.ts';
import { Drawer } from '../../components/Drawer.tsx';
import { LookTimes } from '../../components/LookTimes.tsx';
import { useErrorText } from '../../i18n/use-error-text.ts';
import { formatCount } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { stateOf } from './provider-fields.ts';
import type { ProviderActions } from './use-provider-actions.ts';

export interface ProviderDrawerProps {
  row: ProviderRow;
  actions: ProviderActions;
  onClose: () => void;
}

export function ProviderDrawer({ row, actions, onClose }: ProviderDrawerProps) {
  const { t } = useTranslation();
  const { groups, rules, ruleCount } = row.use;
  const form = [row.behavior === undefined ? undefined : t(`providers.behavior.${row.behavior}`), row.format];
  const facts: readonly (readonly [string, string])[] = [
    [t('providers.column.kind'), t(`providers.kind.${row.kind}`)],
    [t('providers.column.form'), form.filter((word) => word !== undefined).join(' · ')],
    [t('providers.from'), row.host === undefined ? t(`providers.source.${row.source}`) : plainText(row.host, 260)],
    [t('providers.column.entries'), row.entries === null ? '' : formatCount(row.entries)],
    [t('providers.leftOut'), row.leftOut === 0 ? '' : formatCount(row.leftOut)],
    [t('providers.lists'), (row.lists ?? []).map((list) => plainText(list, 80)).join(', ')],
  ];
  return (
    <Drawer
      label={t('providers.details')}
      title={plainText(row.name)}
      closeLabel={t('providers.closeDetails')}
      onClose={onClose}
      actions={
        row.updating ? (
          <button type="button" className="button" onClick={() => actions.stop(row)}>
            <X size={14} aria-hidden="true" />
            {t('providers.stop')}
          </button>
        ) : (
          <button
            type="button"
            className="button"
            disabled={row.source !== 'http'}
            onClick={() => void actions.update(row)}
          >
            <CloudDownload size={14} aria-hidden="true" />
            {t('providers.update')}
          </button>
        )
      }
    >
      <Trouble row={row} />
      <dl className="provider-facts">
        {facts.map(([name, value]) =>
          value === '' ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
      {row.source === 'http' ? (
        <p className="faint">
          <LookTimes updatedAt={row.updatedAt} nextAt={row.nextAt} />
        </p>
      ) : null}
      <h3 className="drawer-title">{t('providers.column.use')}</h3>
      {groups.length === 0 && ruleCount === 0 ? <p className="soft">{t('providers.unusedText')}</p> : null}
      {groups.length === 0 ? null : (
        <ul className="provider-uses">
          {groups.map((group) => (
            <li key={group}>{t('providers.groupUse', { name: plainText(group, 80) })}</li>
          ))}
        </ul>
      )}
      {rules.length === 0 ? null : (
        <ul className="provider-uses mono">
          {rules.map(({ type, payload, policy }) => (
            <li key={`${type},${payload},${policy}`}>
              {plainText(`${type},${payload}`, 120)} → {plainText(policy, 60)}
            </li>
          ))}
          {ruleCount > rules.length ? <li>{t('providers.moreRules', { count: ruleCount - rules.length })}</li> : null}
        </ul>
      )}
    </Drawer>
  );
}

function Trouble({ row }: { row: ProviderRow }) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const state = stateOf(row);
  if (state === 'missing') return <p className="provider-note">{t('providers.missingText')}</p>;
  if (row.error === undefined || state === 'updating') return null;
  const text = errorText(row.error.code);
  return (
    <div className="provider-trouble" role="status">
      <TriangleAlert size={16} aria-hidden="true" />
      <div>
        <p>
          <strong>{text.title}.</strong> {t(row.entries === null ? 'providers.noCopy' : 'providers.copyStays')}
        </p>
        <p>{text.action}</p>
        <p className="mono faint">
          {row.error.code} {plainText(row.error.message, 300)}
        </p>
      </div>
    </div>
  );
}
