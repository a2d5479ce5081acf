/** Looks at all subscriptions anew, or ends that while it is under way. */
import { CloudDownload, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { AppInfo } from '../../../core/contract/app.ts';
import type { ProfileActions } from './use-profile-actions.ts';

export function UpdateAll({ info, actions }: { info: AppInfo | undefined; actions: ProfileActions }) {
  const { t } = useTranslation();
  const subscriptions = info?.profiles.filter(({ source }) => source.kind === 'url') ?? [];
  const updating = subscriptions.filter((entry) => entry.updating !== undefined).length;
  if (subscriptions.length === 0) return null;
  return updating === 0 ? (
    <button type="button" className="button" onClick={() => void actions.update()}>
      <CloudDownload size={14} aria-hidden="true" />
      {t('profiles.updateAll')}
    </button>
  ) : (
    <button type="button" className="button" onClick={() => actions.stop()}>
      <X size={14} aria-hidden="true" />
      {t('profiles.stopAll', { count: updating })}
    </button>
  );
}
