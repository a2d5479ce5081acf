/** The profiles of a user and what they name, put together: the same for the desktop, `mirage serve` and the command line. */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { ProfileLibrary } from '../profile/profile-library.ts';
import { Downloader } from '../provider/download/download.ts';
import type { HttpProxy } from '../provider/download/http-request.ts';
import { ProviderCache } from '../provider/provider-cache.ts';
import { Providers } from '../provider/providers.ts';
import { fetchSubscription } from '../provider/subscription.ts';

export interface UserProfilesOptions {
  /** The user's own directory, `userConfigDir()`. */
  readonly directory: string;
  /** A file that the person named for this run. */
  readonly named?: string;
  /** What downloads go through now; undefined = directly. */
  readonly proxy: () => HttpProxy | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface UserProfiles {
  readonly profiles: ProfileLibrary;
  readonly providers: Providers;
}

export function userProfiles({ directory, named, proxy, version, clock, logger }: UserProfilesOptions): UserProfiles {
  const downloader = new Downloader({ clock, proxy, version });
  const cache = new ProviderCache(join(directory, 'providers'));
  const providers = new Providers({ cache, downloader, clock, logger: logger.child('providers') });
  const contents = (of: string | undefined) => providers.sourceFor(of);
  const fetch = fetchSubscription(downloader);
  const profiles = new ProfileLibrary({
    directory,
    contents,
    fetch,
    now: () => clock.now(),
    ...(named === undefined ? {} : { named }),
  });
  return { profiles, providers };
}
