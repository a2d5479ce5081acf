/** How often programs connected to addresses whose names are lost, and the way to those addresses. */
import { useTranslation } from 'react-i18next';
import type { Snapshot } from '../../../core/contract/status.ts';
import { useServices } from '../../stores/services.ts';

export function LostNames({ fakeIp: { unknown, recovered } }: Pick<Snapshot, 'fakeIp'>) {
  const { t } = useTranslation();
  const { ui } = useServices();
  if (unknown === 0) return null;
  return (
    <p className="health-lost">
      {t('overview.lost', { count: unknown, recovered })}
      <button type="button" className="link" onClick={() => ui.open('mappings', 'state:unknown')}>
        {t('overview.lostShow')}
      </button>
    </p>
  );
}
