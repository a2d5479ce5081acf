/** The real app process over profiles on disk and a helper in memory, for windows whose other pages show a Mirage in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppService } from '../../core/app/app-service.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import type { AppMethodName, MirageBridge } from '../../core/contract/app.ts';
import { ProfileLibrary } from '../../core/profile/profile-library.ts';
import { HelperDouble } from './helper-double.ts';
import { ProvidersDouble } from './providers-double.ts';

export interface ProfileWorld {
  readonly app: AppService;
  readonly library: ProfileLibrary;
  readonly helper: HelperDouble;
  /** Where files of the person's own may be. */
  readonly home: string;
  /** What the server of every subscription has. */
  served: string;
  stop(): Promise<void>;
}

/** `prepare` adds profiles before the app starts. */
export async function profileWorld(prepare: (world: ProfileWorld) => Promise<void>): Promise<ProfileWorld> {
  const home = mkdtempSync(join(tmpdir(), 'mirage-profiles-'));
  const library = new ProfileLibrary({
    directory: join(home, 'config'),
    fetch: async () => ({ kind: 'fresh', text: world.served }),
  });
  const helper = new HelperDouble();
  const app = new AppService({
    helper,
    profiles: library,
    providers: new ProvidersDouble(),
    report: () => undefined,
    clock: systemClock,
    logger: silentLogger,
    info: { version: '0.1.0', home: 'browser', platform: 'linux', cli: 'mirage', offlineRestore: null },
    enhancedAtStart: false,
  });
  const world: ProfileWorld = {
    app,
    library,
    helper,
    home,
    served: '',
    stop: async () => {
      await app.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
  await prepare(world);
  await app.start();
  helper.up();
  await app.firstSettled;
  return world;
}

const ofProfiles: ReadonlySet<AppMethodName> = new Set([
  'getAppInfo',
  'getProfileTexts',
  'tryProfileText',
  'saveProfileText',
  'switchOverride',
  'previewOverride',
  'previewProfile',
  'updateProfile',
  'addRule',
  'useProfile',
  'reloadProfile',
  'renameProfile',
  'removeProfile',
  'stopProfiles',
]);

/** Everything from one bridge, but profiles from another. */
export function withProfilesOf(app: MirageBridge, others: MirageBridge): MirageBridge {
  return {
    call: (method, params) => (ofProfiles.has(method) ? app : others).call(method, params),
    on: (event, handler) => (event === 'info' ? app : others).on(event, handler),
    subscribe: (topic, options, handler, onRefused) => others.subscribe(topic, options, handler, onRefused),
  };
}
