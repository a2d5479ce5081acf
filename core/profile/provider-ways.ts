/**
 * The policies that downloads of providers take (`proxy`), once members of groups are known. One that leads nowhere yet, as that of the
 * very provider that is to fill it, is as if it were not there: as in Clash, where an empty group is DIRECT.
 */
import { type GroupConfig, globalGroup } from '../contract/config.ts';
import { builtInPolicies, type ProxyConfig } from '../contract/proxy-config.ts';
import type { ProviderPlace } from './provider-contents.ts';

export class ProviderWays {
  /** Policies by which something could be dialled. */
  readonly #leading: ReadonlySet<string>;

  constructor(proxies: readonly ProxyConfig[], groups: readonly GroupConfig[]) {
    const parents = new Map<string, string[]>();
    for (const { name, members } of groups)
      for (const member of members) {
        const known = parents.get(member);
        if (known === undefined) parents.set(member, [name]);
        else known.push(name);
      }
    const spoken = proxies.flatMap(({ type, name }) => (type === 'unspoken' ? [] : [name]));
    const leading = new Set<string>([...builtInPolicies, globalGroup, ...spoken]);
    for (const name of leading) for (const parent of parents.get(name) ?? []) leading.add(parent);
    this.#leading = leading;
  }

  /** With the policy that its download takes now. */
  of<T extends { readonly place: ProviderPlace }>(provider: T): T {
    const { place } = provider;
    if (place.kind !== 'http' || place.policy === undefined || this.#leading.has(place.policy)) return provider;
    const { policy: _, ...byRules } = place;
    return { ...provider, place: byRules };
  }
}
