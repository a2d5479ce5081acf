/** The addresses that were dialled, each with what came of it and when; without that, those that were to be tried. */
import { useTranslation } from 'react-i18next';
import type { ConnectionRow, DialAttempt } from '../../../core/contract/flow.ts';
import { useErrorText } from '../../i18n/use-error-text.ts';
import { formatMillis } from '../../text/format.ts';
import { plainText } from '../../text/plain-text.ts';

export function DialAttempts({ row }: { row: Pick<ConnectionRow, 'attempts' | 'tried' | 'remote'> }) {
  const { t } = useTranslation();
  const attemptText = useAttemptText();
  const { attempts, tried = [], remote } = row;
  if (attempts !== undefined) {
    return (
      <ol className="trace-attempts">
        {attempts.map((attempt) => (
          <li key={`${attempt.begunMs} ${attempt.address}`}>
            <span className="mono">{plainText(attempt.address, 80)}</span>{' '}
            <span className={attempt.end === 'connected' ? 'trace-rule-hit' : 'faint'}>{attemptText(attempt)}</span>
          </li>
        ))}
      </ol>
    );
  }
  // One that succeeded at the only address says no more than the line above.
  if (tried.length === 0 || (tried.length === 1 && remote !== undefined)) return null;
  return (
    <p className="soft">
      {t('trace.tried')} <span className="mono">{tried.map((address) => plainText(address, 80)).join(', ')}</span>
    </p>
  );
}

function useAttemptText(): (attempt: DialAttempt) => string {
  const { t } = useTranslation();
  const errorText = useErrorText();
  return ({ begunMs, tookMs, end }) => {
    const duration = formatMillis(tookMs);
    const what =
      end === 'connected' || end === 'unanswered'
        ? t(`trace.attempt.${end}`, { duration })
        : t('trace.attempt.failed', { why: errorText(end).title, duration });
    return begunMs === 0 ? what : `${what} · ${t('trace.attempt.begun', { duration: formatMillis(begunMs) })}`;
  };
}
