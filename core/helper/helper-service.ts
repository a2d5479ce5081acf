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
import type { PeerCredentials } from '../rpc/peer-auth.ts';
import type { Handlers } from '../rpc/server-connection.ts';
import type { EventSource } from '../rpc/topic-source.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../system/process-identity.ts';
import { type ConfigStore, type StoredConfig, stored } from './config-store.ts';
import type { Health } from './health.ts';
import { initialSwitches, type OwnerStore, type UserSwitches } from './owner-store.ts';
import { leaseMs, type Ownership } from './ownership.ts';
import { assertPortsOf } from './port-rights.ts';
import type { RowPrivacy } from './row-privacy.ts';
import type { ServedTunnel } from './served-tunnel.ts';
import type { StrandedWarning } from './stranded-warning.ts';

export interface HelperServiceOptions {
  readonly tunnel: ServedTunnel;
  readonly ownership: Ownership;
  readonly owners: OwnerStore;
  readonly configs: ConfigStore;
  readonly health: Health;
  readonly privacy: RowPrivacy;
  /** The changes of the machine's network that are in force. */
  readonly changes: () => NetworkChange[];
  /** Undoes them, when no tunnel is up. */
  readonly restore: () => Promise<NetworkChange[]>;
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
  /** What each user has chosen; it says nothing about the Enhanced Mode of another. */
  #switches = new Map<number, UserSwitches>();
  /** The process that gave the session its last sign of life. */
  #app: ProcessIdentity | null = null;
  /** Calls that are turning Enhanced Mode on. */
  #starts = 0;
  /** Configurations come into force one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** The tunnel must have `defaultConfig` in force. */
  constructor(options: HelperServiceOptions) {
    this.#options = options;
    this.#active = { uid: undefined, config: stored(defaultConfig) };
    this.handlers = {
      getSnapshot: (_params, caller) => this.#snapshot(caller),
      setEnhanced: (params, caller) => this.#setEnhanced(params, caller),
      setSwitches: (params, caller) => this.#setSwitches(params, caller),
      renewLease: (_params, caller) => this.#renewLease(caller),
      applyConfig: ({ config }, caller) => this.#inTurn(() => this.#applyConfig(config, caller)),
      listRules: (_params, caller) => (this.#maySeeRules(caller.uid) ? options.tunnel.rules() : []),
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
   * addresses unreachable, until the engine is there, so that nothing leaves around the rules meanwhile. Call it first.
   */
  async inherit(): Promise<void> {
    const { owners, changes, restore, log } = this.#options;
    const { owner, app } = owners.load();
    const isOver = owner === null || (owner.mode === 'session' && app !== null && !isAlive(app));
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
    const { owners, ownership, log } = this.#options;
    const { owner, switches } = owners.load();
    this.#switches = new Map(switches);
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
      this.#app = identityOf(caller.pid) ?? null;
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
      await tunnel.machine.start(this.#switchesOf(owner.uid));
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
    this.#remember(owner);
  }

  async #turnOff(): Promise<void> {
    const { tunnel, ownership, log } = this.#options;
    // At once: a start of before that has not come to the machine yet must not go on, and whoever turns it on from now on
    // starts after this stop, so what is found claimed then is theirs.
    ownership.release();
    try {
      await tunnel.machine.stop();
      log.info('Enhanced Mode is off');
    } finally {
      if (ownership.owner === null) this.#remember(null);
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
    const before = this.#switchesOf(uid);
    const { systemDns = before.systemDns, autoRoute = before.autoRoute, dnsMode = before.dnsMode } = wanted;
    await tunnel.machine.setSwitches({ systemDns, autoRoute });
    this.#switches.set(uid, { ...before, systemDns, autoRoute });
    if (this.#active.uid === undefined || this.#active.uid === uid) await tunnel.setDnsMode(dnsMode);
    this.#switches.set(uid, { systemDns, autoRoute, dnsMode });
    this.#remember(ownership.owner);
  }

  #switchesOf(uid: number): UserSwitches {
    return this.#switches.get(uid) ?? initialSwitches;
  }

  async #renewLease(caller: PeerCredentials): Promise<Result<'renewLease'>> {
    const sign = this.#options.ownership.renew(caller.uid);
    if (sign === 'none') return { ttlMs: 0, resumed: false };
    if (sign === 'renewed') {
      this.#noteApp(caller);
    } else {
      this.#app = identityOf(caller.pid) ?? null;
      await this.#turnOn({ uid: caller.uid, mode: 'session' });
    }
    return { ttlMs: leaseMs, resumed: sign === 'returned' };
  }

  /** Remembered only when it is another one: a renewal a few seconds is no reason to write. */
  #noteApp({ pid }: PeerCredentials): void {
    const before = this.#app;
    if (before?.pid === pid && isAlive(before)) return;
    this.#app = identityOf(pid) ?? null;
    this.#remember(this.#options.ownership.owner);
  }

  async #applyConfig(config: Config, caller: PeerCredentials): Promise<Result<'applyConfig'>> {
    const { tunnel, ownership, log } = this.#options;
    assertPortsOf(caller.uid, config);
    const next = stored(config);
    const inForce = ownership.owner === null || ownership.owner.uid === caller.uid;
    if (inForce) await this.#putInForce(caller.uid, next);
    else tunnel.check(config);
    this.#save(caller.uid, config);
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
    const { tunnel, setLogLevel } = this.#options;
    if (next.hash !== this.#active.config.hash) await tunnel.reload(next.config);
    this.#active = { uid, config: next };
    await tunnel.setDnsMode(this.#switchesOf(uid).dnsMode);
    setLogLevel(next.config.logLevel);
    await tunnel.setMixed(true);
    this.changed.emit();
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
    const switches = this.#switchesOf(ownership.owner?.uid ?? caller.uid);
    return {
      version,
      tunnel: tunnel.machine.state,
      owner: ownership.owner,
      mine: ownership.owner === null || ownership.owner.uid === caller.uid,
      systemDns: switches.systemDns,
      autoRoute: switches.autoRoute,
      dnsMode: tunnel.dnsMode(),
      mixed: tunnel.mixed,
      config: { hash, proxies: config.proxies.length, rules: config.rules.length },
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

  /** What cannot be written is not resumed after a crash; nothing else depends on it. */
  #remember(owner: Owner | null): void {
    this.#write('owner', () => this.#options.owners.save({ owner, switches: this.#switches, app: this.#app }));
  }

  #save(uid: number, config: Config): void {
    this.#write('configuration', () => this.#options.configs.save(uid, config));
  }

  #write(what: string, write: () => void): void {
    const { health, log } = this.#options;
    try {
      write();
      health.clear('STATE_NOT_SAVED');
    } catch (error) {
      log.error('state could not be saved', { what, reason: String(error) });
      health.raise({
        code: 'STATE_NOT_SAVED',
        severity: 'warning',
        title: 'The state directory cannot be written',
        text: `The ${what} could not be saved: ${AppError.from(error).message}. After a restart of the helper the earlier one is used.`,
        action: 'Free space in the state directory.',
      });
    }
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
