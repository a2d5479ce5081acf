/** A question before something that cannot be taken back. The native dialog keeps the focus inside and gives it back. */
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { useModal } from './use-modal.ts';
import './confirm-dialog.css';

export interface ConfirmDialogProps {
  title: string;
  text: string;
  confirm: string;
  onConfirm: () => void;
  /** Also called after confirming: whoever shows the dialog stops showing it. */
  onClose: () => void;
}

export function ConfirmDialog({ title, text, confirm, onConfirm, onClose }: ConfirmDialogProps) {
  const { t } = useTranslation();
  const dialog = useModal();
  const titleId = useId();
  const textId = useId();
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={titleId} aria-describedby={textId} onClose={onClose}>
      <h2 id={titleId}>{title}</h2>
      <p id={textId}>{text}</p>
      <div className="dialog-actions">
        <button type="button" className="button" autoFocus onClick={onClose}>
          {t('action.cancel')}
        </button>
        <button
          type="button"
          className="button button-danger"
          onClick={() => {
            onConfirm();
            onClose();
          }}
        >
          {confirm}
        </button>
      </div>
    </dialog>
  );
}
