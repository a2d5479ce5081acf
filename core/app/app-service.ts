/**
 * The heart of the app process, the same under Electron and `mirage serve`: one helper connection shared by any number of
 * viewers, the profile kept applied, the session kept alive. It knows nothing of windows, sockets or files.
 */
import { AppError } from '../base/app-error.ts';
import { Emitter } from '../base/emitter.ts';
import type { Service } from '../base/lifecycle.ts';
import type {
  AppEvents,
  AppInfo,
  AppMethodName,
  AppParams,
  AppResult,
  HelperLink,
  MirageBridge,
  OwnMethodName,
  Unsubscribe,
} from '../contract/app.ts';
import type { ErrorData } from '../contract/error.ts';
import type { ProfileOffer } from '../contract/profile-import.ts';
import {
  type RelayedMethodName,
  relayedMethods,
  type SubscribeOptions,
  type TopicBatch,
  type TopicName,
} from '../contract/rpc.ts';
import type { Snapshot } from '../contract/status.ts';
import type { HttpProxy } from '../provider/download/http-request.ts';
import { recognise } from '../provider/recognise.ts';
import { unchecked } from '../rpc/unchecked.ts';
import { ChangeQueue } from './change-queue.ts';
import { describe } from './describe.ts';
import type { HelperClient } from './helper-client.ts';
import { mixedPortProxy, policyMissing, policyProxy } from './mixed-port-proxy.ts';
import { type DeskLibrary, type PickedFile, ProfileDesk } from './profile-desk.ts';
import { ProfileInForce, type ProfileInForceOptions } from './profile-in-force.ts';
import { SessionHold } from './session-hold.ts';

/** Milliseconds between two renewals of the session's lease; it lives 20 s. */
export const leaseInterval = 5_000;

export interface AppServiceOptions extends ProfileInForceOptions {
  profiles: ProfileInForceOptions['profiles'] & DeskLibrary;
  helper: HelperClient;
  info: Omit<AppInfo, 'profile' | 'profiles' | 'providers' | 'applying' | 'adding' | 'offer' | 'moreOffers'>;
  /** Turn Enhanced Mode on once the helper is reached for the first time. */
  enhancedAtStart: boolean;
  /** Hears which language a window speaks. */
  onLanguage?: (language: AppParams<'setLanguage'>['language']) => void;
  /** Asks the person for a file; absent where there is no screen. */
  pickFile?: () => Promise<PickedFile | undefined>;
}

/** Its methods are those of a viewer's bridge; each transport hands them on and gives back what it took. */
export class AppService implements MirageBridge, Service {
  /** Resolves once the helper was reached and brought up to date for the first time, whatever came of it. */
  readonly firstSettled: Promise<void>;
  readonly #helper: HelperClient;
  readonly #changes = new ChangeQueue();
  readonly #profile: ProfileInForce;
  readonly #desk: ProfileDesk;
  readonly #providers: AppServiceOptions['providers'];
  readonly #clock: AppServiceOptions['clock'];
  readonly #logger: AppServiceOptions['logger'];
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
  #snapshot: Snapshot | undefined;
  /** How many there have been. */
  #snapshots = 0;
  /** Counts connections, so that work begun on a lost one ends itself. */
  #connection = 0;
  /** Until the profile is applied and the lease renewed, the helper's owner says nothing about what the person wants. */
  #settled = false;
  #stopping: Promise<void> | undefined;

  constructor(options: AppServiceOptions) {
    this.#helper = options.helper;
    this.#profile = new ProfileInForce(options, this.#changes, () => ({
      snapshot: this.#snapshot,
      times: this.#snapshots,
    }));
    this.#desk = new ProfileDesk(options, this.#profile);
    this.#providers = options.providers;
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
    await this.#profile.start();
    this.#releases.push(
      () => this.#profile.stop(),
      this.#desk.start(),
      this.#profile.changed.on(() => this.#infoChanges.emit(this.#appInfo())),
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

  /** What downloads of this process go through now; undefined = directly. Rejects with DOWNLOAD_POLICY while `policy` is not there. */
  async downloadProxy(policy: string | undefined): Promise<HttpProxy | undefined> {
    const proxy = mixedPortProxy(this.#snapshot, this.#profile.config);
    if (policy === undefined) return proxy;
    // The port that leads to it is about to open, or taken by another program: directly is not what was asked for.
    const isClosed = proxy === undefined && this.#profile.config?.mixed != null;
    if (isClosed || !this.#profile.hasPolicy(policy)) throw policyMissing(policy);
    return await policyProxy(this.#helper, proxy, policy);
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
      ruleLines: async () => ({ lines: [...this.#profile.ruleLines] }),
      reloadProfile: () => this.#withInfo(this.#profile.reload()),
      useProfile: ({ id }) => this.#withInfo(this.#profile.use(id)),
      recognise: async ({ text }) => recognise(text),
      chooseFile: async () => ({ file: await this.#desk.chooseFile() }),
      addProfile: async (asked) => ({ added: await this.#desk.add(asked), info: this.#appInfo() }),
      dismissOffer: ({ url }) => this.#withInfo(this.#desk.dismiss(url)),
      updateProfile: (asked) => this.#withInfo(this.#desk.update(asked)),
      previewProfile: ({ id }) => this.#desk.preview(id),
      getProfileTexts: ({ id }) => this.#desk.editing.read(id),
      tryProfileText: ({ id, part, text, compare }) => this.#desk.editing.try(id, { part, text }, compare),
      saveProfileText: (asked) => this.#withInfo(this.#desk.saveText(asked)),
      switchOverride: (asked) => this.#withInfo(this.#desk.switchOverride(asked)),
      previewOverride: ({ id }) => this.#desk.editing.previewOverride(id),
      addRule: (asked) => this.#withInfo(this.#desk.addRule(asked)),
      renameProfile: ({ id, name }) => this.#withInfo(this.#desk.rename(id, name)),
      removeProfile: ({ id }) => this.#withInfo(this.#desk.remove(id)),
      stopProfiles: async (what) => {
        this.#desk.stop(what);
        return {};
      },
      updateProviders: (one) => this.#withInfo(this.#profile.updateProviders(one)),
      stopProviders: async (one) => {
        this.#providers.stopUpdate(one);
        return {};
      },
      cancelApply: () => this.#withInfo(this.#profile.cancel()),
      setLanguage: async ({ language }) => {
        this.#onLanguage(language);
        return {};
      },
      setEnhanced: ({ on }) => this.#setEnhanced(on),
      restore: () => this.#restore(),
    };
    return handlers[method](unchecked(params));
  }

  /** A link from outside asks for a profile: windows put the question. */
  propose(offer: ProfileOffer): void {
    this.#desk.propose(offer);
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
    const hasOpened = snapshot.mixed !== null && this.#snapshot?.mixed == null;
    this.#snapshot = snapshot;
    if (hasOpened) this.#providers.policiesChanged();
    this.#snapshots += 1;
    this.#heed(snapshot);
    this.#snapshotChanges.emit(snapshot);
  }

  /** What somebody else has done may end our session, or the wait of our profile. */
  #heed(snapshot: Snapshot): void {
    if (!this.#settled) return;
    this.#session.reconcile(snapshot);
    if (snapshot.mine) void this.#profile.applyLate();
  }

  /** Brings a fresh connection to where the person left things: profile first, then the session. */
  async #settle(connection: number): Promise<void> {
    const current = () => connection === this.#connection && this.#stopping === undefined;
    const steps = [() => this.#fetchSnapshot(), () => this.#profile.apply(), () => this.#resumeSession()];
    for (const step of steps) {
      // One that fails does not keep the others from being done: a refused profile must not end the session.
      await step().catch((caught: unknown) =>
        this.#logger.warning('could not bring the helper up to date', describe(caught)),
      );
      if (!current()) return;
    }
    this.#settled = true;
    if (this.#snapshot !== undefined) this.#heed(this.#snapshot);
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
    const reason = this.#profile.refusal;
    if (reason !== undefined) {
      this.#enhancedWanted = false;
      this.#logger.error('Enhanced Mode was not turned on: the profile is not applied', { reason });
      return;
    }
    try {
      await this.#turnOn();
      this.#enhancedWanted = false;
    } catch (caught) {
      this.#enhancedWanted = this.#helper.link.kind !== 'connected';
      this.#logger.error('Enhanced Mode could not be turned on', describe(caught));
    }
  }

  /** Also while the profile of a connection that was lost for a moment is being applied: that may take longer than the lease. */
  #renewLease(): void {
    const isOn = this.#snapshot?.mine === true && this.#snapshot.tunnel.kind === 'running';
    if ((this.#settled || isOn) && this.#stopping === undefined) void this.#session.renew();
  }

  #setEnhanced(on: boolean): Promise<Snapshot> {
    return on ? this.#turnOn() : this.#turnOff();
  }

  /** When what changes the configuration has ended: never with another one than the profile that was asked for. */
  #turnOn(): Promise<Snapshot> {
    return this.#changes.run('enhanced', async (signal) => {
      signal.throwIfAborted();
      if (this.#profile.waits) await this.#profile.applyInTurn('now', signal);
      signal.throwIfAborted();
      const snapshot = await this.#session.set(true, this.#snapshot);
      this.#onSnapshot(snapshot);
      return snapshot;
    });
  }

  /** At once: it waits for nothing, and what was to turn it on is not begun. */
  async #turnOff(): Promise<Snapshot> {
    this.#dropStarts();
    const snapshot = await this.#session.set(false, this.#snapshot);
    this.#onSnapshot(snapshot);
    return snapshot;
  }

  async #restore(): Promise<AppResult<'restore'>> {
    this.#dropStarts();
    return await this.#session.restore();
  }

  #dropStarts(): void {
    this.#enhancedWanted = false;
    this.#changes.drop(new AppError('TUN_FAILED', 'Enhanced Mode was turned off while it was starting'), 'enhanced');
  }

  async #withInfo(change: Promise<void>): Promise<AppInfo> {
    await change;
    return this.#appInfo();
  }

  #appInfo(): AppInfo {
    const { profiles, ...inForce } = this.#profile.info;
    return { ...this.#info, ...inForce, profiles: this.#desk.withProgress(profiles), ...this.#desk.info() };
  }

  async #end(): Promise<void> {
    this.#changes.drop(new AppError('RPC_CLOSED', 'the app ends'));
    await this.#session.end();
    for (const release of this.#releases.splice(0)) release();
    await this.#helper.close();
  }
}

function isRelayed(method: AppMethodName): method is RelayedMethodName {
  return Object.hasOwn(relayedMethods, method);
}

/** Whether both say the same: a failure for the same reason. */
function isSame(a: HelperLink, b: HelperLink): boolean {
  return (
    a.kind === 'failed' && b.kind === 'failed' && a.error.code === b.error.code && a.error.message === b.error.message
  );
}
