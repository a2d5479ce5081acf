/** What decides where flows go: rules and outbounds of one configuration, replaced together on reload. */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { RuleReasonCode } from '../contract/rule-reasons.ts';
import type { Metadata, Network } from '../flow/metadata.ts';
import type { Outbound } from '../outbound/dialer.ts';
import type { PolicyTable } from '../outbound/policy-table.ts';
import type { Route } from '../outbound/route.ts';
import type { Asked } from '../rule/decision.ts';
import type { Match, MatchOptions, ResolveIp } from '../rule/rule-engine.ts';

/** What is needed of the rule engine. */
export interface RuleMatcher {
  /** Whether `match` wants the program to be known. */
  needsProcess(metadata: Metadata, from?: number): boolean;
  /** The first rule that matches; `NONE` (index -1) if there is none. A promise only if an address is needed. */
  match(metadata: Metadata, resolveIp: ResolveIp, options?: MatchOptions): Match | Promise<Match>;
}

/** Proxies whose own flows must not be sent to them again. */
export interface OwnServers {
  /** Those that run on this machine. */
  all(): readonly Endpoint[];
  isProxyBehind(address: Ip): boolean;
}

export interface FlowPolicy {
  readonly rules: RuleMatcher;
  readonly policies: Pick<PolicyTable, 'route' | 'dialFailed'>;
  readonly ownServers: OwnServers;
}

export interface Decision extends Match {
  readonly route: Route;
}

/** The flow as it is known, and as it is known with its program, which takes time to find. */
export interface KnownFlow {
  readonly metadata: Metadata;
  withProcess(): Promise<Metadata>;
}

/** Why an outbound leaves what comes to it to the rules below: by what it is, never by what fails. */
export function passesOn(outbound: Pick<Outbound, 'passes' | 'carriesUdp'>, network: Network): PassReason | undefined {
  if (outbound.passes === true) return 'PASSED';
  return network === 'udp' && !outbound.carriesUdp ? 'NO_UDP' : undefined;
}
export type PassReason = Extract<RuleReasonCode, 'PASSED' | 'NO_UDP'>;

/**
 * The rule that takes a flow and where it leads. A flow goes on to the next matching rule where a policy passes, and UDP where
 * an outbound cannot carry it by configuration, as in Clash; when no rule is left for such UDP it is refused (DIAL_REJECTED),
 * not sent around the proxy. So is a flow that the mode's group passes on: there are no rules below.
 */
export async function decide(policy: FlowPolicy, flow: KnownFlow, resolveIp: ResolveIp): Promise<Decision> {
  let { metadata } = flow;
  const wanted = metadata.door?.policy;
  if (wanted !== undefined) return wantedBy(policy, wanted, metadata);
  let barred: string | undefined;
  let asked: Asked | undefined;
  for (let from = 0; ; ) {
    if (metadata.process === undefined && policy.rules.needsProcess(metadata, from))
      metadata = await flow.withProcess();
    const matched = policy.rules.match(metadata, resolveIp, { from, asked });
    const match = matched instanceof Promise ? await matched : matched;
    const isOver = barred !== undefined && match.rule.type === 'NONE';
    if (isOver) throw new AppError('DIAL_REJECTED', `"${barred}" cannot carry UDP, and no later rule takes it`);
    const route = policy.policies.route(match.rule.policy, metadata);
    if (route === undefined) throw new AppError('INTERNAL', `there is no outbound named "${match.rule.policy}"`);
    const why = match.rule.type === 'NONE' ? undefined : passesOn(route.outbound, metadata.network);
    if (why === undefined) return { ...match, route };
    if (why === 'PASSED' && match.rule.type === 'MODE')
      throw new AppError('DIAL_REJECTED', `"${match.rule.policy}" passes on, and no rule is asked in this mode`);
    if (why === 'NO_UDP') barred = match.rule.policy;
    from = Math.max(match.rule.index, from) + 1;
    asked = match.asked;
  }
}

/** A download of our own app says itself where it goes. */
function wantedBy({ policies }: FlowPolicy, wanted: string, metadata: Metadata): Decision {
  const route = policies.route(wanted, metadata);
  if (route === undefined || route.outbound.passes === true)
    throw new AppError('DIAL_REJECTED', `"${wanted}" is not a policy that a download could take`);
  return { rule: { index: -1, type: 'DOWNLOAD', payload: '', policy: wanted }, route };
}
