/**
 * What a list of rules makes of a connection of which some facts are open: which rule takes it for certain, and which may before.
 * Asked about every name that a DNS question names, so rules that no name decides are judged once, when the list is made.
 */
import type { RuleConfig } from '../contract/config.ts';
import type { Condition, View } from './condition.ts';
import { firstFrom } from './keyed-indexes.ts';
import type { MatchFacts } from './match-facts.ts';
import { noRule } from './no-rule.ts';
import type { Fact, RuleTable } from './rule-kind.ts';
import { ruleKinds } from './rule-kinds.ts';

export interface Survey {
  /** The first rule that matches whatever the open facts are, or `noRule`. */
  readonly certain: number;
  /** Where it leads; absent without one. */
  readonly policy?: string;
  /** Whether that rule is about names. */
  readonly named: boolean;
  /** Whether a rule before it may match. */
  readonly maybe: boolean;
}

export interface SurveyOptions {
  /** Before any name was looked up, and once one may have been. */
  readonly before: View;
  readonly after: View;
  readonly asked?: boolean;
  /** Only rules that look at this count as `maybe`; the first of them is enough, and then `certain` may be a later rule. */
  readonly about?: Fact;
  /** Told where rules lead that may match, for a connection of which only the name is known (`nameOnly`). */
  readonly onMaybe?: (policy: string) => void;
  /** Whether a policy leaves what comes to it to the rules below. */
  readonly passes?: (policy: string) => boolean;
}

/** Of a name that nobody connects to yet everything else is open, and its address once somebody may have asked for it. */
export const nameOnly: ReadonlySet<Fact> = new Set([
  'port',
  'network',
  'source',
  'inbound',
  'traffic-class',
  'process',
]);
export const nameAsked: ReadonlySet<Fact> = new Set([...nameOnly, 'address']);

export interface CompiledTable {
  readonly fact: Fact;
  readonly table: RuleTable;
  /** Indexes of its rules, ascending. */
  readonly indexes: readonly number[];
}

/** A rule that stands in no table, with the list that it leads to. */
interface Lone {
  readonly condition: Condition;
  readonly policy: string;
  readonly list: { readonly facts: ReadonlySet<Fact>; survey(options: SurveyOptions): Survey } | undefined;
}

export interface ListParts {
  readonly rules: readonly RuleConfig[];
  readonly tables: readonly CompiledTable[];
  /** Those that stand in no table, by their place. In order. */
  readonly lones: ReadonlyMap<number, Lone>;
  /** Lone rules that only certain names can match. */
  readonly byName: {
    readonly indexes: readonly number[];
    all(facts: MatchFacts, from: number, limit: number): number[];
  };
  /** Whether a rule takes nothing. */
  readonly isSkipped: (index: number) => boolean;
  /** The first rule that may have a name looked up. */
  readonly firstAsking: number;
}

type PolicyPlaces = readonly { readonly policy: string; readonly indexes: readonly number[] }[];

export class ListSurvey {
  readonly firstAsking: number;
  readonly #parts: ListParts;
  /** Lone rules but those that only certain names can match, and such of them as a name can decide. In order. */
  readonly #others: readonly number[];
  readonly #decided: readonly number[];
  readonly #all: readonly number[];
  /** For each policy the rules that no name decides; those about addresses apart, which a look-up comes before. */
  readonly #open: PolicyPlaces;
  readonly #openByAddress: PolicyPlaces;

  constructor(parts: ListParts) {
    const { lones, byName, tables, rules, isSkipped, firstAsking } = parts;
    this.#parts = parts;
    this.firstAsking = firstAsking;
    this.#all = [...lones.keys()].filter((index) => !isSkipped(index));
    const named = new Set(byName.indexes);
    this.#others = this.#all.filter((index) => !named.has(index));
    this.#decided = this.#others.filter((index) => !isAlwaysOpen(lones.get(index)));
    const decided = new Set(this.#decided);
    const open = new Map<string, number[]>();
    const openByAddress = new Map<string, number[]>();
    const note = (policies: Map<string, number[]>, index: number): void => {
      const policy = rules[index]?.policy ?? '';
      const known = policies.get(policy);
      if (known === undefined) policies.set(policy, [index]);
      else known.push(index);
    };
    for (const index of this.#others) if (!decided.has(index)) note(open, index);
    for (const { fact, indexes } of tables) {
      if (fact === 'name' || fact === 'nothing') continue;
      for (const index of indexes) if (!isSkipped(index)) note(fact === 'address' ? openByAddress : open, index);
    }
    this.#open = placesOf(open);
    this.#openByAddress = placesOf(openByAddress);
  }

  of(options: SurveyOptions, from: number): Survey {
    const { rules } = this.#parts;
    const certain = this.#certain(options, from);
    const told =
      options.onMaybe === undefined ? this.#first(options, from, certain) : this.#every(options, from, certain);
    if (told.policy !== undefined || told.certain === noRule) return told;
    const rule = rules[told.certain];
    if (rule === undefined) return { ...told, certain: noRule };
    const kind = ruleKinds[rule.type];
    return { ...told, policy: rule.policy, named: kind.is === 'test' && kind.fact === 'name' };
  }

  /** The first rule in a table that matches, of those about known facts, and whose policy takes what comes to it. */
  #certain({ before: { facts, open }, passes }: SurveyOptions, from: number): number {
    const { tables, isSkipped, rules } = this.#parts;
    for (let start = from; ; ) {
      let first = noRule;
      for (const { fact, table } of tables) if (!open.has(fact)) first = table.lookup(facts, start, first);
      const policy = rules[first]?.policy;
      if (policy === undefined || (!isSkipped(first) && passes?.(policy) !== true)) return first;
      start = first + 1;
    }
  }

  /** Up to the first rule that may match, if there is one before `certain`. */
  #first(options: SurveyOptions, from: number, certain: number): Survey {
    const { tables, isSkipped } = this.#parts;
    const { before, about } = options;
    let open = certain;
    for (const { fact, indexes } of tables) {
      if (about === undefined ? !before.open.has(fact) : fact !== about) continue;
      let first = firstFrom(indexes, from);
      while (isSkipped(first)) first = firstFrom(indexes, first + 1);
      open = Math.min(open, first);
    }
    for (const told of this.#lones(options, from, open)) {
      if (told.maybe) return { certain, named: false, maybe: true };
      if (told.certain) return { certain: told.at, policy: told.policy, named: told.named, maybe: false };
    }
    return { certain, named: false, maybe: open < certain };
  }

  /** Every rule that may match before the first that does, each policy told. */
  #every(options: SurveyOptions, from: number, certain: number): Survey {
    let maybe = false;
    for (const told of this.#lones(options, from, certain)) {
      if (told.maybe) maybe = true;
      if (!told.certain) continue;
      const isOpen = this.#tell(options, from, told.at);
      return { certain: told.at, policy: told.policy, named: told.named, maybe: isOpen || maybe };
    }
    return { certain, named: false, maybe: this.#tell(options, from, certain) || maybe };
  }

  *#lones(options: SurveyOptions, from: number, limit: number): Generator<LoneSurvey & { readonly at: number }> {
    const { lones } = this.#parts;
    for (const at of this.#candidates(options, from, limit)) {
      const lone = lones.get(at);
      if (lone === undefined) continue;
      const asked = options.asked === true || at >= this.firstAsking;
      yield { at, ...surveyLone(lone, { ...options, asked }) };
    }
  }

  /** Lone rules that may match whatever is open. In order. */
  #candidates({ before: { facts, open }, onMaybe }: SurveyOptions, from: number, limit: number): readonly number[] {
    const { byName, isSkipped } = this.#parts;
    const isBetween = (index: number): boolean => index >= from && index < limit;
    if (open.has('name')) return this.#all.filter(isBetween);
    const named = byName.all(facts, from, limit).filter((index) => !isSkipped(index));
    const others = (onMaybe === undefined ? this.#others : this.#decided).filter(isBetween);
    return named.length === 0 ? others : [...others, ...named].sort((a, b) => a - b);
  }

  /** Tells where those rules lead that no name decides, and whether there are any. */
  #tell({ asked, onMaybe }: SurveyOptions, from: number, limit: number): boolean {
    let isOpen = false;
    const tell = (policies: PolicyPlaces, since: number): void => {
      for (const { policy, indexes } of policies) {
        if (firstFrom(indexes, since) >= limit) continue;
        isOpen = true;
        onMaybe?.(policy);
      }
    };
    tell(this.#open, from);
    tell(this.#openByAddress, asked === true ? from : Math.max(from, this.firstAsking));
    return isOpen;
  }
}

/** Whether no name decides the rule: it is left open as long as nothing else is known, asked or not. */
function isAlwaysOpen(lone: Lone | undefined): boolean {
  if (lone === undefined || lone.list !== undefined || lone.condition.facts.has('name')) return false;
  return [nameOnly, nameAsked].every((open) => lone.condition.test({ ...anyName, open }) === 'maybe');
}

const anyName = {
  facts: {
    name: 'name',
    port: 0,
    network: 'tcp',
    source: { host: '', port: 0 },
    inbound: { type: 'TUN', name: '', port: 0, user: '' },
    trafficClass: 0,
  },
  failed: false,
} as const;

function placesOf(policies: ReadonlyMap<string, number[]>): PolicyPlaces {
  return Array.from(policies, ([policy, indexes]) => ({ policy, indexes: indexes.sort((a, b) => a - b) }));
}

type LoneSurvey =
  | { readonly certain: false; readonly maybe: boolean }
  | { readonly certain: true; readonly maybe: boolean; readonly policy: string; readonly named: boolean };

function surveyLone({ condition, policy, list }: Lone, options: SurveyOptions & { asked: boolean }): LoneSurvey {
  const { before, after, asked, about, onMaybe, passes } = options;
  const matters = about === undefined || condition.facts.has(about) || list?.facts.has(about) === true;
  const verdict = condition.test(asked ? after : before);
  if (verdict === 'no' || verdict === 'unknown') return { certain: false, maybe: false };
  const named = condition.facts.has('name');
  if (list === undefined) {
    if (passes?.(policy) === true) return { certain: false, maybe: false };
    if (verdict === 'yes') return { certain: true, maybe: false, policy, named };
    onMaybe?.(policy);
    return { certain: false, maybe: matters };
  }
  const inner = list.survey(options);
  const isPassed = inner.policy === undefined || passes?.(inner.policy) === true;
  if (verdict !== 'yes') {
    if (inner.policy !== undefined) onMaybe?.(inner.policy);
    return { certain: false, maybe: matters };
  }
  if (isPassed || inner.policy === undefined) return { certain: false, maybe: inner.maybe };
  return { certain: true, maybe: inner.maybe, policy: inner.policy, named: named || inner.named };
}
