/** Versions, where this window runs, and the mixed port with its shell lines. */
import { useTranslation } from 'react-i18next';
import type { AppInfo } from '../../../core/contract/app.ts';
import { useCopy } from '../../components/use-copy.ts';
import { useLive } from '../../stores/services.ts';
import { formatCount, formatEndpoint } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';
import { SettingRow, SettingSection } from './SettingSection.tsx';

export function AboutSection({ info }: { info: AppInfo | undefined }) {
  const { t } = useTranslation();
  const copy = useCopy();
  const snapshot = useLive((state) => state.snapshot);
  const mixed = snapshot?.mixed ?? undefined;
  const mixedText = mixed === undefined ? undefined : plainText(formatEndpoint(mixed.address, mixed.port), 80);
  return (
    <SettingSection title={t('settings.about')}>
      <SettingRow name={t('settings.version')}>
        <span className="mono">{info === undefined ? '–' : plainText(info.version, 40)}</span>
      </SettingRow>
      <SettingRow name={t('settings.helperVersion')}>
        <span className="mono">{snapshot === undefined ? '–' : plainText(snapshot.version, 40)}</span>
      </SettingRow>
      <SettingRow name={t('settings.home')}>
        {info === undefined ? '–' : t(info.home === 'electron' ? 'settings.homeElectron' : 'settings.homeBrowser')}
      </SettingRow>
      <SettingRow name={t('settings.platform')}>{info === undefined ? '–' : plainText(info.platform, 80)}</SettingRow>
      {info === undefined ? null : (
        <SettingRow name={t('settings.cli')}>
          <span className="mono">{plainText(info.cli, 200)}</span>
        </SettingRow>
      )}
      <SettingRow name={t('settings.config')}>
        {snapshot === undefined ? (
          '–'
        ) : (
          <>
            <span>
              {t('overview.rules')} {formatCount(snapshot.config.rules)} · {t('overview.proxies')}{' '}
              {formatCount(snapshot.config.proxies)}
            </span>
            <span className="mono faint">{plainText(snapshot.config.hash, 12)}</span>
          </>
        )}
      </SettingRow>
      <SettingRow name={t('settings.mixed')}>
        {mixedText === undefined ? (
          <span className="soft">{t('overview.mixedNone')}</span>
        ) : (
          <>
            <span className="mono">{mixedText}</span>
            <button type="button" className="button" onClick={() => copy(shellEnvironment(mixedText))}>
              {t('settings.proxyEnvironment')}
            </button>
          </>
        )}
      </SettingRow>
    </SettingSection>
  );
}

/** Lines for bash and zsh; `socks5h` leaves the names to the proxy. */
function shellEnvironment(endpoint: string): string {
  return [
    `export http_proxy=http://${endpoint}`,
    `export https_proxy=http://${endpoint}`,
    `export all_proxy=socks5h://${endpoint}`,
    'export no_proxy=localhost,127.0.0.0/8,::1',
  ].join('\n');
}
