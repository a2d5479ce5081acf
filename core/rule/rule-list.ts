/**
 * A list of rules, compiled: the rules in force, those of a sub-rule, or those of a set. Most rules stand in tables that find
 * the first that matches whatever their number; the others are tested one after the other, by their place.
 */
import { AppError } from '../base/app-error.ts';
import type { RuleConfig } from '../contract/config.ts';
import { passRulePolicy } from '../contract/proxy-config.ts';
import type { Condition, View } from './condition.ts';
import { firstFrom } from './keyed-indexes.ts';
import { type CompiledTable, ListSurvey, type Survey, type SurveyOptions } from './list-survey.ts';
import type { MatchFacts } from './match-facts.ts';
import { noRule } from './no-rule.ts';
import type { CompileRules, Fact, RuleEntry, RuleTable } from './rule-kind.ts';
import { ruleKinds } from './rule-kinds.ts';

/** Makes of rules what they ask, with the sets and lists that they name. */
export interface RuleCompiler {
  /** What the rule asks; of a sub-rule what leads into its list. */
  condition(rule: RuleConfig): Condition;
  /** The list that a sub-rule leads to; undefined for every other rule. */
  subList(rule: RuleConfig): RuleList | undefined;
}

/** A place in a list, then in the list that the sub-rule there leads to, and so on. */
export type Place = readonly number[];

export type Found =
  | { readonly kind: 'hit'; readonly place: Place; readonly policy: string }
  /** The rule at `place` wants the address of the name; go on from there once it was looked up. */
  | { readonly kind: 'ask'; readonly place: Place }
  | { readonly kind: 'none' };

/** A rule that stands in no table. */
export interface LoneRule {
  readonly condition: Condition;
  readonly policy: string;
  readonly list: RuleList | undefined;
}

/** From what costs least to what costs most: a hit makes the later ones look at fewer rules. */
const order: readonly Fact[] = [
  'nothing',
  'name',
  'port',
  'network',
  'source',
  'inbound',
  'traffic-class',
  'process',
  'address',
];

export class RuleList {
  readonly rules: readonly RuleConfig[];
  /** All that its rules look at. */
  readonly facts: ReadonlySet<Fact>;
  readonly #tables: readonly CompiledTable[];
  readonly #lone = new Map<number, LoneRule>();
  /** Lone rules by what finds them: their keys, about names or other things, or nothing but their place. */
  readonly #byName: LoneRules;
  readonly #byOther: LoneRules;
  readonly #unkeyed: readonly number[];
  /** Rules in tables that want the address of a name. */
  readonly #asking: readonly number[];
  #survey: ListSurvey;
  #off: ReadonlySet<number> = new Set();
  /** Rules that take nothing, whatever they match: those that lead to PASS-RULE from a list that a sub-rule leads to. */
  readonly #idle: ReadonlySet<number>;

  /** `isInner`: a sub-rule leads here. */
  constructor(rules: readonly RuleConfig[], compiler: RuleCompiler, isInner = false) {
    this.rules = rules;
    this.#idle = new Set(rules.flatMap(({ policy }, index) => (isInner && policy === passRulePolicy ? [index] : [])));
    const groups = new Map<CompileRules, RuleEntry[]>();
    const asking: number[] = [];
    const facts = new Set<Fact>();
    for (const [index, rule] of rules.entries()) {
      const kind = ruleKinds[rule.type];
      if (kind.is === 'test' && kind.compile !== undefined) {
        const entry = { type: rule.type, payload: rule.payload, index };
        const group = groups.get(kind.compile);
        if (group === undefined) groups.set(kind.compile, [entry]);
        else group.push(entry);
        facts.add(kind.fact);
        if (kind.fact === 'address' && !rule.noResolve) asking.push(index);
        continue;
      }
      const lone = { condition: compiler.condition(rule), policy: rule.policy, list: compiler.subList(rule) };
      this.#lone.set(index, lone);
      for (const fact of [...lone.condition.facts, ...(lone.list?.facts ?? [])]) facts.add(fact);
    }
    this.facts = facts;
    this.#asking = asking;
    this.#tables = [...groups]
      .map(([compile, entries]) => compiled(compile, entries))
      .sort((a, b) => order.indexOf(a.fact) - order.indexOf(b.fact));
    const keyed = [...this.#lone].filter(([, { condition }]) => condition.keys !== undefined);
    this.#byName = new LoneRules(keyed.filter(([, { condition }]) => isAboutNames(condition)));
    this.#byOther = new LoneRules(keyed.filter(([, { condition }]) => !isAboutNames(condition)));
    this.#unkeyed = [...this.#lone].flatMap(([index, { condition }]) => (condition.keys === undefined ? [index] : []));
    this.#survey = this.#surveyNow();
  }

  /** Whether what the rule at `index` matches goes on to the rules below it here. */
  isIdle(index: number): boolean {
    return this.#idle.has(index);
  }

  /** Whether it may have a name looked up. */
  get asks(): boolean {
    return this.#survey.firstAsking !== noRule;
  }

  get off(): ReadonlySet<number> {
    return this.#off;
  }

  /** Rules that are passed over. */
  switchOff(off: ReadonlySet<number>): void {
    this.#off = off;
    this.#survey = this.#surveyNow();
  }

  lone(index: number): LoneRule | undefined {
    return this.#lone.get(index);
  }

  /** The first rule from `place` on that takes the connection. */
  find(view: View, place: Place = []): Found {
    const { facts, failed } = view;
    const from = place[0] ?? 0;
    const best = this.#lookup(facts, from, noRule);
    const mayAsk = facts.ip === undefined && facts.name !== undefined && !failed;
    const asking = mayAsk ? this.#firstOn(this.#asking, from) : noRule;
    const limit = Math.min(best, asking);
    for (let at = this.#next(facts, from, limit); at < limit; at = this.#next(facts, at + 1, limit)) {
      const lone = this.#off.has(at) ? undefined : this.#lone.get(at);
      const found = lone && decide(lone, view, at, at === from ? place : []);
      if (found !== undefined && (found.kind === 'ask' || !this.#idle.has(at))) return found;
    }
    if (asking < best) return { kind: 'ask', place: [asking] };
    const policy = this.rules[best]?.policy;
    return policy === undefined ? { kind: 'none' } : { kind: 'hit', place: [best], policy };
  }

  /** What can be told while some facts are open. */
  survey(options: SurveyOptions, from = 0): Survey {
    return this.#survey.of(options, from);
  }

  #lookup(facts: MatchFacts, from: number, limit: number): number {
    for (let start = from; ; ) {
      let first = limit;
      for (const { table } of this.#tables) first = table.lookup(facts, start, first);
      if (!this.#off.has(first) && !this.#idle.has(first)) return first;
      start = first + 1;
    }
  }

  /** The next lone rule that may match, from `from` on and below `limit`. */
  #next(facts: MatchFacts, from: number, limit: number): number {
    const unkeyed = Math.min(firstFrom(this.#unkeyed, from), limit);
    return this.#byOther.next(facts, from, this.#byName.next(facts, from, unkeyed));
  }

  /** The first of ascending indexes that is not switched off. */
  #firstOn(indexes: readonly number[], from: number): number {
    let first = firstFrom(indexes, from);
    while (this.#off.has(first)) first = firstFrom(indexes, first + 1);
    return first;
  }

  /** With those rules that are not switched off. */
  #surveyNow(): ListSurvey {
    let firstAsking = this.#firstOn(this.#asking, 0);
    for (const [index, { condition, list }] of this.#lone) {
      if (index < firstAsking && (condition.asks || list?.asks === true) && !this.#off.has(index)) firstAsking = index;
    }
    return new ListSurvey({
      rules: this.rules,
      tables: this.#tables,
      lones: this.#lone,
      byName: this.#byName,
      isSkipped: (index) => this.#off.has(index) || this.#idle.has(index),
      firstAsking,
    });
  }
}

/** Lone rules that are found by their keys. */
class LoneRules {
  readonly indexes: readonly number[];
  readonly #tables: readonly RuleTable[];

  constructor(rules: readonly (readonly [number, LoneRule])[]) {
    this.indexes = rules.map(([index]) => index);
    const groups = new Map<CompileRules, RuleEntry[]>();
    for (const [index, { condition }] of rules) {
      for (const { type, payload } of condition.keys ?? []) {
        const kind = ruleKinds[type];
        if (kind.is !== 'test' || kind.compile === undefined) continue;
        const group = groups.get(kind.compile);
        if (group === undefined) groups.set(kind.compile, [{ type, payload, index }]);
        else group.push({ type, payload, index });
      }
    }
    this.#tables = Array.from(groups, ([compile, entries]) => compile(entries));
  }

  next(facts: MatchFacts, from: number, limit: number): number {
    let first = limit;
    for (const table of this.#tables) first = table.lookup(facts, from, first);
    return first;
  }

  all(facts: MatchFacts, from: number, limit: number): number[] {
    const found: number[] = [];
    for (let at = this.next(facts, from, limit); at < limit; at = this.next(facts, at + 1, limit)) found.push(at);
    return found;
  }
}

function isAboutNames({ keys }: Condition): boolean {
  return (keys ?? []).every(({ type }) => {
    const kind = ruleKinds[type];
    return kind.is === 'test' && kind.fact === 'name';
  });
}

function decide({ condition, policy, list }: LoneRule, view: View, at: number, place: Place): Found | undefined {
  const within = place.slice(1);
  if (within.length === 0) {
    const verdict = condition.test(view);
    if (verdict === 'ask') return { kind: 'ask', place: [at] };
    if (verdict !== 'yes') return undefined;
    if (list === undefined) return { kind: 'hit', place: [at], policy };
  }
  const found = list?.find(view, within);
  return found === undefined || found.kind === 'none' ? undefined : { ...found, place: [at, ...found.place] };
}

function compiled(compile: CompileRules, entries: readonly RuleEntry[]): CompiledTable {
  const [first] = entries;
  const kind = first && ruleKinds[first.type];
  try {
    const table = compile(entries);
    return {
      fact: kind?.is === 'test' ? kind.fact : 'nothing',
      table,
      indexes: entries.map(({ index }) => index),
    };
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `rules: ${AppError.from(error).message}`);
  }
}
