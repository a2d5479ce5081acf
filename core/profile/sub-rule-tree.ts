/** Which lists of sub-rules lead to which: rules that close a circle, or lead to more than anybody can mean, are left out. */
import { mostRulesTogether, type RuleConfig } from '../contract/config.ts';
import type { YamlValue } from './yaml-value.ts';

/** A rule with the place where it stands. */
export interface WrittenRule {
  readonly rule: RuleConfig;
  readonly item: YamlValue;
}

interface List {
  readonly rules: RuleConfig[];
  /** With those of the lists that it leads to. */
  readonly size: number;
}

export class SubRuleTree {
  readonly #written: ReadonlyMap<string, readonly WrittenRule[]>;
  readonly #lists = new Map<string, List>();
  /** Names of the lists that are being walked, outermost first. */
  readonly #open: string[] = [];

  constructor(written: ReadonlyMap<string, readonly WrittenRule[]>) {
    this.#written = written;
  }

  listOf(name: string): RuleConfig[] {
    return this.#list(name).rules;
  }

  of(rules: readonly WrittenRule[]): RuleConfig[] {
    return this.#walk(rules).rules;
  }

  #list(name: string): List {
    const known = this.#lists.get(name);
    if (known !== undefined) return known;
    this.#open.push(name);
    const list = this.#walk(this.#written.get(name) ?? []);
    this.#open.pop();
    this.#lists.set(name, list);
    return list;
  }

  #walk(rules: readonly WrittenRule[]): List {
    const kept: RuleConfig[] = [];
    let size = rules.length;
    for (const { rule, item } of rules) {
      if (rule.type === 'SUB-RULE') {
        if (this.#open.includes(rule.policy)) {
          const circle = [...this.#open.slice(this.#open.indexOf(rule.policy)), rule.policy];
          item.leftOut('SUB_RULE_CIRCLE', { names: circle.join(' → ') });
          continue;
        }
        const inner = this.#list(rule.policy).size;
        if (size + inner > mostRulesTogether) {
          item.leftOut('SUB_RULES_TOO_MANY', { limit: String(mostRulesTogether) });
          continue;
        }
        size += inner;
      }
      kept.push(rule);
    }
    return { rules: kept, size };
  }
}
