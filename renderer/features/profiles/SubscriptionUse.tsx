/** What a subscription says of itself: how much of its traffic is used, and when it ends; as a bar and in words. */
import { useTranslation } from 'react-i18next';
import type { SubscriptionInfo } from '../../../core/contract/providers.ts';
import { useNow } from '../../stores/services.ts';
import { formatBytes, formatDate } from '../../text/format.ts';
import { daysLeft, usedOf } from './subscription-use.ts';

export function SubscriptionUse({ info }: { info: SubscriptionInfo }) {
  const { t } = useTranslation();
  const now = useNow();
  const { used, total, share, tone } = usedOf(info);
  const days = daysLeft(info.expires, now);
  return (
    <div className="subscription-use">
      {share === undefined ? null : (
        <div
          className="use-bar"
          role="meter"
          aria-label={t('profiles.traffic')}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(share * 100)}
          aria-valuetext={t('profiles.usedOf', { used: formatBytes(used ?? 0), total: formatBytes(total ?? 0) })}
          data-tone={tone}
        >
          <span style={{ width: `${share * 100}%` }} />
        </div>
      )}
      <p className="use-words">
        {used === undefined ? null : (
          <span data-tone={tone}>
            {total === undefined
              ? t('profiles.usedOnly', { used: formatBytes(used) })
              : t('profiles.usedOf', { used: formatBytes(used), total: formatBytes(total) })}
            {tone === 'over' ? ` · ${t('profiles.usedUp')}` : ''}
          </span>
        )}
        {days === undefined || info.expires === undefined ? null : (
          <span data-tone={days < 0 ? 'over' : days < 7 ? 'near' : 'fine'}>
            {days < 0
              ? t('profiles.expired', { date: formatDate(info.expires) })
              : t('profiles.expires', { date: formatDate(info.expires), count: days })}
          </span>
        )}
      </p>
    </div>
  );
}
