/**
 * Which user's configuration is in force, and how others come into it: one after the other, users in turn. What a user who does not have
 * it hands over is looked at beside that, one at a time, so that nobody else waits for it.
 */
import { AppError } from '../base/app-error.ts';
import type { Logger } from '../base/logger.ts';
import { type Config, defaultConfig } from '../contract/config.ts';
import type { Params, Result } from '../contract/rpc.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { ChoiceStore } from '../state/choice-store.ts';
import type { RuleStore } from '../state/rule-store.ts';
import { type ConfigStore, type StoredConfig, stored } from './config-store.ts';
import type { Health } from './health.ts';
import type { Ownership } from './ownership.ts';
import { assertPortsOf } from './port-rights.ts';
import type { Remembered } from './remembered.ts';
import { RuleMemory } from './rule-memory.ts';
import type { ServedTunnel } from './served-tunnel.ts';
import type { LoadedSets, SetShelf } from './set-shelf.ts';
import { UserTurns } from './user-turns.ts';

export interface ConfigInForceOptions {
  readonly tunnel: ServedTunnel;
  readonly ownership: Ownership;
  readonly configs: ConfigStore;
  readonly choices: ChoiceStore;
  readonly ruleNotes: RuleStore;
  /** What is in the sets of configurations. */
  readonly sets: Pick<SetShelf, 'isDamaged' | 'put' | 'lacking' | 'load' | 'use' | 'keep'>;
  readonly health: Health;
  readonly setLogLevel: (level: Config['logLevel']) => void;
  readonly log: Logger;
}

interface Active {
  readonly uid: number | undefined;
  /** Which of the user's profiles it is, by an id that is the user's own business. */
  readonly profile: string;
  readonly config: StoredConfig;
}

export class ConfigInForce {
  readonly #options: ConfigInForceOptions;
  readonly #remembered: Remembered;
  readonly #changed: () => void;
  readonly #turns = new UserTurns();
  /** Those that are only looked at: a set of each is in memory meanwhile. */
  readonly #checks = new UserTurns();
  readonly #ruleMemory: RuleMemory;
  #active: Active;

  /** The tunnel must have `defaultConfig` in force. */
  constructor(options: ConfigInForceOptions, remembered: Remembered, changed: () => void) {
    this.#options = options;
    this.#remembered = remembered;
    this.#changed = changed;
    this.#ruleMemory = new RuleMemory(options.ruleNotes, remembered, options.log);
    this.#active = { uid: undefined, profile: '', config: stored(defaultConfig) };
  }

  /** Whose it is; undefined at first. */
  get uid(): number | undefined {
    return this.#active.uid;
  }

  get stored(): StoredConfig {
    return this.#active.config;
  }

  /** Runs a task while no configuration comes into force. Rejects with RPC_BUSY when too many of this user wait. */
  inTurn<T>(uid: number, task: () => Promise<T>): Promise<T> {
    return this.#turns.run(uid, task);
  }

  /** Puts in force what this user has applied last. */
  activate(uid: number): Promise<void> {
    return this.inTurn(uid, async () => {
      const saved = this.#active.uid === uid ? this.#active.config : this.#options.configs.load(uid);
      const next = saved ?? stored(defaultConfig);
      assertPortsOf(uid, next.config);
      await this.#putInForce(uid, next, this.#ruleMemory.profileOf(uid));
    });
  }

  /** Puts it in force, or keeps it for when this user turns Enhanced Mode on. */
  apply({ config, profile = '' }: Params<'applyConfig'>, uid: number): Promise<Result<'applyConfig'>> {
    // Looked at again when its turn comes: it may have become somebody's meanwhile.
    if (!this.#isOf(uid)) return this.#checks.run(uid, () => this.#keepForLater(config, uid, profile));
    return this.inTurn(uid, () =>
      this.#isOf(uid) ? this.#apply(config, uid, profile) : this.#keepForLater(config, uid, profile),
    );
  }

  selectProxy(choice: Params<'selectProxy'>, caller: number): Result<'selectProxy'> {
    const { tunnel, choices } = this.#options;
    const result = tunnel.proxies.select(choice);
    const uid = this.#active.uid ?? caller;
    this.#remembered.write('STATE_NOT_SAVED', () => choices.choose(uid, choice.group, choice.member));
    return result;
  }

  /** What is known of the rules in force is on the disk then, as far as health does not say otherwise. */
  saveRules(): void {
    const { uid, profile } = this.#active;
    if (uid !== undefined) this.#ruleMemory.save(uid, profile, this.#options.tunnel.knownRules());
  }

  /** What this user has chosen before; nothing where it cannot be read. */
  #choicesOf(uid: number): ReadonlyMap<string, string> {
    try {
      return this.#options.choices.choices(uid);
    } catch (error) {
      this.#options.log.error('choices in groups cannot be read', { reason: AppError.from(error).message });
      return new Map();
    }
  }

  #isOf(uid: number): boolean {
    const { owner } = this.#options.ownership;
    return owner === null || owner.uid === uid;
  }

  async #apply(config: Config, uid: number, profile: string): Promise<Result<'applyConfig'>> {
    const { sets } = this.#options;
    assertPortsOf(uid, config);
    const lacks = sets.lacking(uid, config.sets);
    if (lacks.length > 0) return { hash: '', lacks };
    const next = stored(config);
    await this.#putInForce(uid, next, profile);
    return this.#save(uid, next, profile, true);
  }

  async #keepForLater(config: Config, uid: number, profile: string): Promise<Result<'applyConfig'>> {
    const { tunnel, sets } = this.#options;
    assertPortsOf(uid, config);
    const lacks = sets.lacking(uid, config.sets);
    if (lacks.length > 0) return { hash: '', lacks };
    tunnel.check(config, await sets.load(uid, config.sets));
    return this.#save(uid, stored(config), profile, false);
  }

  #save(uid: number, { config, hash }: StoredConfig, profile: string, inForce: boolean): Result<'applyConfig'> {
    const { configs, sets, log } = this.#options;
    sets.keep(uid, config.sets);
    this.#remembered.write('CONFIG_NOT_SAVED', () => configs.save(uid, config));
    this.#ruleMemory.noteProfile(uid, profile);
    log.info('configuration applied', { uid, hash, rules: config.rules.length, inForce });
    return { hash };
  }

  async #putInForce(uid: number, next: StoredConfig, profile: string): Promise<void> {
    const { tunnel, sets, setLogLevel } = this.#options;
    const { dnsMode, mode } = this.#remembered.switchesOf(uid);
    // Before its groups lead anybody anywhere, but not while those of another user do.
    const useOwn = (): void => {
      if (this.#active.uid !== uid) tunnel.proxies.useChoices(this.#choicesOf(uid));
      tunnel.modes.chooseMode(mode);
    };
    // Rules of the same text are others in another profile.
    const isOther = this.#active.uid !== uid || this.#active.profile !== profile;
    if (next.hash !== this.#active.config.hash || sets.isDamaged || isOther) {
      const loaded = await sets.load(uid, next.config.sets);
      if (isOther) this.saveRules();
      await this.#reload(next.config, loaded, useOwn, isOther ? { uid, profile } : undefined);
      sets.use(uid, next.config.sets, loaded);
      this.#tellMissing(next.config.sets.filter(({ name }) => loaded.get(name) === undefined));
    } else {
      useOwn();
    }
    this.#active = { uid, profile, config: next };
    tunnel.modes.chooseDnsMode(dnsMode);
    setLogLevel(next.config.logLevel);
    await tunnel.setMixed(true);
    this.#changed();
  }

  async #reload(
    config: Config,
    loaded: LoadedSets,
    prepare: () => void,
    others: { readonly uid: number; readonly profile: string } | undefined,
  ): Promise<void> {
    const { tunnel } = this.#options;
    if (others === undefined) return await tunnel.reload(config, loaded, prepare);
    try {
      await tunnel.reload(config, loaded, prepare, this.#ruleMemory.recall(others.uid, others.profile));
    } catch (error) {
      const { uid, profile } = this.#active;
      if (uid !== undefined) this.#ruleMemory.recall(uid, profile);
      throw error;
    }
  }

  #tellMissing(missing: Config['sets']): void {
    const { health } = this.#options;
    if (missing.length === 0) return health.clear('SETS_MISSING');
    const names = missing.slice(0, 5).map(({ name }) => name.replace(/^rule-set:/, ''));
    const more = missing.length > names.length ? ', ...' : '';
    health.raise(warningOf('SETS_MISSING', { count: missing.length, names: names.join(', ') + more }));
  }
}
