/** What a new version, or an override, changes in a profile, in words, before anything is done. */
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import type { ErrorData } from '../../../core/contract/error.ts';
import type { ProfilePreview } from '../../../core/contract/profile-editing.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { DiffWords } from '../../components/DiffWords.tsx';
import { DownloadProgress } from '../../components/DownloadProgress.tsx';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { ProblemList } from '../../components/ProblemList.tsx';
import { useModal } from '../../components/use-modal.ts';
import { useLive, useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';
import type { ProfileActions } from './use-profile-actions.ts';
import '../../components/confirm-dialog.css';

interface Asked<A> {
  readonly answer: A | undefined;
  readonly error: ErrorData | undefined;
}

/** The new version is downloaded when this is shown; closing ends that. */
export function LookDialog({
  entry,
  actions,
  onClose,
}: {
  entry: ProfileEntry;
  actions: ProfileActions;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const { bridge } = useServices();
  const { id } = entry;
  const progress = useLive(({ info }) => info?.profiles.find((each) => each.id === id)?.updating);
  const { answer, error } = useAsked(() => bridge.call('previewProfile', { id }));
  const name = plainText(entry.name, 60);
  const isUnderWay = answer === undefined && error === undefined;
  const close = () => {
    if (isUnderWay) actions.stop(entry);
    onClose();
  };
  const looked = answer?.looked ?? null;
  return (
    <Frame
      title={t('profiles.lookTitle', { name })}
      onClose={close}
      confirm={
        looked === null ? undefined : (
          <button
            type="button"
            className="button button-primary"
            onClick={() => {
              void actions.take(entry, looked);
              onClose();
            }}
          >
            {t('profiles.lookTake')}
          </button>
        )
      }
    >
      {isUnderWay ? (
        <DownloadProgress
          progress={progress}
          label={t('profiles.looking')}
          stopLabel={t('profiles.stopNamed', { name })}
          onStop={close}
        />
      ) : null}
      {error === undefined ? null : <ErrorCard error={error} context={t('profiles.lookFailed')} />}
      {answer === undefined ? null : (
        <>
          <p>{t(looked === null ? 'profiles.lookNothing' : 'profiles.lookText')}</p>
          {looked === null ? null : <Preview preview={answer} />}
        </>
      )}
    </Frame>
  );
}

export function OverrideDialog({ entry, onClose }: { entry: ProfileEntry; onClose: () => void }) {
  const { t } = useTranslation();
  const { bridge } = useServices();
  const { answer, error } = useAsked(() => bridge.call('previewOverride', { id: entry.id }));
  return (
    <Frame title={t('profiles.overrideChangesTitle', { name: plainText(entry.name, 60) })} onClose={onClose}>
      {entry.override === 'off' ? <p>{t('profiles.overrideIsOff')}</p> : null}
      {error === undefined ? null : <ErrorCard error={error} />}
      {answer === undefined ? null : <Preview preview={answer} />}
    </Frame>
  );
}

function Preview({ preview: { diff, problems } }: { preview: ProfilePreview }) {
  const { t } = useTranslation();
  const errors = problems.filter(({ severity }) => severity === 'error');
  return (
    <>
      {diff === null ? <p>{t('profiles.lookUnclear')}</p> : <DiffWords diff={diff} />}
      {errors.length === 0 ? null : <ProblemList problems={errors} />}
    </>
  );
}

interface FrameProps {
  title: string;
  onClose: () => void;
  confirm?: ReactNode;
  children: ReactNode;
}

function Frame({ title, onClose, confirm, children }: FrameProps) {
  const { t } = useTranslation();
  const cancel = useRef<HTMLButtonElement>(null);
  const dialog = useModal(() => cancel.current?.focus());
  const titleId = useId();
  return (
    <dialog ref={dialog} className="dialog preview-dialog" aria-labelledby={titleId} onClose={onClose}>
      <h2 id={titleId}>{title}</h2>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reached by keyboard */}
      <div className="preview-body" aria-live="polite" tabIndex={0} role="group" aria-labelledby={titleId}>
        {children}
      </div>
      <div className="dialog-actions">
        <button ref={cancel} type="button" className="button" onClick={onClose}>
          {t(confirm === undefined ? 'action.close' : 'action.cancel')}
        </button>
        {confirm}
      </div>
    </dialog>
  );
}

/** Asked once, when it is first drawn. */
function useAsked<A>(ask: () => Promise<A>): Asked<A> {
  const [asked, setAsked] = useState<Asked<A>>({ answer: undefined, error: undefined });
  const first = useRef(ask);
  useEffect(() => {
    let wanted = true;
    first.current().then(
      (answer) => wanted && setAsked({ answer, error: undefined }),
      (caught: unknown) => wanted && setAsked({ answer: undefined, error: errorDataOf(caught) }),
    );
    return () => {
      wanted = false;
    };
  }, []);
  return asked;
}
