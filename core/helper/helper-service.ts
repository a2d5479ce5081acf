/**
 * What clients may ask of root, and who may ask it: every method of the contract, over the tunnel, its owner and what is
 * remembered. Opens no socket and touches no system setting itself.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { Logger } from '../base/logger.ts';
import { type Config, defaultConfig } from '../contract/config.ts';
import type { MethodName, Params, Result } from '../contract/rpc.ts';
import type { NetworkChange, Owner, Snapshot } from '../contract/status.ts';
import { warningOf } from '../contract/warning-texts.ts';
import type { Handlers } from '../rpc/outstanding-requests.ts';
import type { PeerCredentials } from '../rpc/peer-auth.ts';
import type { EventSource } from '../rpc/topic-source.ts';
import type { ChoiceStore } from '../state/choice-store.ts';
import type { Processes } from '../system/operating-system.ts';
import { type ConfigStore, type StoredConfig, stored } from './config-store.ts';
import type { Health } from './health.ts';
import type { OwnerStore } from './owner-store.ts';
import { leaseMs, type Ownership } from './ownership.ts';
import { assertPortsOf } from './port-rights.ts';
import { Remembered } from './remembered.ts';
import type { RowPrivacy } from './row-privacy.ts';
import type { ServedTunnel } from './served-tunnel.ts';
import type { SetShelf } from './set-shelf.ts';
import type { StrandedWarning } from './stranded-warning.ts';

export interface HelperServiceOptions {
  readonly tunnel: ServedTunnel;
  readonly ownership: Ownership;
  readonly owners: OwnerStore;
  readonly configs: ConfigStore;
  readonly choices: ChoiceStore;
  /** What is in the sets of configurations. */
  readonly sets: Pick<SetShelf, 'isDamaged' | 'put' | 'lacking' | 'load' | 'use' | 'keep'>;
  readonly health: Health;
  readonly privacy: RowPrivacy;
  /** The changes of the machine's network that are in force. */
  readonly changes: () => NetworkChange[];
  /** Undoes them, when no tunnel is up. */
  readonly restore: () => Promise<NetworkChange[]>;
  /** The TUN of another helper that is at work on this machine. */
  readonly otherDevice: () => Promise<string | undefined>;
  readonly processes: Pick<Processes, 'identityOf' | 'isAlive'>;
  /** Says which containers still ask our DNS server when it is off. */
  readonly stranded: Pick<StrandedWarning, 'begin' | 'end'>;
  readonly setLogLevel: (level: Config['logLevel']) => void;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How often the fake addresses in use and the lost names are counted for the snapshot, while somebody is connected. */
const recountMs = 5_000;

export class HelperService {
  readonly handlers: Handlers;
  readonly snapshots: EventSource<'snapshot'>;
  /** Something of the snapshot has changed. */
  readonly changed = new Emitter<void>();
  readonly #options: HelperServiceOptions;
  #active: { readonly uid: number | undefined; readonly config: StoredConfig };
  readonly #remembered: Remembered;
  /** Calls that are turning Enhanced Mode on. */
  #starts = 0;
  /** Configurations come into force one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** The tunnel must have `defaultConfig` in force. */
  constructor(options: HelperServiceOptions) {
    this.#options = options;
    this.#active = { uid: undefined, config: stored(defaultConfig) };
    this.#remembered = new Remembered(options.owners, options.processes, options.health, options.log);
    this.handlers = {
      getSnapshot: (_params, caller) => this.#snapshot(caller),
      setEnhanced: (params, caller) => this.#setEnhanced(params, caller),
      setSwitches: (params, caller) => this.#setSwitches(params, caller),
      renewLease: (_params, caller) => this.#renewLease(caller),
      applyConfig: ({ config }, caller) => this.#inTurn(() => this.#applyConfig(config, caller)),
      putBlob: (params, caller) => this.#putBlob(params, caller),
      listRules: (_params, caller) => (this.#maySeeRules(caller.uid) ? options.tunnel.rules() : []),
      switchRule: (params, caller) => this.#ownOnly(caller, () => ({ changed: options.tunnel.switchRule(params) })),
      selectProxy: (params, caller) => this.#ownOnly(caller, () => this.#selectProxy(params, caller)),
      testProxies: (params, caller) => this.#ownOnly(caller, () => options.tunnel.testProxies(params)),
      stopTests: (_params, caller) => this.#ownOnly(caller, () => ({ stopped: options.tunnel.stopTests() })),
      closeFlows: (params, caller) => this.#closeFlows(params, caller),
      testRule: (params, caller) => this.#ownOnly(caller, () => options.tunnel.testRule(params, caller.signal)),
      dnsQuery: (params, caller) => this.#ownOnly(caller, () => options.tunnel.dnsQuery(params, caller.signal)),
      flushDnsCache: (_params, caller) => this.#ownOnly(caller, () => ({ answers: options.tunnel.flushDnsCache() })),
      flushFakeIp: (_params, caller) => this.#ownOnly(caller, () => ({ retired: options.tunnel.flushFakeIp() })),
      changeMappings: ({ addresses, action }, caller) =>
        this.#ownOnly(caller, () => ({ changed: options.tunnel.changeMappings(addresses, action) })),
      restore: (_params, caller) => this.#restore(caller),
    };
    this.snapshots = { current: (caller) => this.#snapshot(caller), watch: (changed) => this.#watch(changed) };
    const { tunnel, ownership, health } = options;
    tunnel.machine.changed.on((state) => {
      // A start under way or in wait answers for its own failure; this error may be that of the stop before it.
      if (state.kind === 'error' && this.#starts === 0) {
        ownership.release();
        void options.stranded.begin();
      }
      this.changed.emit();
    });
    tunnel.changed.on(() => this.changed.emit());
    health.changed.on(() => this.changed.emit());
    ownership.changed.on(() => this.changed.emit());
    ownership.expired.on(({ uid }) => void this.#expire(uid));
    ownership.overdue.on((uid) => {
      options.log.warning('the app of the session does not come back: the network is restored', { uid });
      void this.#restoreLeftovers();
    });
  }

  /** Whose configuration is in force; undefined at first. */
  get configuredBy(): number | undefined {
    return this.#active.uid;
  }

  /**
   * What a helper before us left in force is undone, unless somebody is to be resumed: then it stands, names and captured
   * addresses unreachable, until the engine is there, so that nothing leaves around the rules meanwhile. What another helper has
   * in force (the installed one, beside one of a checkout) is its own. Call it first.
   */
  async inherit(): Promise<void> {
    const { changes, restore, otherDevice, log } = this.#options;
    const device = changes().length === 0 ? await otherDevice() : undefined;
    if (device !== undefined) return log.warning('another helper is at work on this machine', { device });
    const { owner, app } = this.#remembered.peek();
    const isOver =
      owner === null || (owner.mode === 'session' && app !== null && !this.#options.processes.isAlive(app));
    if (isOver || changes().length === 0) {
      // Also without a record: the journal may be lost, and traces are known by their shape.
      await restore().catch((error: unknown) => {
        log.error('not everything could be undone', { reason: AppError.from(error).message });
      });
      return;
    }
    log.info('what the helper before left in force stays until it is resumed', { uid: owner.uid, mode: owner.mode });
  }

  /**
   * Throws HELPER_IN_USE when this caller may not send a large message of this method now. A configuration that would have
   * to wait for its user's turn is not read: its app sends it again when the turn comes.
   */
  admit(method: MethodName, { uid }: PeerCredentials): void {
    if (method === 'applyConfig') this.#options.ownership.assertOpenTo(uid);
    else this.#assertSeesRules(uid);
  }

  /** Goes on where the helper before us was killed or stopped: persistent at once, a session when its app comes back. */
  async resume(): Promise<void> {
    const { ownership, log } = this.#options;
    const owner = this.#remembered.recall();
    if (owner === null) return;
    log.info('resuming', { uid: owner.uid, mode: owner.mode });
    if (owner.mode === 'session') return ownership.awaitReturn(owner.uid);
    await this.#turnOn(owner).catch((error: unknown) => {
      log.error('Enhanced Mode could not be resumed', { reason: AppError.from(error).message });
    });
  }

  /** Undoes everything for the end of the process; whose it was stays remembered. */
  async stop(): Promise<void> {
    const { tunnel, ownership } = this.#options;
    ownership.release();
    try {
      await tunnel.machine.stop();
    } finally {
      await this.#restoreLeftovers();
      await tunnel.setMixed(false);
    }
  }

  /** What is in force without a tunnel: of a helper before us, or what an end in order could not undo. Told when it fails. */
  async #restoreLeftovers(): Promise<void> {
    const { tunnel, changes, restore, log } = this.#options;
    const attempt = tunnel.machine.whenStopped(async () => {
      if (changes().length > 0) await restore();
    });
    await attempt.catch((error: unknown) => {
      log.error('not everything could be undone', { reason: AppError.from(error).message });
    });
    this.changed.emit();
  }

  async #setEnhanced({ on, mode }: Params<'setEnhanced'>, caller: PeerCredentials): Promise<Snapshot> {
    this.#options.ownership.assertOpenTo(caller.uid);
    if (on) {
      this.#remembered.setApp(caller.pid);
      await this.#turnOn({ uid: caller.uid, mode: mode ?? 'session' });
    } else {
      await this.#turnOff();
    }
    return this.#snapshot(caller);
  }

  async #turnOn(owner: Owner): Promise<void> {
    const { tunnel, ownership, log } = this.#options;
    ownership.claim(owner);
    this.#starts++;
    try {
      await this.#inTurn(() => this.#activateConfigOf(owner.uid));
      // Turned off, or taken by an administrator, while the configuration came into force.
      if (ownership.owner !== owner)
        throw new AppError('TUN_FAILED', 'Enhanced Mode was turned off while it was starting');
      await tunnel.machine.start(this.#remembered.switchesOf(owner.uid));
    } catch (error) {
      if (ownership.owner === owner && tunnel.machine.state.kind !== 'running') ownership.release();
      // Nobody is on, or about to be: then nothing of a helper before us is to stay either.
      if (this.#starts === 1 && ownership.owner === null) await this.#restoreLeftovers();
      throw error;
    } finally {
      this.#starts--;
    }
    this.#options.stranded.end();
    log.info('Enhanced Mode is on', { uid: owner.uid, mode: owner.mode });
    this.#remembered.save(owner);
  }

  async #turnOff(): Promise<void> {
    const { tunnel, ownership, log } = this.#options;
    // At once: a start of before that has not come to the machine yet must not go on, and whoever turns it on from now on
    // starts after this stop, so what is found claimed then is theirs.
    ownership.release();
    // First: a helper that dies in the middle of it must not be followed by one that resumes.
    const isNoted = this.#remembered.save(null);
    try {
      await tunnel.machine.stop();
      log.info('Enhanced Mode is off');
    } finally {
      // On a full disk there may be room now.
      if (!isNoted && ownership.owner === null) this.#remembered.save(null);
      await this.#restoreLeftovers();
      if (ownership.owner === null) await this.#options.stranded.begin();
    }
  }

  async #expire(uid: number): Promise<void> {
    const { log } = this.#options;
    log.warning('session ended: its app gave no sign of life', { uid });
    await this.#turnOff().catch((error: unknown) => {
      log.error('session could not be ended cleanly', { reason: AppError.from(error).message });
    });
  }

  /** Those of the owner, or of the caller when it is nobody's. */
  async #setSwitches(wanted: Params<'setSwitches'>, caller: PeerCredentials): Promise<Snapshot> {
    this.#options.ownership.assertOpenTo(caller.uid);
    // Looked at again when its turn comes: it may have become somebody's meanwhile.
    await this.#inTurn(() => this.#switch(wanted, caller));
    this.changed.emit();
    return this.#snapshot(caller);
  }

  async #switch(wanted: Params<'setSwitches'>, caller: PeerCredentials): Promise<void> {
    const { tunnel, ownership } = this.#options;
    ownership.assertOpenTo(caller.uid);
    const uid = ownership.owner?.uid ?? caller.uid;
    const before = this.#remembered.switchesOf(uid);
    const { systemDns = before.systemDns, autoRoute = before.autoRoute } = wanted;
    const { dnsMode = before.dnsMode, mode = before.mode } = wanted;
    await tunnel.machine.setSwitches({ systemDns, autoRoute });
    this.#remembered.setSwitches(uid, { ...before, systemDns, autoRoute });
    if (this.#active.uid === undefined || this.#active.uid === uid) {
      await tunnel.setDnsMode(dnsMode);
      tunnel.setMode(mode);
    }
    this.#remembered.setSwitches(uid, { systemDns, autoRoute, dnsMode, mode });
    this.#remembered.save(ownership.owner);
  }

  async #renewLease(caller: PeerCredentials): Promise<Result<'renewLease'>> {
    const sign = this.#options.ownership.renew(caller.uid);
    if (sign === 'none') return { ttlMs: 0, resumed: false };
    if (sign === 'renewed') {
      this.#remembered.noteApp(caller.pid, this.#options.ownership.owner);
    } else {
      this.#remembered.setApp(caller.pid);
      await this.#turnOn({ uid: caller.uid, mode: 'session' });
    }
    return { ttlMs: leaseMs, resumed: sign === 'returned' };
  }

  async #applyConfig(config: Config, caller: PeerCredentials): Promise<Result<'applyConfig'>> {
    const { tunnel, ownership, configs, sets, log } = this.#options;
    assertPortsOf(caller.uid, config);
    const lacks = sets.lacking(caller.uid, config.sets);
    if (lacks.length > 0) return { hash: '', lacks };
    const next = stored(config);
    const inForce = ownership.owner === null || ownership.owner.uid === caller.uid;
    if (inForce) await this.#putInForce(caller.uid, next);
    else tunnel.check(config, await sets.load(caller.uid, config.sets));
    sets.keep(caller.uid, config.sets);
    this.#remembered.write('CONFIG_NOT_SAVED', () => configs.save(caller.uid, config));
    log.info('configuration applied', { uid: caller.uid, hash: next.hash, rules: config.rules.length, inForce });
    return { hash: next.hash };
  }

  async #activateConfigOf(uid: number): Promise<void> {
    const saved = this.#active.uid === uid ? this.#active.config : this.#options.configs.load(uid);
    const next = saved ?? stored(defaultConfig);
    assertPortsOf(uid, next.config);
    await this.#putInForce(uid, next);
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
    this.changed.emit();
  }

  #tellMissing(missing: Config['sets']): void {
    const { health } = this.#options;
    if (missing.length === 0) return health.clear('SETS_MISSING');
    const names = missing.slice(0, 5).map(({ name }) => name.replace(/^rule-set:/, ''));
    const more = missing.length > names.length ? ', ...' : '';
    health.raise(warningOf('SETS_MISSING', { count: missing.length, names: names.join(', ') + more }));
  }

  async #putBlob(part: Params<'putBlob'>, caller: PeerCredentials): Promise<Result<'putBlob'>> {
    const data = Buffer.from(part.data, 'base64');
    return { done: await this.#options.sets.put(caller.uid, { ...part, data }) };
  }

  #selectProxy(choice: Params<'selectProxy'>, caller: PeerCredentials): Result<'selectProxy'> {
    const { tunnel, choices } = this.#options;
    const result = tunnel.selectProxy(choice);
    const uid = this.#active.uid ?? caller.uid;
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

  #closeFlows({ ids, all }: Params<'closeFlows'>, caller: PeerCredentials): Result<'closeFlows'> {
    const { tunnel, privacy } = this.#options;
    const named = new Set(ids);
    const mayClose = (uid: number | undefined) => privacy.seesAll(caller.uid) || uid === caller.uid;
    const closed = tunnel.closeFlows((row) => (all === true || named.has(row.id)) && mayClose(row.process?.uid));
    return { closed };
  }

  /** The rules of one user are nobody else's to read; the built-in ones are no secret. */
  #maySeeRules(uid: number): boolean {
    return this.#active.uid === undefined || this.#options.privacy.seesAll(uid);
  }

  #assertSeesRules(caller: number): void {
    if (this.#maySeeRules(caller)) return;
    const uid = this.#active.uid ?? 0;
    throw new AppError('HELPER_IN_USE', `the configuration in force is that of user ${uid}`, { details: { uid } });
  }

  /** For answers from which the rules could be told. */
  #ownOnly<T>(caller: PeerCredentials, answer: () => T): T {
    this.#assertSeesRules(caller.uid);
    return answer();
  }

  async #restore(caller: PeerCredentials): Promise<Result<'restore'>> {
    const { changes, ownership, restore, tunnel, log } = this.#options;
    ownership.assertOpenTo(caller.uid);
    const inForce = changes();
    await this.#turnOff().catch((error: unknown) => {
      log.warning('what could not be undone in order is restored from the journal', { reason: String(error) });
    });
    let rest: NetworkChange[] = [];
    await tunnel.machine.whenStopped(async () => {
      rest = await restore();
    });
    const known = new Set(inForce.map((change) => change.id));
    this.changed.emit();
    return { undone: [...inForce, ...rest.filter((change) => !known.has(change.id))] };
  }

  #snapshot(caller: PeerCredentials): Snapshot {
    const { tunnel, ownership, health, changes, version } = this.#options;
    const { config, hash } = this.#active.config;
    const switches = this.#remembered.switchesOf(ownership.owner?.uid ?? caller.uid);
    return {
      version,
      tunnel: tunnel.machine.state,
      owner: ownership.owner,
      mine: ownership.owner === null || ownership.owner.uid === caller.uid,
      systemDns: switches.systemDns,
      autoRoute: switches.autoRoute,
      dnsMode: tunnel.dnsMode(),
      mode: tunnel.mode(),
      mixed: tunnel.mixed,
      config: {
        hash,
        proxies: config.proxies.length,
        groups: config.groups.length,
        rules: config.rules.length,
        strictRoute: config.tun.strictRoute,
      },
      fakeIp: tunnel.fakeIp(),
      warnings: health.warnings(),
      changes: changes(),
    };
  }

  #watch(changed: () => void): () => void {
    const { clock, tunnel } = this.#options;
    const unwatch = this.changed.on(changed);
    let told = tunnel.fakeIp();
    const cancel = clock.every(recountMs, () => {
      const { used, unknown, recovered } = tunnel.fakeIp();
      if (used === told.used && unknown === told.unknown && recovered === told.recovered) return;
      told = { ...told, used, unknown, recovered };
      changed();
    });
    return () => {
      unwatch();
      cancel();
    };
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
