/** Linux as an `OperatingSystem`: what `platform.ts` chooses, made of the parts in this folder. */

import type { Machine, MachineServices, OperatingSystem } from '../operating-system.ts';
import { bootId } from './boot-id.ts';
import { deviceTrouble } from './device-check.ts';
import { flushDnsCaches } from './dns-cache-flush.ts';
import { EtcHosts } from './hosts-file.ts';
import { endProcess, lockHolder } from './lock-holder.ts';
import { NetworkMonitor } from './network-monitor.ts';
import { hasOutputNat } from './output-nat.ts';
import { preferThisProcess } from './priority.ts';
import { identityOf, isAlive } from './process-identity.ts';
import { fakeRangesInForce, livingDevice, resolvConfPath, restoreNetwork } from './restore.ts';
import { LinuxRoutes } from './routes/linux-routes.ts';
import { StrandedResolvers } from './stranded-resolvers.ts';
import { watchFile } from './system-dns/file-watch.ts';
import { LinuxSystemDns } from './system-dns/linux-system-dns.ts';
import { ResolvConfFile } from './system-dns/resolv-conf-file.ts';

export const linux: OperatingSystem = {
  bootId,
  processes: {
    identityOf: (pid) => identityOf(pid),
    isAlive,
    lockHolder,
    end: (process) => endProcess(process),
    preferThis: preferThisProcess,
  },
  restore: {
    network: (services) => restoreNetwork({ ...services, resolvConf: resolvConfPath }),
    livingDevice,
    fakeRanges: fakeRangesInForce,
  },
  machine,
};

function machine(services: MachineServices): Machine {
  const { clock, health, isOwn, journal, logger, native, runner } = services;
  const routesLog = logger.child('routes');
  const dnsLog = logger.child('system-dns');
  const stranded = new StrandedResolvers(runner, clock);
  return {
    network: new NetworkMonitor({ runner, clock, logger: logger.child('network'), isOwn }),
    routes: new LinuxRoutes({ runner, journal, logger: routesLog, health, clock }),
    systemDns: new LinuxSystemDns({
      runner,
      journal,
      health,
      clock,
      logger: dnsLog,
      file: new ResolvConfFile({ path: resolvConfPath, runner, step: (name) => journal.step(name) }),
      watch: watchFile,
      root: '/',
      owner: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
    }),
    flushDnsCaches: () => flushDnsCaches(runner, dnsLog),
    hostsFile: new EtcHosts(),
    deviceTrouble: (device) => deviceTrouble(runner, device),
    setMtu: async (device, mtu) => {
      await runner.run('ip', ['link', 'set', 'dev', device, 'mtu', String(mtu)], { timeoutMs: 5_000 });
    },
    hasOutputNat: () => hasOutputNat(runner),
    strandedResolvers: (prefixes) => stranded.find(prefixes),
    findProcess: async (network, source, destination) =>
      (await native.findProcess(network, endpoint(source), endpoint(destination))) ?? undefined,
    socketUid: (network, source, destination) => native.socketUid(network, endpoint(source), endpoint(destination)),
    trimMemory: native.trimMemory,
  };
}

function endpoint({ host, port }: { host: string; port: number }): { address: string; port: number } {
  return { address: host, port };
}
