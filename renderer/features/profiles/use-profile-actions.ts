/** Puts profiles in use and reads the one in use again, with a word about what came of it. */
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AppInfo, ProfileEntry } from '../../../core/contract/app.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { useServices } from '../../stores/services.ts';
import { plainText } from '../../text/plain-text.ts';

/** None of them rejects. */
export interface ProfileActions {
  /** One of them is under way. */
  readonly busy: boolean;
  readonly use: (entry: ProfileEntry) => Promise<void>;
  readonly reload: () => Promise<void>;
}

export function useProfileActions(): ProfileActions {
  const { t } = useTranslation();
  const { bridge, notices } = useServices();
  const [busy, setBusy] = useState(false);
  return useMemo(() => {
    const carryOut = async (
      ask: () => Promise<AppInfo>,
      done: (info: AppInfo) => string | undefined,
      failed: string,
    ) => {
      setBusy(true);
      try {
        const info = await ask();
        if (info.profile?.state === 'refused') notices.warn(t('profile.notApplied'));
        else {
          const said = done(info);
          if (said !== undefined) notices.say(said);
        }
      } catch (caught) {
        notices.fail(failed, errorDataOf(caught));
      }
      setBusy(false);
    };
    return {
      busy,
      use: ({ id, name }) =>
        carryOut(
          () => bridge.call('useProfile', { id }),
          // Another one may have been chosen meanwhile; who chose that one is told.
          ({ profiles }) =>
            profiles.some((each) => each.id === id && each.active)
              ? t('profiles.used', { name: plainText(name, 60) })
              : undefined,
          t('profiles.useFailed'),
        ),
      reload: () =>
        carryOut(
          () => bridge.call('reloadProfile', {}),
          ({ profile }) => {
            const count = profile?.problems.length ?? 0;
            return count === 0 ? t('profiles.reloaded') : t('profiles.reloadedWith', { count });
          },
          t('profiles.reloadFailed'),
        ),
    };
  }, [bridge, notices, t, busy]);
}
