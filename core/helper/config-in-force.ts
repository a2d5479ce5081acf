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
import { type ConfigStore, type StoredConfig, stored } from './config-store.ts';
import type { Health } from './health.ts';
import type { Ownership } from './ownership.ts';
import { assertPortsOf } from './port-rights.ts';
import type { Remembered } from './remembered.ts';
import type { ServedTunnel } from './served-tunnel.ts';
import type { SetShelf } from './set-shelf.ts';
import { UserTurns } from './user-turns.ts';

export interface ConfigInForceOptions {
  readonly tunnel: ServedTunnel;
  readonly ownership: Ownership;
  readonly configs: ConfigStore;
  readonly choices: ChoiceStore;
  /** What is in the sets of configurations. */
  readonly sets: Pick<SetShelf, 'isDamaged' | 'put' | 'lacking' | 'load' | 'use' | 'keep'>;
  readonly health: Health;
  readonly setLogLevel: (level: Config['logLevel']) => void;
  readonly log: Logger;
}

export class ConfigInForce {
  readonly #options: ConfigInForceOptions;
  readonly #remembered: Remembered;
  readonly #changed: () => void;
  readonly #turns = new UserTurns();
  /** Those that are only looked at: a set of each is in memory meanwhile. */
  readonly #checks = new UserTurns();
  #active: { readonly uid: number | undefined; readonly config: StoredConfig };

  /** The tunnel must have `defaultConfig` in force. */
  constructor(options: ConfigInForceOptions, remembered: Remembered, changed: () => void) {
    this.#options = options;
    this.#remembered = remembered;
    this.#changed = changed;
    this.#active = { uid: undefined, config: stored(defaultConfig) };
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
      await this.#putInForce(uid, next);
    });
  }

  /** Puts it in force, or keeps it for when this user turns Enhanced Mode on. */
  apply(config: Config, uid: number): Promise<Result<'applyConfig'>> {
    // Looked at again when its turn comes: it may have become somebody's meanwhile.
    if (!this.#isOf(uid)) return this.#checks.run(uid, () => this.#keepForLater(config, uid));
    return this.inTurn(uid, () => (this.#isOf(uid) ? this.#apply(config, uid) : this.#keepForLater(config, uid)));
  }

  selectProxy(choice: Params<'selectProxy'>, caller: number): Result<'selectProxy'> {
    const { tunnel, choices } = this.#options;
    const result = tunnel.selectProxy(choice);
    const uid = this.#active.uid ?? caller;
    this.#remembered.write('STATE_NOT_SAVED', () => choices.choose(uid, choice.group, choice.member));
    return result;
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

  async #apply(config: Config, uid: number): Promise<Result<'applyConfig'>> {
    const { sets } = this.#options;
    assertPortsOf(uid, config);
    const lacks = sets.lacking(uid, config.sets);
    if (lacks.length > 0) return { hash: '', lacks };
    const next = stored(config);
    await this.#putInForce(uid, next);
    return this.#save(uid, next, true);
  }

  async #keepForLater(config: Config, uid: number): Promise<Result<'applyConfig'>> {
    const { tunnel, sets } = this.#options;
    assertPortsOf(uid, config);
    const lacks = sets.lacking(uid, config.sets);
    if (lacks.length > 0) return { hash: '', lacks };
    tunnel.check(config, await sets.load(uid, config.sets));
    return this.#save(uid, stored(config), false);
  }

  #save(uid: number, { config, hash }: StoredConfig, inForce: boolean): Result<'applyConfig'> {
    const { configs, sets, log } = this.#options;
    sets.keep(uid, config.sets);
    this.#remembered.write('CONFIG_NOT_SAVED', () => configs.save(uid, config));
    log.info('configuration applied', { uid, hash, rules: config.rules.length, inForce });
    return { hash };
  }

  async #putInForce(uid: number, next: StoredConfig): Promise<void> {
    const { tunnel, sets, setLogLevel } = this.#options;
    const { dnsMode, mode } = this.#remembered.switchesOf(uid);
    // Before its groups lead anybody anywhere, but not while those of another user do.
    const useOwn = (): void => {
      if (this.#active.uid !== uid) tunnel.useChoices(this.#choicesOf(uid));
      tunnel.setMode(mode);
    };
    if (next.hash !== this.#active.config.hash || sets.isDamaged) {
      const loaded = await sets.load(uid, next.config.sets);
      await tunnel.reload(next.config, loaded, useOwn);
      sets.use(uid, next.config.sets, loaded);
      this.#tellMissing(next.config.sets.filter(({ name }) => loaded.get(name) === undefined));
    } else {
      useOwn();
    }
    this.#active = { uid, config: next };
    await tunnel.setDnsMode(dnsMode);
    setLogLevel(next.config.logLevel);
    await tunnel.setMixed(true);
    this.#changed();
  }

  #tellMissing(missing: Config['sets']): void {
    const { health } = this.#options;
    if (missing.length === 0) return health.clear('SETS_MISSING');
    const names = missing.slice(0, 5).map(({ name }) => name.replace(/^rule-set:/, ''));
    const more = missing.length > names.length ? ', ...' : '';
    health.raise(warningOf('SETS_MISSING', { count: missing.length, names: names.join(', ') + more }));
  }
}
