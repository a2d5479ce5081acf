/** The one way by which profiles come in: shows what was handed over, what it is, and asks before anything is fetched or kept. */
import { FolderOpen, X } from 'lucide-react';
import { type ChangeEvent, type ClipboardEvent, type FormEvent, useId, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import { DownloadProgress } from '../../../components/DownloadProgress.tsx';
import { ErrorCard } from '../../../components/ErrorCard.tsx';
import { useModal } from '../../../components/use-modal.ts';
import { originOf, suggestionOf } from '../../../stores/import-box.ts';
import { useLive, useServices } from '../../../stores/services.ts';
import { HandedText } from './HandedText.tsx';
import { OfferText } from './OfferText.tsx';
import { RecognisedText } from './RecognisedText.tsx';
import { useAdd } from './use-add.ts';
import '../../../components/confirm-dialog.css';
import './import-dialog.css';

/** What the dialog for files offers at first. */
const fileTypes = '.yaml,.yml,.txt,.conf,image/png,image/jpeg,image/webp,image/gif,image/bmp';

export function ImportDialog() {
  const { importBox } = useServices();
  const question = useStore(importBox.store, (state) => state?.question);
  // Each question is a dialog of its own: its focus, and what closes it, are not those of the one before.
  return question === undefined ? null : <OpenDialog key={question} question={question} />;
}

function OpenDialog({ question }: { question: number }) {
  const { t } = useTranslation();
  const { importBox } = useServices();
  const state = useStore(importBox.store);
  const progress = useLive(({ info }) => info?.adding);
  const more = useLive(({ info }) => info?.moreOffers ?? 0);
  const others = useLive(({ info }) => (info?.profiles.length ?? 0) > 0);
  const { add, use, setUse } = useAdd();
  const field = useRef<HTMLTextAreaElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const offer = state?.offer;
  const close = () => importBox.close(question);
  // A question from outside is not answered by a key that was meant for something else.
  const dialog = useModal(() => (offer === undefined ? field : cancel).current?.focus());
  const titleId = useId();
  const textId = useId();
  if (state === undefined) return null;
  const ready = originOf(state) !== undefined && !state.looking && !state.adding && !state.held;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) void add();
  };
  return (
    <dialog
      ref={dialog}
      className="dialog import-dialog"
      aria-labelledby={titleId}
      aria-describedby={textId}
      onClose={close}
      onPaste={(event) => takePasted(event, importBox)}
    >
      <form onSubmit={submit}>
        <h2 id={titleId}>{t(offer === undefined ? 'import.title' : 'import.offerTitle')}</h2>
        {offer === undefined ? (
          <>
            <p id={textId}>{t('import.text')}</p>
            <HandedText state={state} field={field} onSubmit={submit} />
            <FileButton disabled={state.adding} />
          </>
        ) : (
          <OfferText id={textId} offer={offer} more={more} />
        )}
        <div className="import-seen" aria-live="polite" aria-busy={state.looking}>
          {offer === undefined ? <RecognisedText state={state} /> : null}
        </div>
        {originOf(state) === undefined ? null : (
          <>
            <label className="import-name">
              <span>{t('import.name')}</span>
              <input
                className="field"
                type="text"
                spellCheck={false}
                autoComplete="off"
                maxLength={90}
                disabled={state.adding}
                placeholder={state.seen?.kind === 'address' ? t('import.nameOfServer') : t('import.nameHint')}
                value={state.name ?? suggestionOf(state) ?? ''}
                onChange={(event) => importBox.name(event.target.value)}
              />
            </label>
            {others ? (
              <label className="import-use">
                <input type="checkbox" checked={use} onChange={(event) => setUse(event.target.checked)} />
                {t('import.use')}
              </label>
            ) : null}
          </>
        )}
        {state.error === undefined ? null : <ErrorCard error={state.error} context={t('import.failed')} />}
        {state.adding ? (
          <DownloadProgress
            progress={progress}
            label={t('import.adding')}
            stopLabel={t('import.stop')}
            onStop={() => void importBox.stop()}
          />
        ) : null}
        <div className="dialog-actions">
          <button ref={cancel} type="button" className="button" onClick={close}>
            {offer === undefined ? t('action.cancel') : t('import.decline')}
          </button>
          <button type="submit" className="button button-primary" disabled={!ready}>
            {t('import.add')}
          </button>
        </div>
      </form>
      <button
        type="button"
        className="button button-quiet button-icon import-close"
        aria-label={t('action.close')}
        onClick={close}
      >
        <X size={16} aria-hidden="true" />
      </button>
    </dialog>
  );
}

/** The app's own dialog where there is one: a file that is chosen there stays where it is. */
function FileButton({ disabled }: { disabled: boolean }) {
  const { t } = useTranslation();
  const { importBox } = useServices();
  const ownDialog = useLive(({ info }) => info?.home === 'electron');
  const input = useRef<HTMLInputElement>(null);
  const take = (event: ChangeEvent<HTMLInputElement>) => {
    const [file] = event.target.files ?? [];
    if (file !== undefined) void importBox.giveFile(file, file.name);
    // The same file may be chosen once more.
    event.target.value = '';
  };
  return (
    <div className="import-file">
      <button
        type="button"
        className="button"
        disabled={disabled}
        onClick={() => (ownDialog ? void importBox.chooseFile() : input.current?.click())}
      >
        <FolderOpen size={14} aria-hidden="true" />
        {t('import.chooseFile')}
      </button>
      <span className="faint">{t('import.fileHint')}</span>
      <input ref={input} type="file" accept={fileTypes} hidden tabIndex={-1} onChange={take} />
    </div>
  );
}

type Box = ReturnType<typeof useServices>['importBox'];

/** A picture or a file is read; a text goes into the field, unless it is too long for that. */
function takePasted(event: ClipboardEvent, box: Box) {
  const { clipboardData } = event;
  const [file] = clipboardData.files;
  if (file !== undefined) {
    event.preventDefault();
    void box.giveFile(file, file.name);
    return;
  }
  const text = clipboardData.getData('text/plain');
  const isName = event.target instanceof HTMLInputElement;
  const isAlone = event.target instanceof HTMLTextAreaElement && event.target.value !== '' && !text.includes('\n');
  if (isName || isAlone || text === '') return;
  event.preventDefault();
  box.giveText(text);
}
