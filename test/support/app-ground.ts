/** An app process whose helper, profiles and providers only pretend: what its tests stand on. */
import { beforeEach } from 'vitest';
import { AppService } from '../../core/app/app-service.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { type Config, defaultConfig } from '../../core/contract/config.ts';
import type { LoadedProfile } from '../../core/profile/loaded-profile.ts';
import { HelperDouble } from './helper-double.ts';
import { ManualClock } from './manual-clock.ts';
import { ProfileLibraryDouble } from './profile-library-double.ts';
import { ProvidersDouble } from './providers-double.ts';

export const ownConfig: Config = { ...defaultConfig, logLevel: 'debug' };
export const ownProfile: LoadedProfile = {
  path: '/home/u/.config/mirage/profile.yaml',
  text: '',
  config: ownConfig,
  problems: [],
};

export class AppGround {
  helper = new HelperDouble();
  clock = new ManualClock();
  profiles = new ProfileLibraryDouble({ one: ownProfile });
  providers = new ProvidersDouble();
  /** Profiles whose problems were told. */
  reported: LoadedProfile[] = [];

  begin(): void {
    this.helper = new HelperDouble();
    this.clock = new ManualClock();
    this.profiles = new ProfileLibraryDouble({ one: ownProfile });
    this.providers = new ProvidersDouble();
    this.reported = [];
  }

  readonly started = async (options: { enhancedAtStart?: boolean } = {}): Promise<AppService> => {
    const service = new AppService({
      helper: this.helper,
      profiles: this.profiles,
      providers: this.providers,
      report: (read) => this.reported.push(read),
      clock: this.clock,
      logger: silentLogger,
      info: { version: '0.1.0', home: 'browser', platform: 'linux', cli: 'mirage', offlineRestore: null },
      enhancedAtStart: options.enhancedAtStart ?? false,
    });
    await service.start();
    return service;
  };

  readonly called = () => this.helper.calls.map(([method]) => method);

  readonly callsOf = (wanted: string) =>
    this.helper.calls.flatMap(([method, params]) => {
      if (method !== wanted) return [];
      const { profile: _, ...rest } = { profile: undefined, ...(params as object) };
      return [rest];
    });
}

/** A ground of its own for each test of the file. */
export function appGround(): AppGround {
  const ground = new AppGround();
  beforeEach(() => ground.begin());
  return ground;
}
