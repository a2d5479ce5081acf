/** Standing trouble, each with what to do about it. */
import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { HealthWarning, Snapshot } from '../../../core/contract/status.ts';
import { useWarningText } from '../../i18n/use-warning-text.ts';
import { useLive } from '../../stores/services.ts';
import { bySeverity } from '../../stores/use-troubles.ts';
import { plainText } from '../../text/plain-text.ts';
import { LostNames } from './LostNames.tsx';
import { ProfileRefused } from './ProfileRefused.tsx';

const looks = {
  notice: { icon: Info, name: 'overview.notice' },
  warning: { icon: TriangleAlert, name: 'overview.warning' },
  error: { icon: CircleAlert, name: 'overview.errorSeverity' },
} as const;

export function HealthPanel({ snapshot: { warnings, fakeIp } }: { snapshot: Snapshot }) {
  const { t } = useTranslation();
  const profile = useLive((state) => state.info?.profile ?? undefined);
  const refused = profile?.state === 'refused' ? profile : undefined;
  return (
    <section className="panel health" aria-label={t('overview.health')}>
      <h2>{t('overview.health')}</h2>
      {warnings.length === 0 && refused === undefined ? (
        <p className="health-good">
          <CircleCheck size={16} aria-hidden="true" />
          {t('overview.healthy')}
        </p>
      ) : (
        <ul aria-live="polite">
          {refused === undefined ? null : <ProfileRefused profile={refused} />}
          {bySeverity(warnings).map((warning) => (
            <Warning key={warning.code} warning={warning} />
          ))}
        </ul>
      )}
      <LostNames fakeIp={fakeIp} />
    </section>
  );
}

function Warning({ warning }: { warning: HealthWarning }) {
  const { t } = useTranslation();
  const { icon: Icon, name } = looks[warning.severity];
  const { title, text, action } = useWarningText()(warning);
  return (
    <li className="health-item" data-severity={warning.severity}>
      <Icon size={16} aria-label={t(name)} />
      <div>
        <h3>{plainText(title, 120)}</h3>
        <p className="soft">{plainText(text, 500)}</p>
        {action === undefined ? null : <p>{plainText(action, 300)}</p>}
        <p className="mono faint">{plainText(warning.code, 60)}</p>
      </div>
    </li>
  );
}
