/** All that Mirage needs of an operating system, as one object; `platform.ts` chooses which. Each has a folder of its own. */

import type { Cidr } from '../base/cidr.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Cause } from '../contract/causes.ts';
import type { Endpoint, ProcessInfo } from '../contract/flow.ts';
import type { NetworkChange } from '../contract/status.ts';
import type { Network } from '../flow/metadata.ts';
import type { CommandRunner } from './command-runner.ts';
import type { HealthSink } from './health-sink.ts';
import type { MachineNetwork } from './machine-network.ts';
import type { NativeAddon } from './native.ts';
import type { OwnDevice } from './own-device.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { Routes } from './routes.ts';
import type { SystemDns } from './system-dns.ts';
import type { UndoJournal } from './undo-journal.ts';

export interface OperatingSystem {
  /** Another one after each start of the machine; where nothing tells, after each start of this process. */
  bootId(): string;
  readonly processes: Processes;
  readonly restore: Restore;
  /** Makes the parts, changes nothing. */
  machine(services: MachineServices): Machine;
}

export interface Processes {
  /** Undefined when there is no such process, or it has ended and only waits to be reaped. */
  identityOf(pid: number): ProcessIdentity | undefined;
  /** Whether this very process is there, be it stopped. */
  isAlive(process: ProcessIdentity): boolean;
  /** Which process holds the lock of a file; undefined when none does. */
  lockHolder(path: string): ProcessIdentity | undefined;
  /** Ends a process, be it stopped, and waits for it, 3 s at most. Whether it is gone. */
  end(process: ProcessIdentity): Promise<boolean>;
  /** Lets this process have the processor before programs that compute for minutes. */
  preferThis(): void;
}

/** Gives the network back. Needs the journal and the kernel: no addon, no configuration, no other state. */
export interface Restore {
  /**
   * Undoes every change of the journal, then what our traces tell, and looks whether anything is left. Returns what was undone.
   * Rejects with `SYSTEM_JOURNAL_FAILED` when something could not be; the rest is undone all the same.
   */
  network(services: RestoreServices): Promise<NetworkChange[]>;
  /** The TUN of a helper at work, by the traces it leaves; undefined when there is none. */
  livingDevice(services: Pick<RestoreServices, 'journal' | 'runner'>): Promise<string | undefined>;
  /** The prefixes of fake addresses that are led to us, by journal and kernel. */
  fakeRanges(services: Pick<RestoreServices, 'journal' | 'runner'>): Promise<string[]>;
}

export interface RestoreServices {
  readonly journal: UndoJournal;
  readonly runner: CommandRunner;
  readonly logger: Logger;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

export interface MachineServices {
  readonly runner: CommandRunner;
  readonly journal: UndoJournal;
  readonly native: NativeAddon;
  readonly health: HealthSink;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells our TUN. Asked anew at each use. */
  readonly isOwn: (device: string) => boolean;
}

/** What of this machine is watched and changed while the helper runs. */
export interface Machine {
  readonly network: MachineNetwork;
  readonly routes: Routes;
  readonly systemDns: SystemDns;
  /** Best effort: what fails is logged. */
  readonly flushDnsCaches: () => Promise<unknown>;
  /** The machine's own table of names; both throw what the system says. `stamp` differs after every change. */
  readonly hostsFile: { stamp(): string; read(): string };
  /** What is wrong with our device; undefined when nothing is. */
  readonly deviceTrouble: (device: OwnDevice) => Promise<Cause | undefined>;
  /** Gives our device, which is there, another MTU. */
  readonly setMtu: (device: string, mtu: number) => Promise<void>;
  /** Whether something here may lead packets that this machine sends to somebody else (NAT); true where nobody can tell. */
  readonly hasOutputNat: () => Promise<boolean>;
  /** Names of containers and the like that still ask a DNS server inside one of these prefixes. */
  readonly strandedResolvers: (prefixes: readonly Cidr[]) => Promise<string[]>;
  /** Whose socket it is, by its two ends; undefined when it cannot be told. */
  readonly findProcess: (network: Network, source: Endpoint, destination: Endpoint) => Promise<ProcessInfo | undefined>;
  /** The user whose socket it is; see native/index.d.ts. */
  readonly socketUid: (network: Network, source: Endpoint, destination: Endpoint) => number;
  /** Gives freed memory back to the system. */
  readonly trimMemory: () => void;
}
