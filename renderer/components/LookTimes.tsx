/** When something that is downloaded came, and when it is looked for again: moves with the clock. */
import { useTranslation } from 'react-i18next';
import { formatDateTime } from '../text/format.ts';
import { ClockText } from './Age.tsx';
import { useDuration } from './use-duration.ts';

/** Unix milliseconds; `updatedAt` null = it never came, `nextAt` null = only when somebody asks. */
export function LookTimes({ updatedAt, nextAt }: { updatedAt: number | null; nextAt: number | null }) {
  const { t } = useTranslation();
  const text = useDuration();
  const title = updatedAt === null ? undefined : formatDateTime(updatedAt);
  return (
    <>
      <span title={title}>
        {updatedAt === null ? (
          t('download.never')
        ) : (
          <ClockText write={(now) => t('download.updated', { ago: text.ago(updatedAt, now) })} />
        )}
      </span>
      {' · '}
      {nextAt === null ? (
        t('download.byHand')
      ) : (
        <span title={formatDateTime(nextAt)}>
          <NextText nextAt={nextAt} />
        </span>
      )}
    </>
  );
}

function NextText({ nextAt }: { nextAt: number }) {
  const { t } = useTranslation();
  const text = useDuration();
  return (
    <ClockText
      write={(now) => (nextAt <= now ? t('download.soon') : t('download.next', { in: text.brief(nextAt - now) }))}
    />
  );
}
