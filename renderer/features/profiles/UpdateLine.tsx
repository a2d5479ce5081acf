/** When a profile came, when it is looked for again, and why the last look came to nothing. */
import { TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { ProfileEntry } from '../../../core/contract/app.ts';
import { LookTimes } from '../../components/LookTimes.tsx';
import { useErrorText } from '../../i18n/use-error-text.ts';
import { formatDateTime } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';

export function UpdateLine({ subscription }: { subscription: NonNullable<ProfileEntry['subscription']> }) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const { updatedAt, nextAt, checkedAt, error } = subscription;
  return (
    <>
      <p className="faint">
        <LookTimes updatedAt={updatedAt} nextAt={nextAt} />
      </p>
      {error === undefined ? null : (
        <p className="update-failed" title={`${error.code} ${plainText(error.message, 300)}`}>
          <TriangleAlert size={14} aria-hidden="true" />
          <span>
            {t('profiles.updateFailed', { time: formatDateTime(checkedAt), why: errorText(error.code).title })}{' '}
            {updatedAt > 0 ? t('profiles.keptVersion', { time: formatDateTime(updatedAt) }) : null}
          </span>
        </p>
      )}
    </>
  );
}
