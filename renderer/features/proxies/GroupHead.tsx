/** What is above the members of a group: its kind, the chain that it leads to now, and what can be done with the whole. */
import { ArrowLeft, Gauge, TriangleAlert, WandSparkles } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import { chainOf, type GroupProxyRow } from '../../../core/contract/proxy-views.ts';
import { Chip } from '../../components/Chip.tsx';
import { useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';
import type { ProxyEntries } from './member-list.ts';
import type { ProxyActions } from './use-proxy-actions.ts';

export interface GroupHeadProps {
  row: GroupProxyRow;
  proxies: ProxyEntries;
  actions: ProxyActions;
  /** Of a narrow window: back to the groups. */
  onBack: () => void;
}

export function GroupHead({ row, proxies, actions, onBack }: GroupHeadProps) {
  const { t } = useTranslation();
  const testing = useStore(useServices().delayTest.store, (run) => run !== undefined);
  const { group } = row;
  const isFixed = group.type !== 'select' && group.chosen !== null;
  return (
    <div className="group-head">
      <button
        type="button"
        className="button button-quiet button-icon group-back"
        aria-label={t('proxies.back')}
        onClick={onBack}
      >
        <ArrowLeft size={16} aria-hidden="true" />
      </button>
      <div className="group-title">
        <h2>
          <span>{plainText(row.name, 64)}</span>
          <Chip title={t(`proxies.groupText.${group.type}`)}>{t(`proxies.groupType.${group.type}`)}</Chip>
          {isFixed ? <Chip tone="amber">{t('proxies.fixed')}</Chip> : null}
        </h2>
        {row.refusal === undefined ? <Chain row={row} proxies={proxies} /> : <Refuses />}
      </div>
      {isFixed ? (
        <button type="button" className="button" onClick={() => void actions.choose(row, undefined)}>
          <WandSparkles size={14} aria-hidden="true" />
          {t('proxies.unfix')}
        </button>
      ) : null}
      <button type="button" className="button" disabled={testing} onClick={() => void actions.test(row.name)}>
        <Gauge size={14} aria-hidden="true" />
        {t('proxies.testGroup')}
      </button>
    </div>
  );
}

/** From the group to the node that the bytes go through; of those that spread connections, what they do. */
function Chain({ row, proxies }: { row: GroupProxyRow; proxies: ProxyEntries }) {
  const { t } = useTranslation();
  const chain = chainOf(row.name, (name) => proxies.get(name)?.row).slice(1);
  const leaf = chain.pop();
  if (leaf === undefined) return <p className="soft">{t(`proxies.groupText.${row.group.type}`)}</p>;
  return (
    <p className="group-chain" aria-label={t('proxies.leadsTo')}>
      {chain.map((name) => (
        <span key={name} className="faint">{`${plainText(name, 64)} › `}</span>
      ))}
      <span className="policy" data-kind={row.way}>
        {plainText(leaf, 64)}
      </span>
    </p>
  );
}

function Refuses() {
  const { t } = useTranslation();
  return (
    <p className="group-empty">
      <TriangleAlert size={14} aria-hidden="true" />
      {t('proxies.empty')}
    </p>
  );
}
