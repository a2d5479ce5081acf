/**
 * The proxy servers that this machine connects to itself. One that is only ever reached through another proxy is somewhere else, also
 * if its address is one of ours: it is neither looked up here nor kept from the rules.
 */
import type { Config } from '../contract/config.ts';
import type { Endpoint } from '../contract/flow.ts';
import { builtInPolicies } from '../contract/proxy-config.ts';
import { builtInKind } from './built-in.ts';
import { withGlobal } from './groups/global.ts';
import { dialerProxyOf, serversOf } from './outbound-types.ts';

export function ownServersOf(config: Pick<Config, 'proxies' | 'groups'>): Endpoint[] {
  const groups = new Map(withGlobal(config).map(({ name, members }) => [name, members]));
  const nodes = new Map(config.proxies.map((proxy) => [proxy.name, proxy]));
  /** Whether a policy may lead to where nothing lies between; false while it is being looked into. */
  const known = new Map<string, boolean>([...builtInPolicies].map((name) => [name, builtInKind(name) === 'direct']));
  const isPassedBy = (policy: string): boolean => {
    const before = known.get(policy);
    if (before !== undefined) return before;
    known.set(policy, false);
    const node = nodes.get(policy);
    const via = node === undefined ? undefined : dialerProxyOf(node);
    const answer =
      node === undefined
        ? (groups.get(policy)?.some((member) => isPassedBy(member)) ?? false)
        : node.type === 'direct' && (via === undefined || isPassedBy(via));
    known.set(policy, answer);
    return answer;
  };
  return config.proxies.flatMap((proxy) => {
    const via = dialerProxyOf(proxy);
    return via === undefined || isPassedBy(via) ? serversOf(proxy) : [];
  });
}
