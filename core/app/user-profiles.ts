/** The profiles of a user and what they name, put together: the same for the desktop, `mirage serve` and the command line. */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { ReadingOptions } from '../profile/loaded-profile.ts';
import { ProfileLibrary } from '../profile/profile-library.ts';
import { Downloader, type DownloadProxy } from '../provider/download/download.ts';
import { ProviderCache } from '../provider/provider-cache.ts';
import { Providers } from '../provider/providers.ts';
import { fetchSubscription } from '../provider/subscription.ts';

export interface UserProfilesOptions {
  /** The user's own directory, `userConfigDir()`. */
  readonly directory: string;
  /** A file that the person named for this run. */
  readonly named?: string;
  /** What downloads go through now, by this policy or the rules; undefined = directly. */
  readonly proxy: DownloadProxy;
  /** Of the user: root's profiles may open any port. */
  readonly uid: number;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface UserProfiles {
  readonly profiles: ProfileLibrary;
  readonly providers: Providers;
  /** How files of this user's are read that are not in the list. */
  readonly reading: ReadingOptions;
}

export function userProfiles(options: UserProfilesOptions): UserProfiles {
  const { directory, named, proxy, uid, version, clock, logger } = options;
  const downloader = new Downloader({ clock, proxy, version });
  const cache = new ProviderCache(join(directory, 'providers'));
  const providers = new Providers({ cache, downloader, clock, logger: logger.child('providers') });
  const reading: ReadingOptions = { contents: (of) => providers.sourceFor(of), lowPorts: uid === 0 };
  const fetch = fetchSubscription(downloader);
  const profiles = new ProfileLibrary({
    directory,
    ...reading,
    fetch,
    now: () => clock.now(),
    ...(named === undefined ? {} : { named }),
  });
  return { profiles, providers, reading };
}
