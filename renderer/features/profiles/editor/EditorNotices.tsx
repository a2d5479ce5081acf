/** What a person must know before writing: whose text it is, that somebody else has changed it, that it is not in force. */
import { CircleAlert, Info, TriangleAlert } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AppInfo } from '../../../../core/contract/app.ts';
import { ErrorCard } from '../../../components/ErrorCard.tsx';
import type { Draft } from '../../../stores/profile-editor.ts';
import { useServices } from '../../../stores/services.ts';
import { InForce } from '../../overview/ProfileRefused.tsx';
import { useProfileActions } from '../use-profile-actions.ts';

export function EditorNotices({ draft, info }: { draft: Draft; info: AppInfo }) {
  const { t } = useTranslation();
  const { profileEditor } = useServices();
  const actions = useProfileActions();
  const entry = info.profiles.find(({ id }) => id === draft.id);
  const { base, theirs, part, id, renewed, error, review } = draft;
  const isRefused = entry?.active === true && info.profile?.state === 'refused';
  return (
    <div className="editor-notices">
      {isRefused && info.profile !== null ? (
        <Notice tone="bad" icon={<CircleAlert size={15} aria-hidden="true" />}>
          <strong>{t('profile.notApplied')}.</strong> <InForce profile={info.profile} />
        </Notice>
      ) : null}
      {theirs === undefined ? null : <Conflict draft={draft} />}
      {renewed ? (
        <Notice tone="plain" icon={<Info size={15} aria-hidden="true" />}>
          {t('editor.renewed')}
        </Notice>
      ) : null}
      {base.editable ? null : (
        <Notice tone="plain" icon={<Info size={15} aria-hidden="true" />}>
          {t(part === 'source' ? 'editor.readOnlySource' : 'editor.readOnlyOverride')}{' '}
          {part === 'source' ? (
            <button type="button" className="button" onClick={() => void profileEditor.open({ id, part: 'override' })}>
              {t('editor.toOverride')}
            </button>
          ) : null}
        </Notice>
      )}
      {part === 'override' && entry?.override === 'off' ? (
        <Notice tone="warn" icon={<TriangleAlert size={15} aria-hidden="true" />}>
          {t('editor.overrideOff')}{' '}
          <button type="button" className="button" onClick={() => void actions.switchOverride(entry, true)}>
            {t('profiles.overrideOn')}
          </button>
        </Notice>
      ) : null}
      {error === undefined || review !== undefined ? null : (
        <ErrorCard error={error} context={t('editor.saveFailed')} />
      )}
    </div>
  );
}

function Conflict({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const { profileEditor } = useServices();
  const [shown, setShown] = useState(false);
  return (
    <>
      <Notice tone="warn" icon={<TriangleAlert size={15} aria-hidden="true" />}>
        <strong>{t('editor.conflict')}</strong> {t('editor.conflictText')}{' '}
        <span className="editor-choices">
          <button type="button" className="button" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {t('editor.showTheirs')}
          </button>
          <button type="button" className="button" onClick={() => profileEditor.keepOurs(draft)}>
            {t('editor.keepOurs')}
          </button>
          <button type="button" className="button" onClick={() => profileEditor.takeTheirs(draft)}>
            {t('editor.takeTheirs')}
          </button>
        </span>
      </Notice>
      {shown ? (
        <textarea
          className="field mono editor-theirs"
          readOnly
          aria-label={t('editor.theirs')}
          value={draft.theirs?.text ?? ''}
        />
      ) : null}
    </>
  );
}

function Notice({ tone, icon, children }: { tone: 'plain' | 'warn' | 'bad'; icon: ReactNode; children: ReactNode }) {
  return (
    <div className="editor-notice-line" data-tone={tone} role={tone === 'plain' ? 'note' : 'alert'}>
      {icon}
      <p>{children}</p>
    </div>
  );
}
