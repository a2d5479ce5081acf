/**
 * The way from a policy to what carries its flows: through groups, chains, and nodes that are reached through others. All that is
 * passed is part of one way, so that it is walked no further once it refuses: where it comes back to itself, or is longer than
 * anybody can mean. Nested chains lead to one another by very many ways.
 */
import type { Metadata } from '../flow/metadata.ts';
import { chainOf } from './chain.ts';
import { maxLinks } from './chain-link.ts';
import type { Outbound } from './dialer.ts';
import type { PolicyGroup } from './groups/policy-group.ts';
import type { ProxyServices } from './proxy-server.ts';
import { RefusingOutbound } from './refusing.ts';
import type { Route } from './route.ts';

/** Policies on one way, as often as it passes them: more than there can be groups within one another. */
export const maxPassed = 2_000;

export interface WalkedPolicies {
  /** A node: what it does by itself, and the policy that it is reached through. */
  node(name: string): { readonly own: Outbound; readonly via: string | undefined } | undefined;
  group(name: string): PolicyGroup | undefined;
  /** A flow is led by this group. */
  touch(group: string): void;
}

export class PolicyWalk {
  readonly #policies: WalkedPolicies;
  readonly #services: ProxyServices;
  readonly #flow: Metadata | undefined;
  /** The policies on the way to the one that is looked at, as far as the way may come back to them. */
  readonly #open = new Set<string>();
  /** The names passed, the outermost group first. */
  readonly #passed: string[] = [];
  #visits = 0;
  #links = 0;

  constructor(policies: WalkedPolicies, services: ProxyServices, flow: Metadata | undefined) {
    this.#policies = policies;
    this.#services = services;
    this.#flow = flow;
  }

  /** Undefined for a name that nothing has. */
  routeOf(policy: string): Route | undefined {
    const outbound = this.#through(policy);
    return outbound && { outbound, chain: this.#passed.toReversed() };
  }

  #through(policy: string): Outbound | undefined {
    this.#visits += 1;
    const refusing = this.#refusing(policy);
    if (refusing !== undefined) {
      this.#passed.push(policy);
      return refusing;
    }
    this.#open.add(policy);
    const node = this.#policies.node(policy);
    const group = this.#policies.group(policy);
    const outbound = node === undefined ? group && this.#throughGroup(group) : this.#throughNode(policy, node);
    this.#open.delete(policy);
    return outbound;
  }

  #refusing(policy: string): Outbound | undefined {
    if (this.#open.has(policy)) {
      const open = [...this.#open];
      const names = [...open.slice(open.indexOf(policy)), policy];
      return refusingWith(policy, `${names.map((name) => `"${name}"`).join(' -> ')} is a circle`);
    }
    if (this.#visits <= maxPassed) return undefined;
    const [outermost = policy] = this.#open;
    return refusingWith(policy, `"${outermost}" leads through more than ${maxPassed} policies`);
  }

  #throughNode(name: string, { own, via }: { own: Outbound; via: string | undefined }): Outbound | undefined {
    this.#links += own.links?.length ?? 0;
    if (this.#links > maxLinks) {
      this.#passed.push(name);
      const [outermost = name] = this.#open;
      return refusingWith(name, `"${outermost}" leads through more than ${maxLinks} proxies`);
    }
    const before = via === undefined ? own : this.#through(via);
    this.#passed.push(name);
    return via === undefined ? own : before && chainOf(name, [before, own], this.#services);
  }

  #throughGroup(group: PolicyGroup): Outbound | undefined {
    const { name } = group.config;
    this.#passed.push(name);
    if (this.#flow !== undefined) this.#policies.touch(name);
    const member = group.isChain ? undefined : group.memberFor(this.#flow);
    const outbound = group.isChain ? this.#throughAll(group) : member && this.#through(member);
    return outbound ? group.through(outbound) : group.refusing;
  }

  /** Through all members of a chain, up to one that refuses; undefined without any. */
  #throughAll({ config: { name, members } }: PolicyGroup): Outbound | undefined {
    const outbounds: Outbound[] = [];
    for (const member of members) {
      const outbound = this.#through(member);
      if (outbound === undefined) continue;
      if (outbound.links === undefined) return outbound;
      outbounds.push(outbound);
    }
    return chainOf(name, outbounds, this.#services);
  }
}

function refusingWith(tag: string, message: string): Outbound {
  return new RefusingOutbound(tag, { code: 'DIAL_CHAIN', message });
}
