/** What decides where flows go: rules and outbounds of one configuration, replaced together on reload. */
import type { Ip } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Endpoint, MatchedRule } from '../contract/flow.ts';
import type { Metadata } from '../flow/metadata.ts';
import type { Outbound } from '../outbound/dialer.ts';
import type { Route } from '../outbound/outbound-manager.ts';

export type ResolveIp = (name: string) => Promise<Ip | undefined>;

export interface RuleMatch {
  readonly rule: MatchedRule;
  readonly resolved?: Ip;
}

/** What is needed of the rule engine. */
export interface RuleMatcher {
  readonly needs: { readonly process: boolean };
  /** The first rule from place `from` (default 0) on; `NONE` (index -1) if there is none. A promise only if an address is needed. */
  match(metadata: Metadata, resolveIp: ResolveIp, from?: number): RuleMatch | Promise<RuleMatch>;
}

/** What is needed of the outbound manager. */
export interface OutboundRoutes {
  route(policy: string): Route | undefined;
  get(tag: string): Outbound | undefined;
  /** Proxies that run on this machine. */
  localProxies(): readonly Endpoint[];
}

export interface FlowPolicy {
  readonly rules: RuleMatcher;
  readonly outbounds: OutboundRoutes;
}

export interface Decision extends RuleMatch {
  readonly route: Route;
}

/**
 * The rule that takes a flow and where it leads. UDP goes on to the next matching rule where an outbound cannot carry UDP
 * by configuration, as in Clash; when that leaves no rule it is refused (DIAL_REJECTED), not sent around the proxy.
 */
export async function decide(policy: FlowPolicy, metadata: Metadata, resolveIp: ResolveIp): Promise<Decision> {
  let passed: string | undefined;
  for (let from = 0; ; ) {
    const matched = policy.rules.match(metadata, resolveIp, from);
    const match = matched instanceof Promise ? await matched : matched;
    const nothingLeft = passed !== undefined && match.rule.type === 'NONE';
    if (nothingLeft) throw new AppError('DIAL_REJECTED', `"${passed}" cannot carry UDP, and no later rule takes it`);
    const route = policy.outbounds.route(match.rule.policy);
    if (route === undefined) throw new AppError('INTERNAL', `there is no outbound named "${match.rule.policy}"`);
    if (metadata.network === 'tcp' || route.outbound.udp) return { ...match, route };
    passed = match.rule.policy;
    from = match.rule.index + 1;
  }
}
