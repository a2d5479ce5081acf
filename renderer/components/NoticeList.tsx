/** The short messages at the lower edge; a live region, so that they are read aloud. */
import { X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import { useErrorText } from '../i18n/use-error-text.ts';
import { useServices } from '../stores/services.ts';
import { plainText } from '../text/plain-text.ts';
import './notice-list.css';

export function NoticeList() {
  const { notices } = useServices();
  const { t } = useTranslation();
  const errorText = useErrorText();
  const shown = useStore(notices.store);
  return (
    <div className="notice-list" role="status" aria-live="polite">
      {shown.map(({ id, text, error, sticky }) => (
        <div
          key={id}
          className="notice"
          data-tone={error !== undefined ? 'bad' : sticky === true ? 'warning' : 'plain'}
        >
          <div>
            <p>
              {error === undefined ? text : t('error.inContext', { what: text, title: errorText(error.code).title })}
            </p>
            {error === undefined ? null : (
              <>
                <p className="soft">{errorText(error.code).action}</p>
                <p className="mono soft">
                  {error.code} {plainText(error.message, 200)}
                </p>
              </>
            )}
          </div>
          <button
            type="button"
            className="button button-quiet button-icon"
            aria-label={t('action.dismiss')}
            onClick={() => notices.dismiss(id)}
          >
            <X size={14} aria-hidden="true" />
          </button>
        </div>
      ))}
    </div>
  );
}
