/** That the profile is not applied, why, and what is in force instead. */
import { CircleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { ProfileInfo } from '../../../core/contract/app.ts';
import { useErrorText } from '../../i18n/use-error-text.ts';
import { useLive } from '../../stores/services.ts';
import { formatCount, formatDateTime } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';

export function ProfileRefused({ profile }: { profile: ProfileInfo }) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const errors = profile.problems.filter(({ severity }) => severity === 'error').length;
  return (
    <li className="health-item" data-severity="error">
      <CircleAlert size={16} aria-label={t('overview.errorSeverity')} />
      <div>
        <h3>{t('profile.notApplied')}</h3>
        <p className="soft">
          {errors > 0
            ? t('profile.hasErrors', { count: errors, file: plainText(profile.path, 200) })
            : `${plainText(profile.path, 200)}: ${errorText(profile.error?.code ?? 'INTERNAL').title}`}
        </p>
        <p>
          <InForce profile={profile} />
        </p>
        <p>
          <a className="link" href="#/profiles">
            {t('profile.showProblems')}
          </a>
        </p>
      </div>
    </li>
  );
}

/** Which configuration holds while the profile does not. */
export function InForce({ profile }: { profile: ProfileInfo }) {
  const { t } = useTranslation();
  const config = useLive((state) => state.snapshot?.config);
  if (config === undefined) return null;
  if (profile.lastGood !== undefined) return t('profile.inForceLastGood', { time: formatDateTime(profile.lastGood) });
  const { rules, proxies } = config;
  return t(proxies === 0 ? 'profile.inForceDirect' : 'profile.inForce', {
    rules: formatCount(rules),
    proxies: formatCount(proxies),
  });
}
