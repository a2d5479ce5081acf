/** What every page shows while the helper cannot be reached: why, and what to do; it goes away by itself. */
import { PlugZap } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { useLive } from '../../stores/services.ts';
import './trouble.css';

export function HelperTrouble() {
  const { t } = useTranslation();
  const link = useLive((state) => state.link);
  return (
    <div className="trouble">
      <PlugZap size={32} aria-hidden="true" />
      <h1>{t('trouble.helperTitle')}</h1>
      <p>{t('trouble.helperText')}</p>
      {link.kind === 'failed' ? <ErrorCard error={link.error} /> : null}
      <p className="faint">{t('trouble.retrying')}</p>
    </div>
  );
}
