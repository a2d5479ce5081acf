/** What the helper's methods need of the tunnel; `core/tunnel` has the real one, tests a double. */
import type { Emitter } from '../base/emitter.ts';
import type { Config, DnsMode, PolicyMode } from '../contract/config.ts';
import type { ConnectionRow, RuleTrace } from '../contract/flow.ts';
import type { Params, Result, RuleRow } from '../contract/rpc.ts';
import type { Snapshot, TunnelState } from '../contract/status.ts';
import type { KnownRules } from '../rule/known-rules.ts';
import type { RuleSets } from '../rule/rule-set.ts';
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
  /** Throws CONFIG_INVALID or FAKE_IP_RANGE_TOO_SMALL for a configuration that cannot be put in force; changes nothing. */
  check(config: Config, sets: RuleSets): void;
  /**
   * Puts a configuration in force; open flows keep the old one. Rejects as `check` throws, and changes nothing then. `prepare` is
   * called right before it is in force. `known`: what is known of its rules, instead of what the present ones have counted.
   */
  reload(config: Config, sets: RuleSets, prepare: () => void, known?: KnownRules): Promise<void>;
  /** Whether the mixed port of the configuration in force listens. A port that is taken is a warning, not an error. */
  setMixed(on: boolean): Promise<void>;
  fakeIp(): Snapshot['fakeIp'];
  /** In force, and whether it was chosen by switch instead of by the profile. */
  dnsMode(): Snapshot['dnsMode'];
  /** Instead of the profile's; null = as the profile says. */
  setDnsMode(mode: DnsMode | null): Promise<void>;
  /** In force, and whether it was chosen by switch instead of by the profile. */
  mode(): Snapshot['mode'];
  /** Instead of the profile's; null = as the profile says. Open flows keep their way. */
  setMode(mode: PolicyMode | null): void;
  /** What a user has chosen in groups, and nothing else. */
  useChoices(choices: ReadonlyMap<string, string>): void;
  /** Throws POLICY_UNKNOWN or POLICY_NOT_CHOSEN. */
  selectProxy(choice: Params<'selectProxy'>): Result<'selectProxy'>;
  /** Begins tests for a user. Throws POLICY_UNKNOWN. */
  testProxies(wanted: Params<'testProxies'>, uid: number): Result<'testProxies'>;
  /** Ends those that `testProxies` has begun; answers how many. */
  stopTests(): number;
  /** Forgets the answers of upstreams; answers how many. */
  flushDnsCache(): number;
  /** Retires every mapping that is not pinned; answers how many. */
  flushFakeIp(): number;
  /** Answers how many of the addresses had a mapping that was changed. */
  changeMappings(addresses: readonly string[], action: Params<'changeMappings'>['action']): number;
  rules(): RuleRow[];
  /** Which rules are switched off, and what they have counted. */
  knownRules(): KnownRules;
  /** Returns whether the rule there is still that one. */
  switchRule(wanted: Params<'switchRule'>): boolean;
  testRule(question: Params<'testRule'>, signal: AbortSignal): Promise<RuleTrace>;
  dnsQuery(question: Params<'dnsQuery'>, signal: AbortSignal): Promise<Result<'dnsQuery'>>;
  /** Ends the live flows of which `which` is true; answers how many. */
  closeFlows(which: (row: ConnectionRow) => boolean): number;
}
