/** The profiles there are, which one is in use, and what came of it. */
import { FileText, RotateCw } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { GridSkeleton } from '../../components/data-grid/GridSkeleton.tsx';
import { EmptyState } from '../../components/EmptyState.tsx';
import { PageHeader } from '../../components/PageHeader.tsx';
import { useLive } from '../../stores/services.ts';
import { ApplyProgress } from './ApplyProgress.tsx';
import { ProfileCard } from './ProfileCard.tsx';
import { ProfileReport } from './ProfileReport.tsx';
import { useProfileActions } from './use-profile-actions.ts';
import './profiles.css';

export function ProfilesPage() {
  const { t } = useTranslation();
  const info = useLive((state) => state.info);
  const actions = useProfileActions();
  return (
    <>
      <PageHeader title={t('profiles.title')}>
        <ApplyProgress applying={info?.applying} />
        <button
          type="button"
          className="button"
          disabled={actions.busy || info === undefined}
          onClick={() => void actions.reload()}
        >
          <RotateCw size={14} aria-hidden="true" />
          {t('profiles.reload')}
        </button>
      </PageHeader>
      {info === undefined ? (
        <GridSkeleton />
      ) : (
        <div className="page-body">
          <div className="profiles">
            {info.profiles.length === 0 && info.profile === null ? (
              <EmptyState
                icon={<FileText size={28} aria-hidden="true" />}
                title={t('profiles.emptyTitle')}
                text={t('profiles.emptyText')}
              />
            ) : (
              <ul className="profile-cards" aria-label={t('profiles.list')}>
                {info.profiles.map((entry) => (
                  <ProfileCard key={entry.id} entry={entry} actions={actions} />
                ))}
              </ul>
            )}
            {info.profile === null ? null : <ProfileReport profile={info.profile} />}
          </div>
        </div>
      )}
    </>
  );
}
