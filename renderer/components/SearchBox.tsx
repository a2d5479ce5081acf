/** The search field of a page. `/` or Ctrl+F puts the cursor here, Escape clears it. */
import { Search, X } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import './search-box.css';

export interface SearchBoxProps {
  value: string;
  onChange: (value: string) => void;
  /** The grammar, in short. */
  hint: string;
}

export function SearchBox({ value, onChange, hint }: SearchBoxProps) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      const find = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'f';
      if (!find && (event.key !== '/' || typing)) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener('keydown', focus);
    return () => window.removeEventListener('keydown', focus);
  }, []);
  return (
    <div className="search-box">
      <Search size={14} aria-hidden="true" />
      <input
        ref={input}
        className="field"
        type="text"
        role="searchbox"
        aria-label={t('grid.search')}
        placeholder={hint}
        title={hint}
        value={value}
        spellCheck={false}
        autoComplete="off"
        maxLength={200}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && value !== '') {
            event.stopPropagation();
            onChange('');
          }
        }}
      />
      {value === '' ? null : (
        <button
          type="button"
          className="button button-quiet button-icon"
          aria-label={t('grid.clearSearch')}
          onClick={() => {
            onChange('');
            input.current?.focus();
          }}
        >
          <X size={14} aria-hidden="true" />
        </button>
      )}
    </div>
  );
}
