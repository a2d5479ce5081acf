/**
 * The profile in use: read, with what it names, and brought into force at the helper. What changes it goes through the queue; an
 * older change leaves what it has not done to the newer one.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';
import type { AppInfo, ProfileEntry, ProfileInfo } from '../contract/app.ts';
import { type Config, defaultConfig, globalGroup } from '../contract/config.ts';
import { builtInPolicies } from '../contract/proxy-config.ts';
import type { Snapshot } from '../contract/status.ts';
import type { LoadedProfile } from '../profile/loaded-profile.ts';
import type { ProfileLibrary } from '../profile/profile-library.ts';
import { summary } from '../profile/report.ts';
import type { OneProvider, Providers } from '../provider/providers.ts';
import { type AppliedProfile, applyProfile } from './apply-profile.ts';
import { type ChangeQueue, isSuperseded } from './change-queue.ts';
import { describe } from './describe.ts';
import type { HelperClient } from './helper-client.ts';

/** Times that a profile is read in a row because meanwhile another one was chosen. */
const maxReads = 4;
/** Milliseconds in which changes of providers, and progress, are told once. */
const tellingMs = 250;

export interface ProfileInForceOptions {
  readonly helper: Pick<HelperClient, 'call' | 'link'>;
  readonly profiles: Pick<ProfileLibrary, 'load' | 'list' | 'use' | 'onChanged' | 'keepGood' | 'lastGood'>;
  readonly providers: Pick<
    Providers,
    | 'use'
    | 'start'
    | 'stop'
    | 'policiesChanged'
    | 'update'
    | 'stopUpdate'
    | 'rows'
    | 'blob'
    | 'changed'
    | 'contentsChanged'
  >;
  /** Tells the person at the terminal what is wrong with a profile that was just read; also asked when nothing is. */
  readonly report: (profile: LoadedProfile) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The last known state of the helper, and how often it has told one. */
export interface KnownHelper {
  readonly snapshot: Snapshot | undefined;
  readonly times: number;
}

/** `when-mine` leaves it for later while another user has Enhanced Mode. */
export type When = 'when-mine' | 'now';

type Outcome = Pick<ProfileInfo, 'state' | 'error' | 'lastGood'>;
type Info = Pick<AppInfo, 'profile' | 'profiles' | 'providers' | 'applying'>;

const nothing = async (): Promise<void> => undefined;

export class ProfileInForce {
  /** `info` is another one. */
  readonly changed = new Emitter<void>();
  readonly #options: ProfileInForceOptions;
  readonly #queue: ChangeQueue;
  readonly #known: () => KnownHelper;
  readonly #releases: (() => void)[] = [];
  #profile: LoadedProfile = { path: null, text: '', config: defaultConfig, problems: [] };
  #inForce: Config | undefined;
  #profiles: ProfileEntry[] = [];
  /** What came of the profile. */
  #outcome: Outcome = { state: 'pending' };
  #applying: AppInfo['applying'];
  /** What the last change has left to the next. */
  #owed: 'nothing' | 'apply' | 'read' = 'nothing';
  /** The profile that was in use when one was applied last. */
  #appliedId: string | undefined;
  /** What was in use before a choice that has neither come into force nor been taken back, whichever change is to decide that. */
  #before: string | undefined;
  #waits = false;
  /** `times` when the wait began: the same snapshot says nothing new. */
  #waitsSince = 0;
  /** What waits is in the queue. */
  #isLate = false;
  #cancelTelling: (() => void) | undefined;

  constructor(options: ProfileInForceOptions, queue: ChangeQueue, known: () => KnownHelper) {
    this.#options = options;
    this.#queue = queue;
    this.#known = known;
  }

  /** Reads the profile and begins to follow it; applies nothing. */
  async start(): Promise<void> {
    const { profiles, providers } = this.#options;
    await this.#read();
    providers.start();
    this.#releases.push(
      providers.changed.on(() => this.tellSoon()),
      providers.contentsChanged.on(() => void this.#follow()),
      () => providers.stop(),
      profiles.onChanged(() => void this.#follow()),
      () => this.#cancelTelling?.(),
    );
  }

  stop(): void {
    for (const release of this.#releases.splice(0)) release();
  }

  /** What was applied last; before that, what is to be. */
  get config(): Config | undefined {
    return this.#inForce ?? this.#profile.config;
  }

  /** Whether the configuration that was applied last has a policy of this name. */
  hasPolicy(name: string): boolean {
    const { proxies = [], groups = [] } = this.#inForce ?? {};
    const isBuiltIn = [...builtInPolicies, globalGroup].some((each) => each === name);
    return this.#inForce !== undefined && (isBuiltIn || [...proxies, ...groups].some((each) => each.name === name));
  }

  /** Another user had Enhanced Mode when it was to be applied: it is once that has ended. */
  get waits(): boolean {
    return this.#waits;
  }

  /** Why another configuration is in force. */
  get refusal(): string | undefined {
    return this.#outcome.state === 'refused' ? (this.#outcome.error?.message ?? '') : undefined;
  }

  /** Where the rules in force stand; empty while those of another configuration are. */
  get ruleLines(): readonly number[] {
    const { state, lastGood } = this.#outcome;
    return state === 'applied' && lastGood === undefined ? (this.#profile.ruleLines ?? []) : [];
  }

  /** The same as it is told. */
  get refusalError(): AppError | undefined {
    const { state, error } = this.#outcome;
    if (state !== 'refused') return undefined;
    return new AppError(error?.code ?? 'CONFIG_INVALID', error?.message ?? '', { problems: error?.problems ?? [] });
  }

  get info(): Info {
    const { path, problems } = this.#profile;
    return {
      profile: path === null ? null : { path, problems, ...this.#outcome },
      profiles: this.#profiles,
      providers: this.#options.providers.rows(),
      ...(this.#applying === undefined ? {} : { applying: this.#applying }),
    };
  }

  /** Brings into force what was read last. */
  apply(): Promise<void> {
    return this.#change(nothing, 'apply');
  }

  /** Does what waits for another user's Enhanced Mode to end; however often it is called, once. */
  async applyLate(): Promise<void> {
    if (!this.#waits || this.#isLate || this.#known().times === this.#waitsSince) return;
    this.#isLate = true;
    await this.apply()
      .catch((caught: unknown) => this.#options.logger.warning('the profile could not be applied', describe(caught)))
      .finally(() => {
        this.#isLate = false;
      });
  }

  reload(): Promise<void> {
    return this.#change(nothing, 'read');
  }

  /** A choice that does not come into force is taken back: then the profile of before stays in use. */
  async use(id: string): Promise<void> {
    const { profiles } = this.#options;
    await this.#change(async () => {
      const before = this.#appliedId ?? idInUse(await profiles.list());
      await profiles.use(id);
      this.#before ??= before;
    }, 'read');
  }

  /** Ends what is under way and waits: what was in force before stays, and is in use again when this resolves. */
  async cancel(): Promise<void> {
    this.#queue.drop(new AppError('APPLY_CANCELLED', 'cancelled: the configuration of before stays'), 'profile');
    await this.#queue.run('wait', async () => {
      // What is in use may be another one by now: an older change had left it to one that was not begun then.
      const used = idInUse(await this.#options.profiles.list().catch(() => []));
      if (this.#appliedId !== undefined && (this.#owed !== 'nothing' || used !== this.#appliedId))
        await this.#takeBack(this.#appliedId);
      this.#owed = 'nothing';
      this.#before = undefined;
    });
  }

  /** What has come is in force when this resolves. */
  async updateProviders(one: OneProvider): Promise<void> {
    await this.#options.providers.update(one);
    await this.#queue.run('wait', nothing);
  }

  /** For whoever has its turn in the queue: without a file the default, but not over a persistent configuration of another program. */
  async applyInTurn(when: When, signal: AbortSignal): Promise<void> {
    const { helper, profiles, providers, logger } = this.#options;
    const loaded = this.#profile;
    const { snapshot } = this.#known();
    if (loaded.path === null && snapshot?.owner?.mode === 'persistent') return;
    this.#wait(when === 'when-mine' && snapshot?.mine === false);
    if (this.#waits) return;
    const onProgress = (progress: AppInfo['applying']): void => {
      this.#applying = progress;
      this.tellSoon();
    };
    onProgress({ sets: 0, of: 0 });
    try {
      const home = { helper, library: profiles, blobs: (sha256: string) => providers.blob(sha256) };
      const applied = await applyProfile(home, loaded, { signal, onProgress });
      this.#applying = undefined;
      if (applied === undefined) return this.changed.emit();
      this.#inForce = applied.instead?.config ?? loaded.config;
      this.#appliedId = idInUse(this.#profiles);
      this.#settle(this.#outcomeOf(applied));
      providers.policiesChanged();
      logger.info('applied the profile', { path: loaded.path ?? 'built-in default', hash: applied.hash });
    } catch (caught) {
      this.#applying = undefined;
      this.#noteFailure(caught);
      throw caught;
    }
  }

  #outcomeOf({ instead, refusal }: AppliedProfile): Outcome {
    if (instead === undefined) return { state: 'applied' };
    const error = refusal?.toData() ?? this.#outcome.error;
    const why = { code: error?.code, reason: error?.message };
    this.#options.logger.warning('the profile is not applied as it is: its last good version is', why);
    return { state: 'refused', ...(error === undefined ? {} : { error }), lastGood: instead.at };
  }

  #wait(waits: boolean): void {
    this.#waits = waits;
    this.#waitsSince = this.#known().times;
  }

  #noteFailure(caught: unknown): void {
    if (isSuperseded(caught)) return this.changed.emit();
    const error = AppError.from(caught);
    this.#wait(error.code === 'HELPER_IN_USE');
    if (this.#profile.config === undefined) return this.changed.emit();
    const isOpen = this.#waits || (!isCancelled(caught) && this.#options.helper.link.kind !== 'connected');
    this.#settle(isOpen ? { state: 'pending' } : { state: 'refused', error: error.toData() });
  }

  /** Carries out the intent, then brings about what is in use by then, if no newer change does that. */
  #change(intent: () => Promise<void>, owes: 'apply' | 'read'): Promise<void> {
    return this.#queue.run('profile', async (signal) => {
      const failure = await intent().then(
        () => undefined,
        (caught: unknown) => AppError.from(caught),
      );
      if (failure !== undefined && this.#owed === 'nothing') throw failure;
      if (failure === undefined && this.#owed !== 'read') this.#owed = owes;
      try {
        await this.#bring(signal);
      } catch (caught) {
        if (isSuperseded(caught)) throw caught;
        this.#owed = 'nothing';
        await this.#takeBackChoice(caught);
        throw caught;
      }
      if (failure !== undefined) throw failure;
    });
  }

  async #bring(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#owed === 'read') await this.#read();
    this.#owed = 'apply';
    await this.applyInTurn('when-mine', signal);
    this.#owed = 'nothing';
    this.#before = undefined;
  }

  /** The change that was to bring a choice into force may be a later one than the choice. */
  async #takeBackChoice(caught: unknown): Promise<void> {
    const before = this.#before;
    this.#before = undefined;
    const isRefused = this.#outcome.state === 'refused' && this.#profile.config !== undefined;
    if (before !== undefined && before !== idInUse(this.#profiles) && (isRefused || isCancelled(caught)))
      await this.#takeBack(before);
  }

  async #takeBack(id: string): Promise<void> {
    try {
      await this.#options.profiles.use(id);
      await this.#read();
      await this.applyInTurn('when-mine', new AbortController().signal);
    } catch (caught) {
      this.#options.logger.warning('the profile of before could not be applied', describe(caught));
    }
  }

  /** Another program of this user's has chosen another profile, or changed the list, or what it names has come. */
  async #follow(): Promise<void> {
    await this.reload().catch((caught: unknown) =>
      this.#options.logger.warning('the profile could not be changed', describe(caught)),
    );
  }

  /** Reads the list again, and tells everybody. */
  async relist(): Promise<void> {
    this.#profiles = await this.#options.profiles.list().catch(() => []);
    this.changed.emit();
  }

  async #read(): Promise<void> {
    const { profiles, providers, report } = this.#options;
    for (let tries = 0; tries < maxReads; tries++) {
      const used = idInUse(await profiles.list().catch(() => []));
      this.#profile = await profiles.load();
      this.#profiles = await profiles.list().catch(() => []); // why it cannot be read is a problem of the profile
      // Another program may have chosen another one between the two.
      if (idInUse(this.#profiles) === used) break;
    }
    const { wanted, directory } = this.#profile;
    if (wanted !== undefined) providers.use(wanted, directory);
    report(this.#profile);
    const { config, failure = 'CONFIG_INVALID', problems } = this.#profile;
    const error = { code: failure, message: `the profile has ${summary(problems)}` };
    this.#settle(config === undefined ? { state: 'refused', error } : { state: 'pending' });
  }

  #settle(outcome: Outcome): void {
    this.#outcome = outcome;
    this.changed.emit();
  }

  /** There are many changes while downloads are under way. */
  tellSoon(): void {
    this.#cancelTelling ??= this.#options.clock.after(tellingMs, () => {
      this.#cancelTelling = undefined;
      this.changed.emit();
    });
  }
}

function idInUse(profiles: readonly ProfileEntry[]): string | undefined {
  return profiles.find(({ active }) => active)?.id;
}

function isCancelled(caught: unknown): boolean {
  return caught instanceof AppError && caught.code === 'APPLY_CANCELLED';
}
