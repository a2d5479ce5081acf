/** What the profile in use says and what came of it: whether it is in force, and its problems. */
import { CircleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { ProfileInfo } from '../../../core/contract/app.ts';
import { ProblemList } from '../../components/ProblemList.tsx';
import { plainText } from '../../text/plain-text.ts';
import { InForce } from '../overview/ProfileRefused.tsx';
import '../../components/error-card.css';

export function ProfileReport({ profile }: { profile: ProfileInfo }) {
  const { t } = useTranslation();
  return (
    <section className="profile-report" aria-label={t('profiles.report')}>
      <h2>{t('profiles.report')}</h2>
      <p className="mono faint">{plainText(profile.path, 400)}</p>
      <ProfileState profile={profile} />
      {profile.problems.length === 0 ? (
        <p className="soft">{t('profiles.noProblems')}</p>
      ) : (
        <ProblemList problems={profile.problems} />
      )}
    </section>
  );
}

/** Whether the file is what is in force. */
function ProfileState({ profile }: { profile: ProfileInfo }) {
  const { t } = useTranslation();
  switch (profile.state) {
    case 'applied':
      return null;
    case 'pending':
      return <p className="soft profile-state">{t('profile.pending')}</p>;
    case 'refused':
      return (
        <div className="profile-state" role="alert">
          <p className="profile-refused">
            <CircleAlert size={16} aria-hidden="true" />
            <strong>{t('profile.notApplied')}</strong>
          </p>
          <p>
            <InForce profile={profile} />
          </p>
          {profile.error === undefined || profile.problems.some(({ severity }) => severity === 'error') ? null : (
            <p className="mono faint">
              {profile.error.code} {plainText(profile.error.message, 300)}
            </p>
          )}
        </div>
      );
  }
}
