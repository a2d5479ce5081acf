/** Who uses the providers of a profile: the groups that take nodes, the rules that name a set. */
import type { RuleConfig } from '../contract/config.ts';
import { maxListedUses, type ProviderUse } from '../contract/providers.ts';
import { setNameOf } from '../contract/sets.ts';
import type { ProviderUses } from './provider-contents.ts';
import { setsNamedBy } from './set-section.ts';

export const unused: ProviderUse = { groups: [], rules: [], ruleCount: 0 };

/** `groups`: the providers of each group, by its name. */
export function providerUses(
  rules: Iterable<RuleConfig>,
  groups: ReadonlyMap<string, readonly string[]>,
): ProviderUses {
  const sets = new Map<string, ProviderUse>();
  for (const { type, payload, policy } of rules) {
    const named = new Set(Array.from(setsNamedBy({ type, payload }), (each) => setNameOf(each.type, each.payload)));
    // `geosite:!cn` is made of `geosite:cn`.
    for (const name of new Set([...named].map((each) => each.replace(':!', ':')))) {
      const { rules: listed, ruleCount } = sets.get(name) ?? unused;
      const more = listed.length < maxListedUses ? [...listed, { type, payload, policy }] : listed;
      sets.set(name, { groups: [], rules: more, ruleCount: ruleCount + 1 });
    }
  }
  const nodes = new Map<string, ProviderUse>();
  for (const [group, providers] of groups)
    for (const provider of new Set(providers)) {
      const before = nodes.get(provider) ?? unused;
      nodes.set(provider, { ...before, groups: [...before.groups, group] });
    }
  return { nodes, sets };
}
