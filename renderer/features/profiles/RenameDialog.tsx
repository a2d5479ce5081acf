/** Asks for another name of a profile. */
import { type FormEvent, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import { useModal } from '../../components/use-modal.ts';
import '../../components/confirm-dialog.css';

export interface RenameDialogProps {
  entry: ProfileEntry;
  onRename: (name: string) => void;
  onClose: () => void;
}

export function RenameDialog({ entry, onRename, onClose }: RenameDialogProps) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const dialog = useModal(() => input.current?.select());
  const titleId = useId();
  const [name, setName] = useState(entry.name);
  const wanted = name.trim();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wanted === '') return;
    if (wanted !== entry.name) onRename(wanted);
    onClose();
  };
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={titleId} onClose={onClose}>
      <form onSubmit={submit}>
        <h2 id={titleId}>{t('profiles.renameTitle')}</h2>
        <input
          ref={input}
          className="field rename-field"
          type="text"
          aria-label={t('import.name')}
          maxLength={90}
          spellCheck={false}
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('action.cancel')}
          </button>
          <button type="submit" className="button button-primary" disabled={wanted === ''}>
            {t('profiles.rename')}
          </button>
        </div>
      </form>
    </dialog>
  );
}
