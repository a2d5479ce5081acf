/** How far a profile is on its way into force, and the way to end that. */

import { useTranslation } from 'react-i18next';
import type { AppInfo } from '../../../core/contract/app.ts';
import { ProgressLine } from '../../components/ProgressLine.tsx';
import { useServices } from '../../stores/services.ts';
import { formatCount } from '../../text/format.ts';

export function ApplyProgress({ applying }: { applying: AppInfo['applying'] }) {
  const { t } = useTranslation();
  const { bridge } = useServices();
  if (applying === undefined) return null;
  const { sets, of } = applying;
  const isCounted = of > 0 && sets < of;
  const text = isCounted
    ? t('profiles.applyingSets', { sets: formatCount(sets), of: formatCount(of) })
    : t('profiles.applying');
  return (
    <ProgressLine
      isStatus
      value={isCounted ? sets : undefined}
      max={of}
      text={text}
      stopLabel={t('profiles.cancelApply')}
      // What comes of it is told by the action that it ends.
      onStop={() => void bridge.call('cancelApply', {}).catch(() => undefined)}
    />
  );
}
