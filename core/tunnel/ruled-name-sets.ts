/** The sets that DNS looks into are those of rules: what a rule of one of them would say of a name. */
import type { Config } from '../contract/config.ts';
import { isSetRuleType } from '../contract/sets.ts';
import type { NameSets } from '../dns/names/name-sets.ts';
import { RuleEngine } from '../rule/rule-engine.ts';
import type { RuleSets } from '../rule/rule-set.ts';

/** `geosite:cn` as a rule has it. */
const types: Readonly<Record<string, string>> = { geosite: 'GEOSITE', 'rule-set': 'RULE-SET' };

export class RuledNameSets implements NameSets {
  readonly identity: string;
  readonly #sets: RuleSets;
  readonly #engines = new Map<string, RuleEngine | undefined>();

  constructor(config: Pick<Config, 'sets'>, sets: RuleSets) {
    this.identity = JSON.stringify(config.sets.map(({ name, blob }) => [name, blob]));
    this.#sets = sets;
  }

  has(set: string, name: string): boolean {
    return this.#engineOf(set)?.byName(name).named === true;
  }

  #engineOf(set: string): RuleEngine | undefined {
    if (this.#engines.has(set)) return this.#engines.get(set);
    const engine = this.#sets.get(set) === undefined ? undefined : engineOf(set, this.#sets);
    this.#engines.set(set, engine);
    return engine;
  }
}

function engineOf(set: string, sets: RuleSets): RuleEngine | undefined {
  const at = set.indexOf(':');
  const type = types[set.slice(0, at)];
  if (type === undefined || !isSetRuleType(type)) return undefined;
  return new RuleEngine([{ type, payload: set.slice(at + 1), policy: 'DIRECT', noResolve: true }], { sets });
}
