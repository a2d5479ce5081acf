/** The profile in use and its problems. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AppInfo } from '../../../core/contract/app.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { ProblemList } from '../../components/ProblemList.tsx';
import { useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';
import { SettingRow, SettingSection } from './SettingSection.tsx';
import '../../components/error-card.css';

export function ProfileSection({ info, onReload }: { info: AppInfo | undefined; onReload: (info: AppInfo) => void }) {
  const { t } = useTranslation();
  const { bridge, notices } = useServices();
  const [reloading, setReloading] = useState(false);
  const reload = async () => {
    setReloading(true);
    try {
      const fresh = await bridge.call('reloadProfile', {});
      onReload(fresh);
      const problems = fresh.profile?.problems.length ?? 0;
      notices.say(problems === 0 ? t('settings.reloaded') : t('settings.reloadedWith', { count: problems }));
    } catch (caught) {
      notices.fail(t('settings.reloadFailed'), errorDataOf(caught));
    }
    setReloading(false);
  };
  const profile = info?.profile;
  return (
    <SettingSection
      title={t('settings.profile')}
      action={
        <button
          type="button"
          className="button"
          disabled={reloading || info === undefined}
          onClick={() => void reload()}
        >
          {t('settings.reload')}
        </button>
      }
    >
      <SettingRow name={t('settings.profilePath')}>
        {profile === undefined || profile === null ? (
          <span className="soft">{info === undefined ? '–' : t('settings.profileNone')}</span>
        ) : (
          <span className="mono">{plainText(profile.path, 400)}</span>
        )}
      </SettingRow>
      {profile === undefined || profile === null ? null : (
        <div className="setting-block">
          {profile.problems.length === 0 ? (
            <p className="soft">{t('settings.profileNoProblems')}</p>
          ) : (
            <ProblemList problems={profile.problems} />
          )}
        </div>
      )}
    </SettingSection>
  );
}
