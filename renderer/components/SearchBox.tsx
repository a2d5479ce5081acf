/** The search field of a page. `/` or Ctrl+F puts the cursor here, Escape clears it. */
import { Search, X } from 'lucide-react';
import { memo, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices, useUi } from '../stores/services.ts';
import type { PageName } from '../stores/ui-store.ts';
import './search-box.css';

export interface SearchBoxProps {
  /** The search text of this page is shown and changed. */
  page: PageName;
  /** The grammar, in short. */
  hint: string;
}

/** Not drawn again with every tick of its table. */
export const SearchBox = memo(function SearchBox({ page, hint }: SearchBoxProps) {
  const { t } = useTranslation();
  const { ui } = useServices();
  const value = useUi((state) => state.searches[page] ?? '');
  const onChange = (text: string) => ui.search(page, text);
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
});
