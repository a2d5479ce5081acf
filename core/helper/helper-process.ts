/**
 * The privileged process as a whole: makes every part, joins them, and takes them apart in the right order. Everything
 * that `main.ts` starts and ends.
 */
import { existsSync, lstatSync, rmSync } from 'node:fs';
import { AppError, errnoOf } from '../base/app-error.ts';
import { type Cidr, parseCidr } from '../base/cidr.ts';
import { systemClock } from '../base/clock.ts';
import { blobsOf, controlSocketOf, databaseOf, fakeIpKeyOf, journalOf, ownerFileOf } from '../base/paths.ts';
import { mirageVersion } from '../base/version.ts';
import { warningOf } from '../contract/warning-texts.ts';
import { PeerAuth } from '../rpc/peer-auth.ts';
import { RpcServer } from '../rpc/rpc-server.ts';
import { BlobStore } from '../state/blob-store.ts';
import { loadInstallKey } from '../state/install-key.ts';
import { SqliteStateStore } from '../state/sqlite-state-store.ts';
import { SystemCommandRunner } from '../system/command-runner.ts';
import { loadNative } from '../system/native.ts';
import type { Machine, OperatingSystem } from '../system/operating-system.ts';
import { UndoJournal } from '../system/undo-journal.ts';
import { Tunnel } from '../tunnel/tunnel.ts';
import { ConfigStore } from './config-store.ts';
import { Health } from './health.ts';
import type { HelperLog } from './helper-log.ts';
import type { HelperOptions } from './helper-options.ts';
import { HelperService } from './helper-service.ts';
import { OwnerStore } from './owner-store.ts';
import { Ownership } from './ownership.ts';
import { RowPrivacy } from './row-privacy.ts';
import { SetShelf } from './set-shelf.ts';
import { StrandedWarning } from './stranded-warning.ts';
import { TrafficMeter } from './traffic-meter.ts';

interface Parts {
  readonly service: HelperService;
  readonly server: RpcServer;
  readonly tunnel: Tunnel;
  readonly store: SqliteStateStore;
  readonly restore: () => Promise<unknown>;
}

/** Stands until the next start. */
const tableLost = warningOf('FAKE_IP_TABLE_LOST', {});
/** Stands from a restore that failed until one has succeeded. */
const restoreIncomplete = warningOf('RESTORE_INCOMPLETE', {});

export class HelperProcess {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Undoes what a helper before us left unless it is to go on, then listens. The lock of the state directory must be held. Rejects when it
   * cannot serve; the network is as it was before then too.
   */
  static async start(
    options: HelperOptions,
    platform: OperatingSystem,
    addonPath: string,
    log: HelperLog,
  ): Promise<HelperProcess> {
    const parts = await assemble(options, platform, addonPath, log);
    // What fails of it is shown and can be tried again by those who connect; not serving would help nobody.
    await parts.service.inherit();
    removeStaleSocket(controlSocketOf(options.paths));
    await parts.server.start();
    log.logger.info('ready', { version: mirageVersion, pid: process.pid, socket: controlSocketOf(options.paths) });
    void parts.service.resume();
    return new HelperProcess(parts);
  }

  /** Undoes everything in order and ends every part. Rejects when something of ours may be left. */
  async stop(): Promise<void> {
    const { service, server, tunnel, store } = this.#parts;
    try {
      await service.stop();
    } finally {
      await server.stop();
      await tunnel.dispose();
      store.close();
    }
  }

  /** After a defect, when no part can be relied on: the orderly way for a moment, then what the journal says. */
  async emergencyStop(): Promise<void> {
    const { service, restore } = this.#parts;
    await Promise.race([service.stop(), new Promise((resolve) => setTimeout(resolve, 3_000))]).catch(() => undefined);
    await restore();
  }
}

/** What a flood has taken and given back does not stay with the process for longer than this. Milliseconds. */
/** Milliseconds between two writes of the counters of rules. */
const ruleInterval = 5 * 60_000;
const trimInterval = 2_000;

async function assemble(
  options: HelperOptions,
  platform: OperatingSystem,
  addonPath: string,
  log: HelperLog,
): Promise<Parts> {
  const { paths, allowedUids } = options;
  const clock = systemClock;
  const { logger } = log;
  const now = () => clock.now();
  const health = new Health();
  const runner = new SystemCommandRunner();
  const native = loadNative(addonPath);
  const boot = platform.bootId();
  const journal = await UndoJournal.open({ path: journalOf(paths), now, logger: logger.child('journal') });
  const openedAt = now();
  const store = new SqliteStateStore(databaseOf(paths), {
    now,
    isOldInstall: existsSync(fakeIpKeyOf(paths)),
    boot,
    onSetAside: ({ path, reason }) => health.raise(warningOf('STATE_SET_ASIDE', { path, reason })),
  });
  if (store.lostAt >= openedAt) health.raise(tableLost);
  const fakeIpKey = loadInstallKey(fakeIpKeyOf(paths), {
    onSetAside: (path) => health.raise(warningOf('KEY_SET_ASIDE', { path })),
  });
  const machine: Machine = platform.machine({
    runner,
    journal,
    native,
    health,
    clock,
    logger,
    isOwn: (device) => tunnel.owns(device),
  });
  const tunnel: Tunnel = new Tunnel({
    createEngine: (engineOptions, onEvents) => new native.Engine(engineOptions, onEvents),
    sockets: native,
    findRoute: native.findRoute,
    rulesLookAtSenders: native.rulesLookAtSenders,
    sourceTowards: native.sourceTowards,
    natTarget: native.natTarget,
    hasOutputNat: machine.hasOutputNat,
    socketUid: machine.socketUid,
    findProcess: machine.findProcess,
    loopGuard: native,
    spareProcesses: native.spareProcesses,
    destroySockets: native.destroySockets,
    network: machine.network,
    setMtu: machine.setMtu,
    deviceTrouble: machine.deviceTrouble,
    routes: machine.routes,
    systemDns: machine.systemDns,
    flushCaches: machine.flushDnsCaches,
    hostsFile: machine.hostsFile,
    store,
    fakeIpKey,
    health,
    clock,
    log: logger,
  });
  const restore = async () => {
    try {
      const logRestore = logger.child('restore');
      const undone = await platform.restore.network({ journal, runner, logger: logRestore, now });
      for (const { what, where } of undone) logRestore.info('undone', { what, where });
      health.clear(restoreIncomplete.code);
      return undone;
    } catch (error) {
      health.raise(restoreIncomplete);
      throw error;
    }
  };
  const ownership = new Ownership(clock);
  const soleUser = allowedUids.length === 1 ? allowedUids[0] : undefined;
  const shownTo = () => ownership.owner?.uid ?? service.configuredBy ?? soleUser;
  const privacy = new RowPrivacy(shownTo);
  const sets = new SetShelf(new BlobStore({ directory: blobsOf(paths), clock }), clock, logger.child('sets'));
  const service: HelperService = new HelperService({
    tunnel,
    ownership,
    owners: new OwnerStore(ownerFileOf(paths), boot),
    configs: new ConfigStore(paths, (path) => health.raise(warningOf('CONFIG_SET_ASIDE', { path }))),
    choices: store,
    ruleNotes: store.ruleNotes,
    sets,
    health,
    privacy,
    changes: () => journal.changes(),
    restore,
    otherDevice: () => platform.restore.livingDevice({ journal, runner }),
    stranded: new StrandedWarning(() => machine.strandedResolvers(prefixesOf(tunnel.mappings.ranges())), health, clock),
    processes: platform.processes,
    setLogLevel: (level) => log.setLevel(level),
    version: mirageVersion,
    clock,
    log: logger,
  });
  clock.every(trimInterval, machine.trimMemory);
  clock.every(ruleInterval, () => service.saveRules());
  const traffic = new TrafficMeter(() => tunnel.sample(), clock);
  const server = new RpcServer({
    socketPath: controlSocketOf(paths),
    auth: new PeerAuth(native.peerCredentials, allowedUids),
    handlers: service.handlers,
    topics: {
      connections: tunnel.connections,
      mappings: tunnel.mappings,
      dnsLog: tunnel.dnsLog,
      logs: log.rows,
      proxies: tunnel.proxies,
    },
    events: { snapshot: service.snapshots, traffic },
    view: privacy,
    admit: (method, caller) => service.admit(method, caller),
    version: mirageVersion,
    clock,
    log: logger.child('rpc'),
    checkResults: options.developer,
  });
  let shown = shownTo();
  service.changed.on(() => {
    if (shownTo() === shown) return;
    shown = shownTo();
    server.resetTopics();
  });
  return { service, server, tunnel, store, restore };
}

function prefixesOf(texts: readonly string[]): Cidr[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

/** A socket that a killed helper left; with the lock in hand it is nobody's. */
function removeStaleSocket(path: string): void {
  try {
    if (lstatSync(path).isSocket()) rmSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw AppError.from(error);
  }
}
