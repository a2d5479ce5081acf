/** A browser tab without its app process: the process is gone, or it no longer knows this tab. */
import { KeyRound, Unplug } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { CommandLine } from '../../components/CommandLine.tsx';
import { useLive, useNow, useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';
import './trouble.css';

/** Works in the checkout, whatever else is installed. */
const startCommand = 'npm start';

export function HomeTrouble() {
  const kind = useLive((state) => state.home.kind);
  return kind === 'unauthorized' ? <NewLink /> : <Lost />;
}

function NewLink() {
  const { t } = useTranslation();
  return (
    <main className="trouble trouble-whole">
      <KeyRound size={32} aria-hidden="true" />
      <h1>{t('trouble.linkTitle')}</h1>
      <p>{t('trouble.linkText')}</p>
      <p>{t('trouble.linkAction')}</p>
      <CommandLine command={startCommand} />
    </main>
  );
}

function Lost() {
  const { t } = useTranslation();
  const { home } = useServices();
  const now = useNow();
  const cli = useLive((live) => live.info?.cli);
  const state = useLive((live) => live.home);
  const seconds = state.kind === 'lost' ? Math.ceil((state.retryAt - now) / 1000) : 0;
  return (
    <div className="trouble">
      <Unplug size={32} aria-hidden="true" />
      <h1>{t('trouble.lostTitle')}</h1>
      <p>{t('trouble.lostText')}</p>
      <p>{t('trouble.lostAction', { command: cli === undefined ? startCommand : `${plainText(cli, 100)} serve` })}</p>
      <p className="trouble-command">
        <button type="button" className="button button-primary" onClick={() => home.retry()}>
          {t('action.retryNow')}
        </button>
        <span className="faint">{seconds > 0 ? t('trouble.lostRetry', { seconds }) : t('trouble.lostRetrying')}</span>
      </p>
    </div>
  );
}
