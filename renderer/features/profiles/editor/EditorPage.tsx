/** One text of a profile being changed: the text, what is wrong with it, and the way to keep it. Unsaved text stays until it is thrown away. */
import { ArrowLeft, Trash2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import type { AppInfo } from '../../../../core/contract/app.ts';
import type { ProfilePart } from '../../../../core/contract/profile-editing.ts';
import { Chip } from '../../../components/Chip.tsx';
import { ConfirmDialog } from '../../../components/ConfirmDialog.tsx';
import { GridSkeleton } from '../../../components/data-grid/GridSkeleton.tsx';
import { ErrorCard } from '../../../components/ErrorCard.tsx';
import { PageHeader } from '../../../components/PageHeader.tsx';
import { Segmented } from '../../../components/Segmented.tsx';
import { type Draft, type EditorPlace, isChanged, keyOf } from '../../../stores/profile-editor.ts';
import { useServices } from '../../../stores/services.ts';
import { plainText } from '../../../text/plain-text.ts';
import { ApplyProgress } from '../ApplyProgress.tsx';
import { EditorNotices } from './EditorNotices.tsx';
import { EditorText } from './EditorText.tsx';
import { ReviewPanel } from './ReviewPanel.tsx';
import './editor.css';

export function EditorPage({ place, info }: { place: EditorPlace; info: AppInfo }) {
  const { t } = useTranslation();
  const { profileEditor } = useServices();
  const draft = useStore(profileEditor.store, ({ drafts }) => drafts.get(keyOf(place)));
  const error = useStore(profileEditor.store, (state) => state.error);
  const [discarding, setDiscarding] = useState(false);
  const entry = info.profiles.find(({ id }) => id === place.id);
  const name = plainText(entry?.name ?? place.id, 60);
  useEffect(() => {
    // Somebody may have written the file while the window was not looked at.
    const look = () => void profileEditor.look();
    window.addEventListener('focus', look);
    return () => window.removeEventListener('focus', look);
  }, [profileEditor]);
  const parts: readonly { value: ProfilePart; label: string }[] = [
    { value: 'source', label: t('editor.source') },
    { value: 'override', label: t('editor.override') },
  ];
  const changed = draft !== undefined && isChanged(draft);
  return (
    <>
      <PageHeader
        title={name}
        beside={
          <Segmented
            label={t('editor.which')}
            value={place.part}
            options={parts}
            onChange={(part) => void profileEditor.open({ id: place.id, part })}
          />
        }
      >
        <ApplyProgress applying={info.applying} />
        {changed ? <Chip tone="amber">{t('editor.unsaved')}</Chip> : null}
        <button type="button" className="button" onClick={() => profileEditor.leave()}>
          <ArrowLeft size={14} aria-hidden="true" />
          {t('editor.back')}
        </button>
        <button type="button" className="button" disabled={!changed} onClick={() => setDiscarding(true)}>
          <Trash2 size={14} aria-hidden="true" />
          {t('editor.discard')}
        </button>
        <button
          type="button"
          className="button button-primary"
          disabled={!mayReview(draft)}
          onClick={() => void profileEditor.review(place)}
        >
          {t('editor.review')}
        </button>
      </PageHeader>
      <div className="page-fill editor-page">
        {error === undefined ? null : (
          <div className="editor-notice">
            <ErrorCard error={error} context={t('editor.unreadable')} />
          </div>
        )}
        {draft === undefined ? (
          error === undefined ? (
            <GridSkeleton />
          ) : null
        ) : (
          <>
            <EditorNotices draft={draft} info={info} />
            {draft.review === undefined ? (
              <EditorText key={keyOf(place)} draft={draft} name={name} />
            ) : (
              <ReviewPanel draft={draft} review={draft.review} entry={entry} />
            )}
          </>
        )}
      </div>
      {discarding ? (
        <ConfirmDialog
          title={t('editor.discardTitle')}
          text={t('editor.discardText')}
          confirm={t('editor.discardConfirm')}
          onConfirm={() => profileEditor.discard(place)}
          onClose={() => setDiscarding(false)}
        />
      ) : null}
    </>
  );
}

function mayReview(draft: Draft | undefined): boolean {
  if (draft === undefined || !draft.base.editable || draft.busy !== undefined) return false;
  return isChanged(draft) && draft.theirs === undefined && draft.review === undefined;
}
