/** What a table shows when the search leaves nothing. */
import { SearchX } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../stores/services.ts';
import type { PageName } from '../stores/ui-store.ts';
import { EmptyState } from './EmptyState.tsx';

export function NoMatch({ page }: { page: PageName }) {
  const { t } = useTranslation();
  const { ui } = useServices();
  return (
    <EmptyState icon={<SearchX size={28} aria-hidden="true" />} title={t('grid.noMatch')} text={t('grid.noMatchText')}>
      <button type="button" className="button" onClick={() => ui.search(page, '')}>
        {t('grid.clearSearch')}
      </button>
    </EmptyState>
  );
}
