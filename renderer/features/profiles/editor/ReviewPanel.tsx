/** What saving a text would do, in words and in lines, before it is done. A text that cannot be used is kept only as what it is. */
import { CircleAlert } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ProfileEntry } from '../../../../core/contract/app.ts';
import type { ProfileTrial } from '../../../../core/contract/profile-editing.ts';
import { ConfirmDialog } from '../../../components/ConfirmDialog.tsx';
import { DiffWords } from '../../../components/DiffWords.tsx';
import { ErrorCard } from '../../../components/ErrorCard.tsx';
import { ProblemList } from '../../../components/ProblemList.tsx';
import type { Draft } from '../../../stores/profile-editor.ts';
import { useServices } from '../../../stores/services.ts';
import { plainText } from '../../../text/plain-text.ts';
import { LineDiffView } from './LineDiffView.tsx';

export interface ReviewPanelProps {
  draft: Draft;
  review: ProfileTrial;
  entry: ProfileEntry | undefined;
}

export function ReviewPanel({ draft, review, entry }: ReviewPanelProps) {
  const { t } = useTranslation();
  const { profileEditor, notices } = useServices();
  const [asking, setAsking] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const titleId = useId();
  useEffect(() => heading.current?.focus(), []);
  const isOff = draft.part === 'override' && entry?.override === 'off';
  const isApplied = entry?.active === true && !isOff;
  const errors = review.problems.filter(({ severity }) => severity === 'error');
  const save = async (unusable: boolean) => {
    const info = await profileEditor.save(draft, unusable);
    if (info === undefined) return;
    const name = plainText(entry?.name ?? '', 60);
    const state = isApplied ? info.profile?.state : undefined;
    if (state === 'refused') notices.warn(t('profile.notApplied'));
    else notices.say(t(state === 'applied' ? 'editor.savedApplied' : 'editor.saved', { name }));
  };
  return (
    <section className="editor-review" aria-labelledby={titleId}>
      <h2 id={titleId} ref={heading} tabIndex={-1}>
        {t('editor.reviewTitle')}
      </h2>
      {review.valid ? (
        <p className="soft">
          {t(isOff ? 'editor.reviewOff' : isApplied ? 'editor.reviewActive' : 'editor.reviewIdle')}
        </p>
      ) : (
        <p className="profile-refused" role="alert">
          <CircleAlert size={15} aria-hidden="true" />
          <span>
            <strong>{t('editor.unusable')}</strong> {t('editor.unusableText')}
          </span>
        </p>
      )}
      {errors.length === 0 ? null : <ProblemList problems={errors} />}
      {review.diff === null ? null : <DiffWords diff={review.diff} />}
      {review.lines === null ? null : <LineDiffView diff={review.lines} />}
      {draft.error === undefined ? null : <ErrorCard error={draft.error} context={t('editor.saveFailed')} />}
      <div className="editor-review-actions">
        <button type="button" className="button" onClick={() => profileEditor.edit(draft)}>
          {t('editor.goOn')}
        </button>
        {review.valid ? (
          <button
            type="button"
            className="button button-primary"
            disabled={draft.busy !== undefined}
            onClick={() => void save(false)}
          >
            {t(draft.busy === 'save' ? 'editor.saving' : isApplied ? 'editor.saveApply' : 'editor.save')}
          </button>
        ) : (
          <button type="button" className="button" disabled={draft.busy !== undefined} onClick={() => setAsking(true)}>
            {t('editor.saveUnusable')}
          </button>
        )}
      </div>
      {asking ? (
        <ConfirmDialog
          title={t('editor.saveUnusableTitle')}
          text={t('editor.saveUnusableText')}
          confirm={t('editor.saveUnusableConfirm')}
          onConfirm={() => void save(true)}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </section>
  );
}
