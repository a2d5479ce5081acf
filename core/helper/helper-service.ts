/**
 * What clients may ask of root, and who may ask it: every method of the contract, over the tunnel, its owner and what is
 * remembered. Opens no socket and touches no system setting itself.
 */
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { Emitter } from '../base/emitter.ts';
import type { MethodName, Params, Result } from '../contract/rpc.ts';
import type { NetworkChange, Owner, Snapshot } from '../contract/status.ts';
import type { Handlers } from '../rpc/outstanding-requests.ts';
import type { PeerCredentials } from '../rpc/peer-auth.ts';
import type { EventSource } from '../rpc/topic-source.ts';
import type { Processes } from '../system/operating-system.ts';
import { ConfigInForce, type ConfigInForceOptions } from './config-in-force.ts';
import type { OwnerStore } from './owner-store.ts';
import { leaseMs } from './ownership.ts';
import { Remembered } from './remembered.ts';
import type { RowPrivacy } from './row-privacy.ts';
import type { StrandedWarning } from './stranded-warning.ts';

export interface HelperServiceOptions extends ConfigInForceOptions {
  readonly owners: OwnerStore;
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
  readonly version: string;
  readonly clock: Clock;
}

/** How often the fake addresses in use and the lost names are counted for the snapshot, while somebody is connected. */
const recountMs = 5_000;

/** Milliseconds until a rule that was switched is on the disk. */
const savingMs = 2_000;

export class HelperService {
  readonly handlers: Handlers;
  readonly snapshots: EventSource<'snapshot'>;
  /** Something of the snapshot has changed. */
  readonly changed = new Emitter<void>();
  readonly #options: HelperServiceOptions;
  readonly #configs: ConfigInForce;
  #cancelSaving: (() => void) | undefined;
  readonly #remembered: Remembered;
  /** Calls that are turning Enhanced Mode on. */
  #starts = 0;

  /** The tunnel must have `defaultConfig` in force. */
  constructor(options: HelperServiceOptions) {
    this.#options = options;
    this.#remembered = new Remembered(options.owners, options.processes, options.health, options.log);
    this.#configs = new ConfigInForce(options, this.#remembered, () => this.changed.emit());
    this.handlers = {
      getSnapshot: (_params, caller) => this.#snapshot(caller),
      setEnhanced: (params, caller) => this.#setEnhanced(params, caller),
      setSwitches: (params, caller) => this.#setSwitches(params, caller),
      renewLease: (_params, caller) => this.#renewLease(caller),
      applyConfig: (params, caller) => this.#configs.apply(params, caller.uid),
      putBlob: (params, caller) => this.#putBlob(params, caller),
      listRules: (_params, caller) => (this.#maySeeRules(caller.uid) ? options.tunnel.inspector.rules() : []),
      switchRule: (params, caller) => this.#ownOnly(caller, () => this.#switchRule(params)),
      selectProxy: (params, caller) => this.#ownOnly(caller, () => this.#configs.selectProxy(params, caller.uid)),
      testProxies: (params, caller) => this.#ownOnly(caller, () => options.tunnel.proxies.test(params, caller.uid)),
      stopTests: (_params, caller) => this.#ownOnly(caller, () => ({ stopped: options.tunnel.proxies.stopTests() })),
      closeFlows: (params, caller) => this.#closeFlows(params, caller),
      testRule: (params, caller) =>
        this.#ownOnly(caller, () => options.tunnel.inspector.testRule(params, caller.signal)),
      dnsQuery: (params, caller) =>
        this.#ownOnly(caller, () => options.tunnel.inspector.dnsQuery(params, caller.signal)),
      flushDnsCache: (_params, caller) => this.#ownOnly(caller, () => ({ answers: options.tunnel.flushDnsCache() })),
      flushFakeIp: (_params, caller) => this.#ownOnly(caller, () => ({ retired: options.tunnel.flushFakeIp() })),
      changeMappings: ({ addresses, action }, caller) =>
        this.#ownOnly(caller, () => ({ changed: options.tunnel.changeMappings(addresses, action) })),
      getPolicyKey: (_params, caller) => this.#ownOnly(caller, () => ({ key: options.tunnel.policyKey })),
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
    return this.#configs.uid;
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

  /** What is known of rules goes to the disk; call it now and then. */
  saveRules(): void {
    this.#cancelSaving?.();
    this.#cancelSaving = undefined;
    this.#configs.saveRules();
  }

  /** However many are switched, all rules are looked through once in a while. */
  #switchRule(wanted: Params<'switchRule'>): Result<'switchRule'> {
    const changed = this.#options.tunnel.inspector.switchRule(wanted);
    if (changed) this.#cancelSaving ??= this.#options.clock.after(savingMs, () => this.saveRules());
    return { changed };
  }

  /** Undoes everything for the end of the process; whose it was stays remembered. */
  async stop(): Promise<void> {
    const { tunnel, ownership } = this.#options;
    ownership.release();
    this.saveRules();
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
      await this.#configs.activate(owner.uid);
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
    await this.#configs.inTurn(caller.uid, () => this.#switch(wanted, caller));
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
    if (this.#configs.uid === undefined || this.#configs.uid === uid) {
      tunnel.modes.chooseDnsMode(dnsMode);
      tunnel.modes.chooseMode(mode);
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

  async #putBlob(part: Params<'putBlob'>, caller: PeerCredentials): Promise<Result<'putBlob'>> {
    const data = Buffer.from(part.data, 'base64');
    return { done: await this.#options.sets.put(caller.uid, { ...part, data }) };
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
    return this.#configs.uid === undefined || this.#options.privacy.seesAll(uid);
  }

  #assertSeesRules(caller: number): void {
    if (this.#maySeeRules(caller)) return;
    const uid = this.#configs.uid ?? 0;
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
    const { config, hash } = this.#configs.stored;
    const switches = this.#remembered.switchesOf(ownership.owner?.uid ?? caller.uid);
    return {
      version,
      tunnel: tunnel.machine.state,
      owner: ownership.owner,
      mine: ownership.owner === null || ownership.owner.uid === caller.uid,
      systemDns: switches.systemDns,
      autoRoute: switches.autoRoute,
      dnsMode: tunnel.modes.dnsMode(),
      mode: tunnel.modes.mode(),
      mixed: tunnel.mixed,
      config: {
        hash,
        proxies: config.proxies.length,
        groups: config.groups.length,
        rules: config.rules.length,
        strictRoute: config.tun.strictRoute,
      },
      fakeIp: tunnel.inspector.fakeIp(),
      warnings: health.warnings(),
      changes: changes(),
    };
  }

  #watch(changed: () => void): () => void {
    const { clock, tunnel } = this.#options;
    const unwatch = this.changed.on(changed);
    let told = tunnel.inspector.fakeIp();
    const cancel = clock.every(recountMs, () => {
      const { used, unknown, recovered } = tunnel.inspector.fakeIp();
      if (used === told.used && unknown === told.unknown && recovered === told.recovered) return;
      told = { ...told, used, unknown, recovered };
      changed();
    });
    return () => {
      unwatch();
      cancel();
    };
  }
}
