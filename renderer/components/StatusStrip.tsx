/** The line at the lower edge: state, speeds, live connections, and whether the helper is there. */
import { ArrowDown, ArrowUp, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../stores/services.ts';
import { useTroubles } from '../stores/use-troubles.ts';
import { formatRate } from '../text/format.ts';
import { plainText } from '../text/plain-text.ts';

const tones = {
  stopped: 'off',
  starting: 'busy',
  running: 'on',
  stopping: 'busy',
  error: 'bad',
  unknown: 'off',
} as const;

export function StatusStrip() {
  const { t } = useTranslation();
  const state = useLive(({ snapshot }) => snapshot?.tunnel.kind ?? 'unknown');
  const sample = useLive(({ traffic }) => traffic.at(-1));
  return (
    <footer className="strip" aria-label={t('strip.label')}>
      <span className="strip-item">
        <span className="dot" data-tone={tones[state]} />
        {t('strip.enhanced', { state: t(`state.${state}`) })}
      </span>
      <Troubles />
      {sample === undefined ? null : (
        <>
          <span className="strip-item strip-speed" title={t('overview.down')}>
            <ArrowDown size={12} aria-label={t('overview.down')} />
            {formatRate(sample.down)}
          </span>
          <span className="strip-item strip-speed" title={t('overview.up')}>
            <ArrowUp size={12} aria-label={t('overview.up')} />
            {formatRate(sample.up)}
          </span>
          <span className="strip-item">{t('strip.live', { count: sample.live })}</span>
          <span className="strip-item">{t('strip.questions', { count: sample.dnsQuestions })}</span>
        </>
      )}
      <span className="strip-space" />
      <HelperState />
    </footer>
  );
}

/** On every page, until there is nothing any more. */
function Troubles() {
  const { t } = useTranslation();
  const troubles = useTroubles();
  const [worst] = troubles;
  if (worst === undefined) return null;
  return (
    <a className="strip-item strip-trouble" href="#/overview">
      <TriangleAlert size={12} aria-hidden="true" />
      {worst.kind === 'profile' ? t('profile.notApplied') : t('strip.troubles', { count: troubles.length })}
    </a>
  );
}

function HelperState() {
  const { t } = useTranslation();
  const home = useLive((state) => state.home.kind);
  const link = useLive((state) => state.link);
  const version = useLive((state) => state.snapshot?.version);
  if (home === 'lost') return <StripLink tone="bad" text={t('strip.appLost')} />;
  switch (link.kind) {
    case 'connecting':
      return <StripLink tone="busy" text={t('strip.helperConnecting')} />;
    case 'connected':
      return <StripLink tone="on" text={t('strip.helperConnected')} detail={version} />;
    case 'failed':
      return <StripLink tone="bad" text={t('strip.helperFailed')} detail={link.error.code} />;
  }
}

function StripLink({ tone, text, detail }: { tone: string; text: string; detail?: string | undefined }) {
  return (
    <span className="strip-item">
      <span className="dot" data-tone={tone} />
      {text}
      {detail === undefined ? null : <span className="mono faint">{plainText(detail, 40)}</span>}
    </span>
  );
}
