/** The profiles there are, which one is in use, and what came of it. */
import { FileText, Plus, RotateCw } from 'lucide-react';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import { GridSkeleton } from '../../components/data-grid/GridSkeleton.tsx';
import { EmptyState } from '../../components/EmptyState.tsx';
import { PageHeader } from '../../components/PageHeader.tsx';
import { useLive, useServices } from '../../stores/services.ts';
import { ApplyProgress } from './ApplyProgress.tsx';
import { ProfileList } from './ProfileList.tsx';
import { ProfileReport } from './ProfileReport.tsx';
import { UpdateAll } from './UpdateAll.tsx';
import { useProfileActions } from './use-profile-actions.ts';
import './profiles.css';

/** It brings the table of keys and CodeMirror with it: loaded when the first text is opened. */
const EditorPage = lazy(async () => ({ default: (await import('./editor/EditorPage.tsx')).EditorPage }));

export function ProfilesPage() {
  const { profileEditor } = useServices();
  const info = useLive((state) => state.info);
  const open = useStore(profileEditor.store, (state) => state.open);
  if (open === undefined || info === undefined) return <ProfilesHome />;
  return (
    <Suspense fallback={<GridSkeleton />}>
      <EditorPage place={open} info={info} />
    </Suspense>
  );
}

function ProfilesHome() {
  const { t } = useTranslation();
  const info = useLive((state) => state.info);
  const actions = useProfileActions();
  const { importBox } = useServices();
  return (
    <>
      <PageHeader title={t('profiles.title')}>
        <ApplyProgress applying={info?.applying} />
        <UpdateAll info={info} actions={actions} />
        <button
          type="button"
          className="button"
          disabled={actions.busy || info === undefined}
          onClick={() => void actions.reload()}
        >
          <RotateCw size={14} aria-hidden="true" />
          {t('profiles.reload')}
        </button>
        <button type="button" className="button button-primary" onClick={() => importBox.open()}>
          <Plus size={14} aria-hidden="true" />
          {t('import.open')}
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
              >
                <button type="button" className="button button-primary" onClick={() => importBox.open()}>
                  {t('import.open')}
                </button>
              </EmptyState>
            ) : (
              <ProfileList info={info} actions={actions} />
            )}
            {info.profile === null ? null : <ProfileReport profile={info.profile} />}
          </div>
        </div>
      )}
    </>
  );
}
