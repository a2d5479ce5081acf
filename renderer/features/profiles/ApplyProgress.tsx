/** How far a profile is on its way into force, and the way to end that. */
import { X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { AppInfo } from '../../../core/contract/app.ts';
import { useServices } from '../../stores/services.ts';
import { formatCount } from '../../text/format.ts';
import '../../components/progress.css';

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
    <span className="progress-line" role="status">
      <progress max={Math.max(1, of)} value={isCounted ? sets : undefined} aria-label={text} />
      <span className="nowrap" aria-hidden="true">
        {text}
      </span>
      <button
        type="button"
        className="button button-quiet button-icon"
        aria-label={t('profiles.cancelApply')}
        title={t('profiles.cancelApply')}
        // What comes of it is told by the action that it ends.
        onClick={() => void bridge.call('cancelApply', {}).catch(() => undefined)}
      >
        <X size={15} aria-hidden="true" />
      </button>
    </span>
  );
}
