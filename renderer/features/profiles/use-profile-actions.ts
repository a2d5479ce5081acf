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
  /** One that comes from an address, or all of those. */
  readonly update: (entry?: ProfileEntry) => Promise<void>;
  /** Ends that. */
  readonly stop: (entry?: ProfileEntry) => void;
  readonly rename: (entry: ProfileEntry, name: string) => Promise<void>;
  readonly remove: (entry: ProfileEntry) => Promise<void>;
  readonly switchOverride: (entry: ProfileEntry, on: boolean) => Promise<void>;
  readonly removeOverride: (entry: ProfileEntry) => Promise<void>;
  /** Takes the version that was looked at. */
  readonly take: (entry: ProfileEntry, looked: string) => Promise<void>;
}

export function useProfileActions(): ProfileActions {
  const { t } = useTranslation();
  const { bridge, notices, live } = useServices();
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
    const short = ({ name }: ProfileEntry) => ({ name: plainText(name, 60) });
    // Several may be under way, and one that is in use brings itself into force: what counts is what came of this one.
    const update = async (entry?: ProfileEntry, looked?: string) => {
      const before = new Map(live.getState().info?.profiles.map((each) => [each.id, each.subscription?.updatedAt]));
      try {
        const { profiles, profile } = await bridge.call('updateProfile', {
          ...(entry === undefined ? {} : { id: entry.id }),
          ...(looked === undefined ? {} : { looked }),
        });
        const some = profiles.filter(({ id, source }) =>
          entry === undefined ? source.kind === 'url' : id === entry.id,
        );
        const failed = some.filter(({ subscription }) => subscription?.error !== undefined).length;
        const fresh = some.filter(({ id, subscription }) => subscription?.updatedAt !== before.get(id)).length;
        if (some.some(({ active }) => active) && profile?.state === 'refused') notices.warn(t('profile.notApplied'));
        else if (failed > 0) notices.warn(t('profiles.someFailed', { count: failed }));
        else if (entry === undefined) notices.say(t('profiles.allUpdated', { fresh, count: some.length }));
        else notices.say(t(fresh > 0 ? 'profiles.updated' : 'profiles.unchanged', short(entry)));
      } catch (caught) {
        const error = errorDataOf(caught);
        if (error.code === 'DOWNLOAD_STOPPED') notices.say(t('profiles.stopped'));
        else notices.fail(t('profiles.updateOneFailed'), error);
      }
    };
    return {
      busy,
      update: (entry) => update(entry),
      take: update,
      switchOverride: (entry, on) =>
        carryOut(
          () => bridge.call('switchOverride', { id: entry.id, on }),
          () => t(`profiles.overrideTurned.${on ? 'on' : 'off'}`, short(entry)),
          t('profiles.overrideFailed'),
        ),
      removeOverride: (entry) =>
        carryOut(
          async () => {
            const { override } = await bridge.call('getProfileTexts', { id: entry.id });
            const { id } = entry;
            return await bridge.call('saveProfileText', { id, part: 'override', text: '', version: override.version });
          },
          () => t('profiles.overrideRemoved', short(entry)),
          t('profiles.overrideFailed'),
        ),
      stop: (entry) => {
        const what = { what: 'updating', ...(entry === undefined ? {} : { id: entry.id }) } as const;
        void bridge.call('stopProfiles', what).catch(() => undefined);
      },
      rename: (entry, name) =>
        carryOut(
          () => bridge.call('renameProfile', { id: entry.id, name }),
          () => t('profiles.renamed', { name: plainText(name, 60) }),
          t('profiles.renameFailed'),
        ),
      remove: (entry) =>
        carryOut(
          () => bridge.call('removeProfile', { id: entry.id }),
          () => t('profiles.removed', short(entry)),
          t('profiles.removeFailed'),
        ),
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
  }, [bridge, notices, live, t, busy]);
}
