/** What the tunnel is built from: everything that touches the machine, as the composition root makes it. */
import type { Ip } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { PoolStore } from '../dns/fake-ip-mapping.ts';
import type { HostsFile } from '../dns/system-hosts.ts';
import type { FindProcess } from '../flow/process-finder.ts';
import type { RouteView, SocketOpener } from '../outbound/socket-opener.ts';
import type { OwnDevice } from '../system/device-check.ts';
import type { HealthSink } from '../system/health-sink.ts';
import type { NativeAddon } from '../system/native.ts';
import type { Routes } from '../system/routes/routes.ts';
import type { SystemDns } from '../system/system-dns/system-dns.ts';
import type { FindSocketUid } from './client-names.ts';
import type { RangeStore } from './fake-ip-pools.ts';
import type { LoopGuardSystem } from './loop-guard.ts';
import type { NativeEngine, NativeEvent } from './native-flow-engine.ts';

export type NativeEngineOptions = ConstructorParameters<NativeAddon['Engine']>[0];

/** The machine's network, kept current while started. */
export interface Network extends RouteView {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Whether a new interface gets IPv6. */
  ipv6Available(): boolean;
  /** Interfaces with an IPv4 address, without ours. */
  devicesWithIpv4(): string[];
  onChange(changed: () => void): () => void;
  /** Something of our own, or any device, may have been changed. */
  onOwnEvent(changed: () => void): () => void;
}

export interface TunnelServices {
  readonly createEngine: (options: NativeEngineOptions, onEvents: (events: NativeEvent[]) => void) => NativeEngine;
  readonly sockets: SocketOpener;
  readonly findRoute: NativeAddon['findRoute'];
  readonly findProcess: FindProcess;
  readonly socketUid: FindSocketUid;
  readonly loopGuard: LoopGuardSystem;
  /** Ends sockets of this machine with an end inside `prefixes`, unless the remote one is inside `spared`; returns how many. */
  readonly destroySockets: (prefixes: string[], spared: string[]) => number;
  readonly network: Network;
  readonly routes: Routes;
  /** What is wrong with our device; undefined when nothing is. */
  readonly deviceTrouble: (device: OwnDevice) => Promise<string | undefined>;
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

/** SO_MARK of every socket of ours. */
export const socketMark = 0x4d49;

/** The TUN's own IPv6 address and prefix, on machines that have IPv6. */
export const tunAddress6: Ip = 'fdfe:dcba:9876::1';
export const tunPrefix6 = 'fdfe:dcba:9876::/126';
