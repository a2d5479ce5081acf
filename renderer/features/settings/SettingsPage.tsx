/** What the person may choose, which profile is used, and what this is. */
import { useTranslation } from 'react-i18next';
import { PageHeader } from '../../components/PageHeader.tsx';
import { Segmented } from '../../components/Segmented.tsx';
import { useLive, useServices, useUi } from '../../stores/services.ts';
import { AboutSection } from './AboutSection.tsx';
import { DnsSection } from './DnsSection.tsx';
import { SettingRow, SettingSection } from './SettingSection.tsx';

export function SettingsPage() {
  const { t } = useTranslation();
  const info = useLive((state) => state.info);
  return (
    <>
      <PageHeader title={t('settings.title')} />
      <div className="page-body">
        <div className="settings">
          <AppearanceSection />
          <DnsSection />
          <AboutSection info={info} />
        </div>
      </div>
    </>
  );
}

function AppearanceSection() {
  const { t } = useTranslation();
  const { ui } = useServices();
  const { language, theme } = useUi((state) => state.preferences);
  return (
    <SettingSection title={t('settings.appearance')}>
      <SettingRow name={t('settings.language')}>
        <Segmented
          label={t('settings.language')}
          value={language}
          onChange={(value) => ui.prefer({ language: value })}
          options={[
            { value: 'system', label: t('settings.languageSystem') },
            { value: 'en', label: 'English' },
            { value: 'zh-CN', label: '简体中文' },
          ]}
        />
      </SettingRow>
      <SettingRow name={t('settings.theme')}>
        <Segmented
          label={t('settings.theme')}
          value={theme}
          onChange={(value) => ui.prefer({ theme: value })}
          options={[
            { value: 'system', label: t('settings.themeSystem') },
            { value: 'light', label: t('settings.themeLight') },
            { value: 'dark', label: t('settings.themeDark') },
          ]}
        />
      </SettingRow>
    </SettingSection>
  );
}
