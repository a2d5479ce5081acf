/** What every page shows while the helper cannot be reached: why, what to do, and the way out; it goes away by itself. */
import { PlugZap } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { CommandLine } from '../../components/CommandLine.tsx';
import { ErrorCard } from '../../components/ErrorCard.tsx';
import { useLive, useNow } from '../../stores/services.ts';
import { formatTime } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import './trouble.css';

export function HelperTrouble() {
  const { t } = useTranslation();
  const link = useLive((state) => state.link);
  const now = useNow();
  const lostAt = useLive((state) => state.helperLostAt);
  const offlineRestore = useLive((state) => state.info?.offlineRestore ?? undefined);
  return (
    <div className="trouble">
      <PlugZap size={32} aria-hidden="true" />
      <h1>{t(lostAt === undefined ? 'trouble.helperTitle' : 'trouble.helperDiedTitle')}</h1>
      <p>
        {lostAt === undefined
          ? t('trouble.helperText')
          : t('trouble.helperDiedText', { time: formatTime(lostAt, now) })}
      </p>
      {link.kind === 'failed' ? <ErrorCard error={link.error} /> : null}
      <p className="faint">{t('trouble.retrying')}</p>
      {offlineRestore === undefined ? null : (
        <>
          <p>{t('trouble.wayOut')}</p>
          <CommandLine command={plainText(offlineRestore, 400)} />
        </>
      )}
    </div>
  );
}
