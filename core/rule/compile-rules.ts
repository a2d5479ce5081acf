/** Rules to conditions and lists, with the sets and sub-rules that they name. Compiles what a list leads to once. */
import { AppError } from '../base/app-error.ts';
import { mostRulesTogether, type RuleConfig } from '../contract/config.ts';
import { fillText, problemTexts } from '../contract/problem-texts.ts';
import { isSetRuleType, setNameOf } from '../contract/sets.ts';
import { type Condition, NeverCondition, TestCondition } from './condition.ts';
import { ExpressionRoom } from './expression-room.ts';
import { isLan, lanAddresses } from './lan.ts';
import { AndCondition, NotCondition, OrCondition } from './logic-condition.ts';
import { splitLogic } from './logic-payload.ts';
import type { BareRule, LogicKind, SetKind } from './rule-kind.ts';
import { readInner, readPayload, ruleKinds } from './rule-kinds.ts';
import { type RuleCompiler, RuleList } from './rule-list.ts';
import { rulesWithin } from './rule-parser.ts';
import type { RuleSet, RuleSets } from './rule-set.ts';
import { MissingSetCondition, SetCondition } from './set-condition.ts';

export type SubRules = Readonly<Record<string, readonly RuleConfig[]>>;

/**
 * The rules in force. Throws CONFIG_INVALID for a payload that is not in the spelling of `readPayload`, for a sub-rule that is
 * not there or leads back to itself, and for more than the bounds.
 */
export function compileRules(rules: readonly RuleConfig[], subRules: SubRules, sets: RuleSets): RuleList {
  return new Compiler(subRules, sets).main(rules);
}

interface CompiledList {
  readonly list: RuleList;
  /** Its rules, with those of the lists that it leads to. */
  readonly size: number;
}

class Compiler implements RuleCompiler {
  readonly #subRules: SubRules;
  readonly #sets: RuleSets;
  readonly #room = new ExpressionRoom();
  readonly #lists = new Map<string, CompiledList>();
  /** Other rules of classical sets, by the set and whether the rule that names it has no-resolve. */
  readonly #setLists = new Map<string, CompiledList>();
  /** Names of the lists that are being compiled, outermost first. */
  readonly #open: string[] = [];
  /** Rules of the list that is being compiled, with those of the lists that it leads to. */
  #size = 0;

  constructor(subRules: SubRules, sets: RuleSets) {
    this.#subRules = subRules;
    this.#sets = sets;
  }

  main(rules: readonly RuleConfig[]): RuleList {
    return this.#list(rules, 'rules');
  }

  condition(rule: BareRule): Condition {
    const kind = ruleKinds[rule.type];
    switch (kind.is) {
      case 'test':
        return new TestCondition(rule, kind);
      case 'set':
        return this.#setCondition(rule, kind);
      case 'logic':
        return this.#logicCondition(rule, kind);
    }
  }

  subList({ type, policy }: RuleConfig): RuleList | undefined {
    if (type !== 'SUB-RULE') return undefined;
    return this.#ledTo(this.#lists.get(policy) ?? this.#compileSubRule(policy));
  }

  #ledTo({ list, size }: CompiledList): RuleList {
    this.#size += size;
    if (this.#size > mostRulesTogether)
      throw new AppError(
        'CONFIG_RULES_TOO_MANY',
        `rules: with those of sub-rules and rule sets, as often as they are named, there are more than ${mostRulesTogether}`,
        { expected: 'fewer rules that name the same large sub-rule or classical rule set' },
      );
    return list;
  }

  #compileSubRule(name: string): CompiledList {
    const rules = Object.hasOwn(this.#subRules, name) ? this.#subRules[name] : undefined;
    if (rules === undefined) throw invalid(`there is no sub-rule named "${name}"`);
    if (this.#open.includes(name)) throw invalid(`sub-rules: ${[...this.#open, name].join(' leads to ')}`);
    this.#open.push(name);
    const compiled = this.#sized(() => this.#list(rules, `subRules.${name}`, true));
    this.#lists.set(name, compiled);
    this.#open.pop();
    return compiled;
  }

  #sized(compile: () => RuleList): CompiledList {
    const outer = this.#size;
    this.#size = 0;
    const compiled = { list: compile(), size: this.#size };
    this.#size = outer;
    return compiled;
  }

  #list(rules: readonly RuleConfig[], where: string, isInner = false): RuleList {
    for (const [index, rule] of rules.entries()) this.#check(rule, `${where}[${index}]`);
    this.#size += rules.length;
    return new RuleList(rules, this, isInner);
  }

  #check(rule: RuleConfig, where: string): void {
    const read = readPayload(rule.type, rule.payload);
    if (read.kind !== 'ok' || read.payload !== rule.payload) {
      const found = read.kind === 'ok' ? read.notes[0] : read.note;
      const { code, values } = found ?? { code: 'RULE_NO_PAYLOAD', values: { type: rule.type } };
      throw invalid(`${where}: ${fillText(problemTexts[code], values)}`);
    }
    if (!this.#room.holds(rule)) throw invalid(`${where}: the regular expressions are too large together`);
  }

  #logicCondition(rule: BareRule, { operator }: LogicKind): Condition {
    const split = splitLogic(operator === 'sub-rule' ? `(${rule.payload})` : rule.payload);
    const parts = split.kind === 'bad' ? [] : split.rules.map(({ text }) => this.#inner(text));
    const [first = new NeverCondition(rule)] = parts;
    switch (operator) {
      case 'and':
        return new AndCondition(rule, parts);
      case 'or':
        return new OrCondition(rule, parts);
      case 'not':
        return new NotCondition(rule, first);
      case 'sub-rule':
        return first;
    }
  }

  #inner(text: string): Condition {
    const read = readInner(text);
    if (read.kind === 'bad') throw invalid(`rules: ${fillText(problemTexts[read.note.code], read.note.values)}`);
    return read.kind === 'never' ? new NeverCondition(read.rule) : this.condition(read.rule);
  }

  #setCondition(rule: BareRule, kind: SetKind): Condition {
    if (!isSetRuleType(rule.type)) return new NeverCondition(rule);
    const end = rule.src === true ? 'source' : kind.end;
    const isOfLan = kind.holds === 'addresses' && isLan(rule.payload);
    const name = setNameOf(rule.type, rule.payload);
    const set: RuleSet | undefined = isOfLan
      ? { behavior: 'ipcidr', size: lanAddresses.size, addresses: lanAddresses, inverted: false }
      : this.#sets.get(name);
    if (set === undefined) return new MissingSetCondition(rule, this.#sets.trouble(name));
    const others = set.behavior === 'classical' ? this.#others(rule, name, set.others) : undefined;
    return new SetCondition(rule, { end, set, others });
  }

  #others(rule: BareRule, name: string, others: readonly BareRule[]): RuleList | undefined {
    if (others.length === 0) return undefined;
    const key = `${rule.type === 'RULE-SET'}:${rule.noResolve}:${name}`;
    const compiled = this.#setLists.get(key) ?? this.#sized(() => this.#compileSet(rule, others));
    this.#setLists.set(key, compiled);
    return this.#ledTo(compiled);
  }

  /**
   * Rules of a set that cannot be used are left out: whoever wrote the set is not who wrote the profile. That goes for those that
   * lead to other sets: a rule provider may name geodata, and geodata nothing.
   */
  #compileSet(rule: BareRule, others: readonly BareRule[]): RuleList {
    const leadsOn = ({ type }: BareRule): boolean =>
      type === 'SUB-RULE' || type === 'RULE-SET' || (rule.type !== 'RULE-SET' && ruleKinds[type].is === 'set');
    const usable = others.flatMap((other): RuleConfig[] => {
      const read = readPayload(other.type, other.payload);
      if (read.kind !== 'ok' || rulesWithin(other).some(leadsOn) || !this.#room.holds(other)) return [];
      return [{ ...other, payload: read.payload, noResolve: other.noResolve || rule.noResolve, policy: '' }];
    });
    this.#size += usable.length;
    return new RuleList(usable, this);
  }
}

function invalid(message: string): AppError {
  return new AppError('CONFIG_INVALID', message);
}
