/** Puts a profile in force: as it is, or else the last version of it that was. */
import { AppError } from '../base/app-error.ts';
import { configRefusals } from '../contract/error.ts';
import type { LastGood, LoadedProfile } from '../profile/loaded-profile.ts';
import type { ProfileLibrary } from '../profile/profile-library.ts';
import { type ApplyOptions, applyConfig, type BlobSource } from './apply-config.ts';
import type { HelperClient } from './helper-client.ts';

export interface ProfileHome {
  readonly helper: Pick<HelperClient, 'call'>;
  readonly library: Pick<ProfileLibrary, 'keepGood' | 'lastGood'>;
  readonly blobs: BlobSource;
}

export interface AppliedProfile {
  /** Of the configuration in force. */
  readonly hash: string;
  /** What is in force instead of the profile. */
  readonly instead?: LastGood;
  /** What the helper has against the profile as it is. */
  readonly refusal?: AppError;
}

/**
 * Only a version that the helper has taken is kept as the last good one. Undefined: the profile cannot be used, and never was in
 * force. Rejects with what the helper says where there is no other version or it is refused as well, and with whatever else keeps a
 * configuration from being applied.
 */
export async function applyProfile(
  home: ProfileHome,
  loaded: LoadedProfile,
  options: ApplyOptions = {},
): Promise<AppliedProfile | undefined> {
  const { helper, library, blobs } = home;
  const named = { ...options, profile: loaded.id };
  let refusal: AppError | undefined;
  if (loaded.config !== undefined) {
    try {
      const { hash } = await applyConfig(helper, loaded.config, blobs, named);
      library.keepGood(loaded);
      return { hash };
    } catch (caught) {
      if (!(caught instanceof AppError) || !configRefusals.has(caught.code)) throw caught;
      refusal = caught;
    }
  }
  const instead = library.lastGood(loaded);
  if (instead === undefined && refusal !== undefined) throw refusal;
  if (instead === undefined) return undefined;
  const { hash } = await applyConfig(helper, instead.config, blobs, named).catch((caught: unknown) => {
    throw caught instanceof AppError && configRefusals.has(caught.code) ? (refusal ?? caught) : caught;
  });
  return { hash, instead, ...(refusal === undefined ? {} : { refusal }) };
}
