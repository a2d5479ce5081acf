/**
 * The privileged process as a whole: makes every part, joins them, and takes them apart in the right order. Everything
 * that `main.ts` starts and ends.
 */
import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { AppError, errnoOf } from '../base/app-error.ts';
import { type Cidr, parseCidr } from '../base/cidr.ts';
import { systemClock } from '../base/clock.ts';
import { controlSocketOf, databaseOf, fakeIpKeyOf, journalOf, ownerFileOf } from '../base/paths.ts';
import { mirageVersion } from '../base/version.ts';
import type { HealthWarning } from '../contract/status.ts';
import { PeerAuth } from '../rpc/peer-auth.ts';
import { RpcServer } from '../rpc/rpc-server.ts';
import { loadInstallKey } from '../state/install-key.ts';
import { SqliteStateStore } from '../state/sqlite-state-store.ts';
import { SystemCommandRunner } from '../system/command-runner.ts';
import { deviceTrouble } from '../system/device-check.ts';
import { flushDnsCaches } from '../system/dns-cache-flush.ts';
import { EtcHosts } from '../system/hosts-file.ts';
import { loadNative } from '../system/native.ts';
import { NetworkMonitor } from '../system/network-monitor.ts';
import { restoreNetwork } from '../system/restore.ts';
import { createRoutes } from '../system/routes/index.ts';
import { StrandedResolvers } from '../system/stranded-resolvers.ts';
import { createSystemDns, resolvConfPath } from '../system/system-dns/index.ts';
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
const tableLost: HealthWarning = {
  code: 'FAKE_IP_TABLE_LOST',
  severity: 'notice',
  title: 'The mapping table was lost, or its end',
  text: 'Programs may hold fake addresses from before. For a day the first bytes of their connections tell the name where the address is in doubt.',
  action: 'If a program has no connection, restart it or flush its DNS cache.',
};

/** Stands from a restore that failed until one has succeeded. */
const restoreIncomplete: HealthWarning = {
  code: 'RESTORE_INCOMPLETE',
  severity: 'error',
  title: 'Not everything could be undone',
  text: 'Changes of the network by an earlier helper are still in force; the log says why.',
  action: 'Repair what the log names, then restore again.',
};

export class HelperProcess {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Undoes what a helper before us left unless it is to go on, then listens. The lock of the state directory must be held. Rejects when it
   * cannot serve; the network is as it was before then too.
   */
  static async start(options: HelperOptions, addonPath: string, log: HelperLog): Promise<HelperProcess> {
    const parts = await assemble(options, addonPath, log);
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

async function assemble(options: HelperOptions, addonPath: string, log: HelperLog): Promise<Parts> {
  const { paths, allowedUids } = options;
  const clock = systemClock;
  const { logger } = log;
  const now = () => clock.now();
  const health = new Health();
  const runner = new SystemCommandRunner();
  const native = loadNative(addonPath);
  const journal = await UndoJournal.open({ path: journalOf(paths), now, logger: logger.child('journal') });
  const openedAt = now();
  const store = new SqliteStateStore(databaseOf(paths), {
    now,
    isOldInstall: existsSync(fakeIpKeyOf(paths)),
    boot: bootId(),
    onSetAside: ({ path, reason }) => raiseSetAside(health, 'The mapping table', path, reason),
  });
  if (store.lostAt >= openedAt) health.raise(tableLost);
  const fakeIpKey = loadInstallKey(fakeIpKeyOf(paths), {
    onSetAside: (path) => raiseSetAside(health, 'The key of the mapping table', path, 'it has not 16 bytes'),
  });
  const network: NetworkMonitor = new NetworkMonitor({
    runner,
    clock,
    logger: logger.child('network'),
    isOwn: (device) => tunnel.owns(device),
  });
  const endpoint = ({ host, port }: { host: string; port: number }) => ({ address: host, port });
  const tunnel: Tunnel = new Tunnel({
    createEngine: (engineOptions, onEvents) => new native.Engine(engineOptions, onEvents),
    sockets: native,
    findRoute: native.findRoute,
    socketUid: (protocol, source, destination) => native.socketUid(protocol, endpoint(source), endpoint(destination)),
    findProcess: async (protocol, source, destination) => {
      return (await native.findProcess(protocol, endpoint(source), endpoint(destination))) ?? undefined;
    },
    loopGuard: native,
    destroySockets: native.destroySockets,
    network,
    deviceTrouble: (device) => deviceTrouble(runner, device),
    routes: createRoutes(process.platform, { runner, journal, logger: logger.child('routes'), health, clock }),
    systemDns: createSystemDns(process.platform, {
      runner,
      journal,
      health,
      clock,
      logger: logger.child('system-dns'),
    }),
    flushCaches: () => flushDnsCaches(runner, logger.child('system-dns')),
    hostsFile: new EtcHosts(),
    store,
    fakeIpKey,
    health,
    clock,
    log: logger,
  });
  const restore = async () => {
    try {
      const logRestore = logger.child('restore');
      const undone = await restoreNetwork({ journal, runner, logger: logRestore, now, resolvConf: resolvConfPath });
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
  const stranded = new StrandedResolvers(runner, clock);
  const service: HelperService = new HelperService({
    tunnel,
    ownership,
    owners: new OwnerStore(ownerFileOf(paths), bootId()),
    configs: new ConfigStore(paths, (path) =>
      raiseSetAside(health, 'The last configuration', path, 'it is not understood'),
    ),
    health,
    privacy,
    changes: () => journal.changes(),
    restore,
    stranded: new StrandedWarning(() => stranded.find(prefixesOf(tunnel.mappings.ranges())), health, clock),
    setLogLevel: (level) => log.setLevel(level),
    version: mirageVersion,
    clock,
    log: logger,
  });
  const traffic = new TrafficMeter(() => tunnel.sample(), clock);
  const server = new RpcServer({
    socketPath: controlSocketOf(paths),
    auth: new PeerAuth(native.peerCredentials, allowedUids),
    handlers: service.handlers,
    topics: { connections: tunnel.connections, mappings: tunnel.mappings, dnsLog: tunnel.dnsLog, logs: log.rows },
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

/** The kernel's name for this boot (random(4)); where it tells none, sessions are not resumed after a helper's death. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `${process.pid}-${Date.now()}`;
  }
}

function raiseSetAside(health: Health, what: string, path: string, reason: string): void {
  health.raise({
    code: 'STATE_SET_ASIDE',
    severity: 'warning',
    title: `${what} could not be read`,
    text: `${reason}. It lies at ${path}, and a new one was begun.`,
    action: 'If this repeats, check the disk.',
  });
}
