/** What was handed over: a field for what can be read at a glance, else its name and size. */
import { FileText, X } from 'lucide-react';
import type { FormEvent, RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import type { ImportState } from '../../../stores/import-box.ts';
import { useServices } from '../../../stores/services.ts';
import { formatBytes } from '../../../text/format.ts';
import { plainText } from '../../../text/plain-text.ts';

export interface HandedTextProps {
  state: ImportState;
  field: RefObject<HTMLTextAreaElement | null>;
  onSubmit: (event: FormEvent) => void;
}

export function HandedText({ state, field, onSubmit }: HandedTextProps) {
  const { t } = useTranslation();
  const { importBox } = useServices();
  const { file } = state;
  if (file !== undefined) {
    const name = file.name === undefined ? t('import.pasted') : plainText(file.name, 200);
    return (
      <div className="import-handed">
        <FileText size={16} aria-hidden="true" />
        <span className="import-handed-name">{name}</span>
        <span className="faint nowrap">{formatBytes(file.bytes)}</span>
        <button
          type="button"
          className="button button-quiet button-icon"
          aria-label={t('import.clear')}
          disabled={state.adding}
          onClick={() => importBox.type('')}
        >
          <X size={15} aria-hidden="true" />
        </button>
      </div>
    );
  }
  return (
    <textarea
      ref={field}
      className="field mono import-field"
      aria-label={t('import.field')}
      placeholder={t('import.fieldHint')}
      rows={4}
      spellCheck={false}
      autoComplete="off"
      value={state.text}
      disabled={state.adding}
      onChange={(event) => importBox.type(event.target.value)}
      onKeyDown={(event) => {
        // One line is a form that is sent by Enter; of several, Ctrl+Enter does it.
        const isPlain = event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing;
        if (isPlain && (event.ctrlKey || !state.text.trim().includes('\n'))) onSubmit(event);
      }}
    />
  );
}
