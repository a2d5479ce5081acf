/** What stands where a table would be when the helper does not show it: why, and another try. */
import { useTranslation } from 'react-i18next';
import type { ErrorData } from '../../core/contract/error.ts';
import { ErrorCard } from './ErrorCard.tsx';
import './table-refused.css';

export interface TableRefusedProps {
  error: ErrorData;
  retry: () => void;
}

export function TableRefused({ error, retry }: TableRefusedProps) {
  const { t } = useTranslation();
  return (
    <div className="table-refused">
      <ErrorCard error={error} context={t('grid.refused')}>
        <button type="button" className="button button-primary" onClick={retry}>
          {t('action.tryAgain')}
        </button>
      </ErrorCard>
      {error.code === 'RPC_BUSY' ? <p className="faint">{t('trouble.retrying')}</p> : null}
    </div>
  );
}
