/** What the helper's methods need of the tunnel; `core/tunnel` has the real one, tests a double. */
import type { Emitter } from '../base/emitter.ts';
import type { Config } from '../contract/config.ts';
import type { ConnectionRow } from '../contract/flow.ts';
import type { Params } from '../contract/rpc.ts';
import type { Snapshot, TunnelState } from '../contract/status.ts';
import type { KnownRules } from '../rule/known-rules.ts';
import type { RuleSets } from '../rule/rule-set.ts';
import type { Inspector } from '../tunnel/inspector.ts';
import type { ModeSwitches } from '../tunnel/mode-switches.ts';
import type { PolicyDesk } from '../tunnel/policy-desk.ts';
import type { TunnelSwitches } from '../tunnel/tunnel-machine.ts';

export interface ServedMachine {
  readonly state: TunnelState;
  readonly changed: Emitter<TunnelState>;
  start(switches: TunnelSwitches): Promise<void>;
  stop(): Promise<void>;
  setSwitches(switches: TunnelSwitches): Promise<void>;
  /** Runs the task between other commands when nothing is in force; does nothing otherwise. */
  whenStopped(task: () => Promise<void>): Promise<void>;
}

export interface ServedTunnel {
  readonly machine: ServedMachine;
  /** Something of `mixed` has changed. */
  readonly changed: Emitter<void>;
  /** Where the mixed port listens now; null when it does not. */
  readonly mixed: Snapshot['mixed'];
  /** Lets the owner's app say at that port which policy a download takes; null while it does not listen. */
  readonly policyKey: string | null;
  /** Throws CONFIG_INVALID or FAKE_IP_RANGE_TOO_SMALL for a configuration that cannot be put in force; changes nothing. */
  check(config: Config, sets: RuleSets): void;
  /**
   * Puts a configuration in force; open flows keep the old one. Rejects as `check` throws, and changes nothing then. `prepare` is
   * called right before it is in force. `known`: what is known of its rules, instead of what the present ones have counted.
   */
  reload(config: Config, sets: RuleSets, prepare: () => void, known?: KnownRules): Promise<void>;
  /** Whether the mixed port of the configuration in force listens. A port that is taken is a warning, not an error. */
  setMixed(on: boolean): Promise<void>;
  /** What people ask about what is in force. */
  readonly inspector: Pick<Inspector, keyof Inspector>;
  /** Groups and nodes: what is chosen and tested. */
  readonly proxies: Pick<PolicyDesk, 'useChoices' | 'select' | 'test' | 'stopTests'>;
  readonly modes: Pick<ModeSwitches, keyof ModeSwitches>;
  /** Forgets the answers of upstreams; returns how many. */
  flushDnsCache(): number;
  /** Retires every mapping that is not pinned; returns how many. */
  flushFakeIp(): number;
  /** Returns how many of the addresses had a mapping that was changed. */
  changeMappings(addresses: readonly string[], action: Params<'changeMappings'>['action']): number;
  /** Which rules are switched off, and what they have counted. */
  knownRules(): KnownRules;
  /** Ends the live flows of which `which` is true; returns how many. */
  closeFlows(which: (row: ConnectionRow) => boolean): number;
}
