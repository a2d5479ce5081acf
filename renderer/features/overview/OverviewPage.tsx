/** The first page: is Enhanced Mode on, is all well, how much goes through, and what of the machine is changed. */
import { useTranslation } from 'react-i18next';
import { GridSkeleton } from '../../components/data-grid/GridSkeleton.tsx';
import { PageHeader } from '../../components/PageHeader.tsx';
import { useLive } from '../../stores/services.ts';
import { useTroubles } from '../../stores/use-troubles.ts';
import { ChangesPanel } from './ChangesPanel.tsx';
import { EnhancedPanel } from './EnhancedPanel.tsx';
import { FactsPanel } from './FactsPanel.tsx';
import { FirstRun } from './FirstRun.tsx';
import { HealthPanel } from './HealthPanel.tsx';
import { SpeedPanel } from './SpeedPanel.tsx';
import './overview.css';

export function OverviewPage() {
  const { t } = useTranslation();
  const snapshot = useLive((state) => state.snapshot);
  const profile = useLive((state) => state.info?.profile);
  const troubles = useTroubles().length > 0;
  if (snapshot === undefined) {
    return (
      <>
        <PageHeader title={t('overview.title')} />
        <GridSkeleton />
      </>
    );
  }
  const firstRun = profile === null && (snapshot.tunnel.kind === 'stopped' || snapshot.tunnel.kind === 'error');
  return (
    <>
      <PageHeader title={t('overview.title')} />
      <div className="page-body overview">
        <EnhancedPanel snapshot={snapshot} />
        {/* What is wrong is read first; that nothing is, last. */}
        {troubles ? <HealthPanel snapshot={snapshot} /> : null}
        {firstRun ? <FirstRun /> : <SpeedPanel />}
        <FactsPanel snapshot={snapshot} />
        {troubles ? null : <HealthPanel snapshot={snapshot} />}
        <ChangesPanel changes={snapshot.changes} />
      </div>
    </>
  );
}
