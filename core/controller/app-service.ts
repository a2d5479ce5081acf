/**
 * The heart of the app process, the same under Electron and `mirage serve`: one helper connection shared by any number of
 * viewers, the profile kept applied, the session kept alive. It knows nothing of windows, sockets or files.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type {
  AppEvents,
  AppInfo,
  AppMethodName,
  AppParams,
  AppResult,
  HelperLink,
  MirageBridge,
  Unsubscribe,
} from '../contract/app.ts';
import { defaultConfig } from '../contract/config.ts';
import type { ErrorData } from '../contract/error.ts';
import type { SubscribeOptions, TopicBatch, TopicName } from '../contract/rpc.ts';
import type { Snapshot } from '../contract/status.ts';
import type { LoadedProfile, ProfileStore } from '../profile/profile-store.ts';
import type { HelperClient } from './helper-client.ts';
import { SessionHold } from './session-hold.ts';

/** Milliseconds between two renewals of the session's lease; it lives 20 s. */
export const leaseInterval = 5_000;
export interface AppServiceOptions {
  helper: HelperClient;
  profile: Pick<ProfileStore, 'load'>;
  /** Tells the person at the terminal what is wrong with a profile that was just read; also asked when nothing is. */
  report: (profile: LoadedProfile) => void;
  clock: Clock;
  logger: Logger;
  info: Pick<AppInfo, 'version' | 'home' | 'platform'>;
  /** Turn Enhanced Mode on once the helper is reached for the first time. */
  enhancedAtStart: boolean;
}

/** Its methods are those of a viewer's bridge; each transport hands them on and gives back what it took. */
export class AppService implements MirageBridge, Service {
  /** Resolves once the helper was reached and brought up to date for the first time, whatever came of it. */
  readonly firstSettled: Promise<void>;
  readonly #helper: HelperClient;
  readonly #profileStore: AppServiceOptions['profile'];
  readonly #report: AppServiceOptions['report'];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #info: AppServiceOptions['info'];
  readonly #session: SessionHold;
  readonly #linkChanges = new Emitter<HelperLink>();
  readonly #snapshotChanges = new Emitter<Snapshot>();
  readonly #releases: (() => void)[] = [];
  #onFirstSettled: () => void = () => undefined;
  #link: HelperLink;
  #enhancedWanted: boolean;
  #profile: LoadedProfile = { path: null, text: '', config: defaultConfig, problems: [] };
  #snapshot: Snapshot | undefined;
  /** Counts connections, so that work begun on a lost one ends itself. */
  #connection = 0;
  /** Until the profile is applied and the lease renewed, the helper's owner says nothing about what the person wants. */
  #settled = false;
  /** Another user had Enhanced Mode when the profile was to be applied: it is once that has ended. */
  #profileWaits = false;
  #stopping: Promise<void> | undefined;

  constructor(options: AppServiceOptions) {
    this.#helper = options.helper;
    this.#profileStore = options.profile;
    this.#report = options.report;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#info = options.info;
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
    this.#releases.push(
      this.#helper.onLink((link) => this.#onLink(link)),
      this.#helper.on('snapshot', (snapshot) => this.#onSnapshot(snapshot)),
      this.#clock.every(leaseInterval, () => this.#renewLease()),
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

  /** `failed` stays until connected: attempts in between are not told, or a window would flicker. */
  get link(): HelperLink {
    return this.#link;
  }

  call<M extends AppMethodName>(method: M, params: AppParams<M>): Promise<AppResult<M>> {
    const handlers: { [N in AppMethodName]: (params: AppParams<N>) => Promise<AppResult<N>> } = {
      getAppInfo: async () => this.#appInfo(),
      reloadProfile: () => this.#reloadProfile(),
      setEnhanced: ({ on }) => this.#setEnhanced(on),
      restore: () => this.#session.restore(),
      getSnapshot: (p) => this.#helper.call('getSnapshot', p),
      setSwitches: (p) => this.#helper.call('setSwitches', p),
      listRules: (p) => this.#helper.call('listRules', p),
      closeFlows: (p) => this.#helper.call('closeFlows', p),
      testRule: (p) => this.#helper.call('testRule', p),
      dnsQuery: (p) => this.#helper.call('dnsQuery', p),
      flushDnsCache: (p) => this.#helper.call('flushDnsCache', p),
      flushFakeIp: (p) => this.#helper.call('flushFakeIp', p),
      changeMappings: (p) => this.#helper.call('changeMappings', p),
    };
    return handlers[method](params);
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
    if (link.kind === 'connecting' && this.#link.kind === 'failed') return;
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

  /** A connection that is lost meanwhile leaves the wish for the next one; any other outcome ends it. */
  async #turnOnAsAsked(): Promise<void> {
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
    const { path, config } = this.#profile;
    if (config === undefined || (path === null && this.#snapshot?.owner?.mode === 'persistent')) return;
    this.#profileWaits = when === 'when-mine' && this.#snapshot?.mine === false;
    if (this.#profileWaits) return;
    const { hash } = await this.#helper.call('applyConfig', { config }).catch((caught: unknown) => {
      this.#profileWaits = AppError.from(caught).code === 'HELPER_IN_USE';
      throw caught;
    });
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

  async #reloadProfile(): Promise<AppInfo> {
    await this.#readProfile();
    await this.#applyProfile('when-mine');
    return this.#appInfo();
  }

  #appInfo(): AppInfo {
    const { path, problems } = this.#profile;
    return { ...this.#info, profile: path === null ? null : { path, problems } };
  }

  async #readProfile(): Promise<void> {
    this.#profile = await this.#profileStore.load();
    this.#report(this.#profile);
  }

  async #end(): Promise<void> {
    await this.#session.end();
    for (const release of this.#releases.splice(0)) release();
    await this.#helper.close();
  }
}

function describe(caught: unknown): { code: string; message: string } {
  const { code, message } = AppError.from(caught);
  return { code, message };
}
