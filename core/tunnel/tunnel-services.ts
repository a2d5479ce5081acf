/** What the tunnel is built from: everything that touches the machine, as the composition root makes it. */

import type { Ip } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Cause } from '../contract/causes.ts';
import type { PoolStore } from '../dns/fake-ip/fake-ip-mapping.ts';
import type { HostsFile } from '../dns/names/system-hosts.ts';
import type { FindProcess } from '../flow/process-finder.ts';
import type { SocketOpener } from '../outbound/socket-opener.ts';
import type { HealthSink } from '../system/health-sink.ts';
import type { MachineNetwork } from '../system/machine-network.ts';
import type { NativeAddon } from '../system/native.ts';
import type { OwnDevice } from '../system/own-device.ts';
import type { Routes } from '../system/routes.ts';
import type { SystemDns } from '../system/system-dns.ts';
import type { FindSocketUid } from './client-names.ts';
import type { RangeStore } from './fake-ip-pools.ts';
import type { LoopGuardSystem } from './loop-guard.ts';
import type { NativeEngine, NativeEvent } from './native-flow-engine.ts';

export type NativeEngineOptions = ConstructorParameters<NativeAddon['Engine']>[0];

export interface TunnelServices {
  readonly createEngine: (options: NativeEngineOptions, onEvents: (events: NativeEvent[]) => void) => NativeEngine;
  readonly sockets: SocketOpener;
  readonly findRoute: NativeAddon['findRoute'];
  readonly rulesLookAtSenders: NativeAddon['rulesLookAtSenders'];
  readonly sourceTowards: NativeAddon['sourceTowards'];
  readonly natTarget: NativeAddon['natTarget'];
  /** Whether it can say anything: something here leads packets of this machine elsewhere. */
  readonly hasOutputNat: () => Promise<boolean>;
  readonly findProcess: FindProcess;
  readonly socketUid: FindSocketUid;
  readonly loopGuard: LoopGuardSystem;
  readonly spareProcesses: NativeAddon['spareProcesses'];
  /** Ends sockets of this machine with an end inside `prefixes`, unless the remote one is inside `spared`; returns how many. */
  readonly destroySockets: (prefixes: string[], spared: string[]) => number;
  readonly network: MachineNetwork;
  /** Gives our device, which is there, another MTU. */
  readonly setMtu: (device: string, mtu: number) => Promise<void>;
  readonly routes: Routes;
  /** What is wrong with our device; undefined when nothing is. */
  readonly deviceTrouble: (device: OwnDevice) => Promise<Cause | undefined>;
  readonly systemDns: SystemDns;
  readonly flushCaches: () => Promise<unknown>;
  readonly hostsFile: HostsFile;
  readonly store: PoolStore & RangeStore;
  /** 16 bytes, the same for the life of the installation. */
  readonly fakeIpKey: Uint8Array;
  readonly health: HealthSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Addresses of the internet, to ask whether and by which device there is a route. */
export const ipv4Probe = '8.8.8.8';
export const ipv6Probe = '2001:4860:4860::8888';

/** SO_MARK of every socket of ours. */
export const socketMark = 0x4d49;
/** SO_MARK of the sockets of programs that strict-route spares. Routing does not know it: what they do not bind is captured. */
export const sparedMark = 0x4d4a;

/** The TUN's own IPv6 address and prefix, on machines that have IPv6. */
export const tunAddress6: Ip = 'fdfe:dcba:9876::1';
export const tunPrefix6 = 'fdfe:dcba:9876::/126';
