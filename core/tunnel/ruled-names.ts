/** What the rules and the policies that they name make of a name, before anybody connects to it. Remembers nothing. */
import type { NamePolicies, NamePolicy } from '../dns/router/name-ways.ts';
import type { Outbound } from '../outbound/dialer.ts';
import type { PolicyTable } from '../outbound/policy-table.ts';
import type { RulesByMode } from './rules-by-mode.ts';

export class RuledNames implements NamePolicies {
  readonly #rules: Pick<RulesByMode, 'byName' | 'revision'>;
  readonly #policies: () => Pick<PolicyTable, 'leavesNow' | 'revision'>;

  constructor(
    rules: Pick<RulesByMode, 'byName' | 'revision'>,
    policies: () => Pick<PolicyTable, 'leavesNow' | 'revision'>,
  ) {
    this.#rules = rules;
    this.#policies = policies;
  }

  get revision(): number {
    return this.#policies().revision + this.#rules.revision;
  }

  of(name: string): NamePolicy {
    const policies = this.#policies();
    const leavesOf = (possible: string): readonly Outbound[] => policies.leavesNow(possible);
    const areDirect = (possible: string): boolean => leavesOf(possible).every(({ way }) => way === 'direct');
    const passes = (possible: string): boolean => {
      const all = leavesOf(possible);
      return all.length > 0 && all.every((outbound) => outbound.passes === true);
    };
    const { policy, named, before } = this.#rules.byName(name, passes);
    const leaves = leavesOf(policy);
    // Where a group spreads its flows, some of them leave through a proxy: nobody here is told of the name.
    const leaf = leaves.find(({ way }) => way === 'proxied') ?? leaves[0];
    const isTag = (tag: string) => (outbound: Outbound) => outbound.tag === tag;
    return {
      surelyDirect: leaf !== undefined && areDirect(policy) && before.every(areDirect),
      way: leaf === undefined || leaf.passes === true ? 'proxied' : leaf.way,
      tag: leaf?.tag ?? policy,
      named,
      mayTake: (tag) => leaves.some(isTag(tag)) || before.some((possible) => leavesOf(possible).some(isTag(tag))),
    };
  }
}
