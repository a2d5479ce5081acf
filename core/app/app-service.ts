/**
 * The heart of the app process, the same under Electron and `mirage serve`: one helper connection shared by any number of
 * viewers, the profile kept applied, the session kept alive. It knows nothing of windows, sockets or files.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import { SerialQueue } from '../base/serial-queue.ts';
import type {
  AppEvents,
  AppInfo,
  AppMethodName,
  AppParams,
  AppResult,
  HelperLink,
  MirageBridge,
  OwnMethodName,
  ProfileEntry,
  ProfileInfo,
  Unsubscribe,
} from '../contract/app.ts';
import { defaultConfig } from '../contract/config.ts';
import type { ErrorData } from '../contract/error.ts';
import {
  type RelayedMethodName,
  relayedMethods,
  type SubscribeOptions,
  type TopicBatch,
  type TopicName,
} from '../contract/rpc.ts';
import type { Snapshot } from '../contract/status.ts';
import type { LoadedProfile, ProfileLibrary } from '../profile/profile-library.ts';
import { summary } from '../profile/report.ts';
import type { HttpProxy } from '../provider/download/http-request.ts';
import type { Providers } from '../provider/providers.ts';
import { unchecked } from '../rpc/unchecked.ts';
import { applyConfig } from './apply-config.ts';
import type { HelperClient } from './helper-client.ts';
import { mixedPortProxy } from './mixed-port-proxy.ts';
import { SessionHold } from './session-hold.ts';

/** Milliseconds between two renewals of the session's lease; it lives 20 s. */
export const leaseInterval = 5_000;
/** Milliseconds between two looks at which profiles are due to be downloaded anew. */
const updateInterval = 60_000;
/** Milliseconds in which changes of providers are told once. */
const tellingMs = 250;

export interface AppServiceOptions {
  helper: HelperClient;
  profiles: Pick<ProfileLibrary, 'load' | 'list' | 'use' | 'addUrl' | 'update' | 'due' | 'onChanged'>;
  providers: Pick<Providers, 'use' | 'start' | 'stop' | 'update' | 'rows' | 'blob' | 'changed' | 'contentsChanged'>;
  /** Tells the person at the terminal what is wrong with a profile that was just read; also asked when nothing is. */
  report: (profile: LoadedProfile) => void;
  clock: Clock;
  logger: Logger;
  info: Omit<AppInfo, 'profile' | 'profiles'>;
  /** Turn Enhanced Mode on once the helper is reached for the first time. */
  enhancedAtStart: boolean;
  /** Hears which language a window speaks. */
  onLanguage?: (language: AppParams<'setLanguage'>['language']) => void;
}

type Outcome = Pick<ProfileInfo, 'state' | 'error' | 'lastGood'>;

/** Its methods are those of a viewer's bridge; each transport hands them on and gives back what it took. */
export class AppService implements MirageBridge, Service {
  /** Resolves once the helper was reached and brought up to date for the first time, whatever came of it. */
  readonly firstSettled: Promise<void>;
  readonly #helper: HelperClient;
  readonly #library: AppServiceOptions['profiles'];
  readonly #providers: AppServiceOptions['providers'];
  /** Profiles are read and applied one after the other. */
  readonly #reloads = new SerialQueue();
  readonly #report: AppServiceOptions['report'];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #info: AppServiceOptions['info'];
  readonly #session: SessionHold;
  readonly #onLanguage: NonNullable<AppServiceOptions['onLanguage']>;
  readonly #linkChanges = new Emitter<HelperLink>();
  readonly #snapshotChanges = new Emitter<Snapshot>();
  readonly #infoChanges = new Emitter<AppInfo>();
  readonly #releases: (() => void)[] = [];
  #onFirstSettled: () => void = () => undefined;
  #link: HelperLink;
  #enhancedWanted: boolean;
  #profile: LoadedProfile = { path: null, text: '', config: defaultConfig, problems: [] };
  #profiles: ProfileEntry[] = [];
  /** What came of the profile. */
  #outcome: Outcome = { state: 'pending' };
  #snapshot: Snapshot | undefined;
  /** Counts connections, so that work begun on a lost one ends itself. */
  #connection = 0;
  /** Until the profile is applied and the lease renewed, the helper's owner says nothing about what the person wants. */
  #settled = false;
  /** Another user had Enhanced Mode when the profile was to be applied: it is once that has ended. */
  #profileWaits = false;
  #updating = false;
  #cancelTelling: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: AppServiceOptions) {
    this.#helper = options.helper;
    this.#library = options.profiles;
    this.#providers = options.providers;
    this.#report = options.report;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#info = options.info;
    this.#onLanguage = options.onLanguage ?? (() => undefined);
    this.#session = new SessionHold(options.helper, options.clock, options.logger);
    this.firstSettled = new Promise((resolve) => {
      this.#onFirstSettled = resolve;
    });
    this.#link = options.helper.link;
    this.#enhancedWanted = options.enhancedAtStart;
  }

  /** Reads the profile and begins to connect; does not wait for the helper, which may come later. */
  async start(): Promise<void> {
    await this.#readProfile();
    this.#providers.start();
    this.#releases.push(
      this.#providers.changed.on(() => this.#tellProviders()),
      this.#providers.contentsChanged.on(() => void this.#followLibrary()),
      () => this.#providers.stop(),
      this.#helper.onLink((link) => this.#onLink(link)),
      this.#helper.on('snapshot', (snapshot) => this.#onSnapshot(snapshot)),
      this.#clock.every(leaseInterval, () => this.#renewLease()),
      this.#library.onChanged(() => void this.#followLibrary()),
      this.#clock.every(updateInterval, () => void this.#updateDue()),
    );
    this.#helper.connect();
    if (this.#helper.link.kind === 'connected') this.#onLink(this.#helper.link);
  }

  /** Turns our own session off, then leaves the helper. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  /** The last known state of the helper; undefined while it is not reached. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** What downloads of this process go through now; undefined = directly. */
  get downloadProxy(): HttpProxy | undefined {
    const { config, lastGood } = this.#profile;
    return mixedPortProxy(this.#snapshot, config ?? lastGood?.config);
  }

  /** `failed` stays until connected: attempts in between are not told, or a window would flicker. */
  get link(): HelperLink {
    return this.#link;
  }

  async call<M extends AppMethodName>(method: M, params: AppParams<M>): Promise<AppResult<M>> {
    return unchecked(await this.#carryOut(method, params));
  }

  /** The helper's methods are handed on; the app's own have a handler here. */
  #carryOut(method: AppMethodName, params: unknown): Promise<unknown> {
    if (isRelayed(method)) return this.#helper.call(method, unchecked(params));
    const handlers: { [N in OwnMethodName]: (params: AppParams<N>) => Promise<AppResult<N>> } = {
      getAppInfo: async () => this.#appInfo(),
      reloadProfile: () => this.#reloadProfile(),
      useProfile: ({ id }) => this.#useProfile(id),
      addProfile: ({ url }) => this.#addProfile(url),
      updateProfile: ({ id }) => this.#updateProfile(id),
      updateProviders: async ({ name }) => {
        await this.#providers.update(name);
        // What has come is in force when this answers.
        await this.#reloads.run(async () => undefined);
        return this.#appInfo();
      },
      setLanguage: async ({ language }) => {
        this.#onLanguage(language);
        return {};
      },
      setEnhanced: ({ on }) => this.#setEnhanced(on),
      restore: () => this.#session.restore(),
    };
    return handlers[method](unchecked(params));
  }

  on<E extends keyof AppEvents>(event: E, handler: (data: AppEvents[E]) => void): Unsubscribe {
    const subscriptions: { [N in keyof AppEvents]: (handler: (data: AppEvents[N]) => void) => Unsubscribe } = {
      link: (h) => {
        h(this.#link);
        return this.#linkChanges.on(h);
      },
      snapshot: (h) => {
        if (this.#snapshot !== undefined) h(this.#snapshot);
        return this.#snapshotChanges.on(h);
      },
      traffic: (h) => this.#helper.on('traffic', h),
      info: (h) => {
        h(this.#appInfo());
        return this.#infoChanges.on(h);
      },
    };
    return subscriptions[event](handler);
  }

  subscribe<T extends TopicName>(
    topic: T,
    options: SubscribeOptions,
    handler: (batch: TopicBatch<T>) => void,
    onRefused: (error: ErrorData) => void,
  ): Unsubscribe {
    return this.#helper.subscribe(topic, options, handler, onRefused);
  }

  #onLink(link: HelperLink): void {
    // Neither are further attempts that fail as the last one did.
    if (this.#link.kind === 'failed' && (link.kind === 'connecting' || isSame(link, this.#link))) return;
    this.#link = link;
    this.#connection += 1;
    this.#settled = false;
    if (link.kind === 'connected') void this.#settle(this.#connection);
    else this.#snapshot = undefined;
    this.#linkChanges.emit(link);
  }

  #onSnapshot(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    if (this.#settled) this.#session.reconcile(snapshot);
    if (this.#settled && this.#profileWaits && snapshot.mine) void this.#applyLate();
    this.#snapshotChanges.emit(snapshot);
  }

  /** Brings a fresh connection to where the person left things: profile first, then the session. */
  async #settle(connection: number): Promise<void> {
    const current = () => connection === this.#connection && this.#stopping === undefined;
    const steps = [() => this.#fetchSnapshot(), () => this.#applyProfile('when-mine'), () => this.#resumeSession()];
    for (const step of steps) {
      // One that fails does not keep the others from being done: a refused profile must not end the session.
      await step().catch((caught: unknown) =>
        this.#logger.warning('could not bring the helper up to date', describe(caught)),
      );
      if (!current()) return;
    }
    this.#settled = true;
    if (this.#snapshot !== undefined) this.#session.reconcile(this.#snapshot);
    if (this.#enhancedWanted) await this.#turnOnAsAsked();
    if (current()) this.#onFirstSettled();
  }

  async #fetchSnapshot(): Promise<void> {
    this.#onSnapshot(await this.#helper.call('getSnapshot', {}));
  }

  /** Looks again afterwards: only then does the helper tell its owner. */
  async #resumeSession(): Promise<void> {
    if (this.#snapshot !== undefined && (await this.#session.resume(this.#snapshot))) await this.#fetchSnapshot();
  }

  /**
   * A connection that is lost meanwhile leaves the wish for the next one; any other outcome ends it. Never with another
   * configuration than the profile that was asked for.
   */
  async #turnOnAsAsked(): Promise<void> {
    if (this.#outcome.state === 'refused') {
      this.#enhancedWanted = false;
      this.#logger.error('Enhanced Mode was not turned on: the profile is not applied', {
        reason: this.#outcome.error?.message ?? '',
      });
      return;
    }
    try {
      await this.#setEnhanced(true);
      this.#enhancedWanted = false;
    } catch (caught) {
      this.#enhancedWanted = this.#helper.link.kind !== 'connected';
      this.#logger.error('Enhanced Mode could not be turned on', describe(caught));
    }
  }

  /**
   * Without a file the default is applied, except over a persistent configuration that another program set up. `when-mine`
   * leaves it for later while another user has Enhanced Mode.
   */
  async #applyProfile(when: 'when-mine' | 'now'): Promise<void> {
    const { path, lastGood } = this.#profile;
    const config = this.#profile.config ?? lastGood?.config;
    if (config === undefined || (path === null && this.#snapshot?.owner?.mode === 'persistent')) return;
    this.#profileWaits = when === 'when-mine' && this.#snapshot?.mine === false;
    if (this.#profileWaits) return;
    const apply = applyConfig(this.#helper, config, (sha256) => this.#providers.blob(sha256));
    const { hash } = await apply.catch((caught: unknown) => {
      const error = AppError.from(caught);
      this.#profileWaits = error.code === 'HELPER_IN_USE';
      const isOpen = this.#profileWaits || this.#helper.link.kind !== 'connected';
      if (this.#profile.config !== undefined)
        this.#settleProfile(isOpen ? { state: 'pending' } : { state: 'refused', error: error.toData() });
      throw caught;
    });
    const instead = this.#profile.config === undefined ? lastGood : undefined;
    this.#settleProfile(instead === undefined ? { state: 'applied' } : { ...this.#outcome, lastGood: instead.at });
    this.#logger.info('applied the profile', { path: path ?? 'built-in default', hash });
  }

  async #applyLate(): Promise<void> {
    await this.#applyProfile('when-mine').catch((caught: unknown) =>
      this.#logger.warning('the profile could not be applied', describe(caught)),
    );
  }

  #renewLease(): void {
    if (this.#settled && this.#stopping === undefined) void this.#session.renew();
  }

  async #setEnhanced(on: boolean): Promise<Snapshot> {
    if (on && this.#profileWaits) await this.#applyProfile('now');
    const snapshot = await this.#session.set(on, this.#snapshot);
    this.#onSnapshot(snapshot);
    return snapshot;
  }

  #reloadProfile(): Promise<AppInfo> {
    return this.#reloads.run(async () => {
      await this.#readProfile();
      await this.#applyProfile('when-mine');
      return this.#appInfo();
    });
  }

  async #addProfile(url: string): Promise<AppInfo> {
    const { active } = await this.#library.addUrl(url);
    if (active) return await this.#reloadProfile();
    return await this.#relist();
  }

  async #updateProfile(id: string): Promise<AppInfo> {
    try {
      const { active } = await this.#library.update(id);
      if (active) return await this.#reloadProfile();
    } catch (caught) {
      await this.#relist(); // the entry has the reason
      throw caught;
    }
    return await this.#relist();
  }

  async #relist(): Promise<AppInfo> {
    this.#profiles = await this.#library.list().catch(() => []);
    this.#infoChanges.emit(this.#appInfo());
    return this.#appInfo();
  }

  /** One after the other: nobody waits for them. */
  async #updateDue(): Promise<void> {
    if (this.#updating) return;
    this.#updating = true;
    try {
      for (const id of this.#library.due())
        await this.#updateProfile(id).catch((caught: unknown) =>
          this.#logger.warning('a profile was not updated: the earlier version stays', describe(caught)),
        );
    } catch (caught) {
      this.#logger.warning('the list of profiles cannot be read', describe(caught));
    } finally {
      this.#updating = false;
    }
  }

  /** A choice that the helper refuses is taken back: then the profile of before stays in use. */
  #useProfile(id: string): Promise<AppInfo> {
    return this.#reloads.run(async () => {
      const before = (await this.#library.list()).find(({ active }) => active);
      await this.#library.use(id);
      await this.#readProfile();
      try {
        await this.#applyProfile('when-mine');
      } catch (caught) {
        const isRefused = this.#outcome.state === 'refused' && this.#profile.config !== undefined;
        if (isRefused && before !== undefined && before.id !== id) await this.#takeBack(before.id);
        throw caught;
      }
      return this.#appInfo();
    });
  }

  async #takeBack(id: string): Promise<void> {
    await this.#library.use(id);
    await this.#readProfile();
    await this.#applyProfile('when-mine').catch((caught: unknown) =>
      this.#logger.warning('the profile of before could not be applied', describe(caught)),
    );
  }

  /** Another program of this user's has chosen another profile, or changed the list. */
  async #followLibrary(): Promise<void> {
    await this.#reloadProfile().catch((caught: unknown) =>
      this.#logger.warning('the profile could not be changed', describe(caught)),
    );
  }

  /** There are many changes while downloads are under way. */
  #tellProviders(): void {
    this.#cancelTelling ??= this.#clock.after(tellingMs, () => {
      this.#cancelTelling = undefined;
      this.#infoChanges.emit(this.#appInfo());
    });
  }

  #appInfo(): AppInfo {
    const { path, problems } = this.#profile;
    const profile = path === null ? null : { path, problems, ...this.#outcome };
    return { ...this.#info, profile, profiles: this.#profiles, providers: this.#providers.rows() };
  }

  #settleProfile(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#infoChanges.emit(this.#appInfo());
  }

  async #readProfile(): Promise<void> {
    this.#profile = await this.#library.load();
    this.#profiles = await this.#library.list().catch(() => []); // why it cannot be read is a problem of the profile
    const { wanted, directory } = this.#profile;
    if (wanted !== undefined) this.#providers.use(wanted, directory);
    this.#report(this.#profile);
    const { config, failure = 'CONFIG_INVALID', problems } = this.#profile;
    const error = { code: failure, message: `the profile has ${summary(problems)}` };
    this.#settleProfile(config === undefined ? { state: 'refused', error } : { state: 'pending' });
  }

  async #end(): Promise<void> {
    await this.#session.end();
    this.#cancelTelling?.();
    for (const release of this.#releases.splice(0)) release();
    await this.#helper.close();
  }
}

function isRelayed(method: AppMethodName): method is RelayedMethodName {
  return Object.hasOwn(relayedMethods, method);
}

function describe(caught: unknown): { code: string; message: string } {
  const { code, message } = AppError.from(caught);
  return { code, message };
}

/** Whether both say the same: a failure for the same reason. */
function isSame(a: HelperLink, b: HelperLink): boolean {
  return (
    a.kind === 'failed' && b.kind === 'failed' && a.error.code === b.error.code && a.error.message === b.error.message
  );
}
