/** AND, OR and NOT over other rules, from left to right: what decides spares the rest, and so may spare looking a name up. */
import type { RuleReason } from '../contract/rule-reasons.ts';
import type { Condition, Explained, ExplainedRule, TraceView, Verdict, View } from './condition.ts';
import type { BareRule, Fact } from './rule-kind.ts';

/** Parts of which one with the verdict `end` decides. */
abstract class ListCondition implements Condition {
  readonly rule: BareRule;
  readonly facts: ReadonlySet<Fact>;
  readonly asks: boolean;
  abstract readonly keys: readonly BareRule[] | undefined;
  readonly #parts: readonly Condition[];
  readonly #end: 'yes' | 'no';
  readonly #codes: ListCodes;

  constructor(rule: BareRule, parts: readonly Condition[], end: 'yes' | 'no', codes: ListCodes) {
    this.rule = rule;
    this.#parts = parts;
    this.facts = factsOf(parts);
    this.asks = parts.some(({ asks }) => asks);
    this.#end = end;
    this.#codes = codes;
  }

  test(view: View): Verdict {
    return all(this.#parts, view, this.#end);
  }

  why(view: TraceView): Explained {
    return whyList(this.#parts, view, this.#end, this.#codes);
  }
}

/** Why it is so: one part has decided, all were asked, or there is none. */
type ListCodes = Readonly<Record<'decided' | 'all' | 'none', RuleReason['code']>>;

export class AndCondition extends ListCondition {
  readonly keys: readonly BareRule[] | undefined;

  constructor(rule: BareRule, parts: readonly Condition[]) {
    super(rule, parts, 'no', { decided: 'AND_NOT', all: 'AND_ALL', none: 'AND_EMPTY' });
    this.keys = bestKeys(parts);
  }
}

export class OrCondition extends ListCondition {
  readonly keys: readonly BareRule[] | undefined;

  constructor(rule: BareRule, parts: readonly Condition[]) {
    super(rule, parts, 'yes', { decided: 'OR_ANY', all: 'OR_NONE', none: 'OR_NONE' });
    const keys = parts.map((part) => part.keys);
    this.keys = this.asks || keys.includes(undefined) ? undefined : keys.flatMap((some) => some ?? []);
  }
}

export class NotCondition implements Condition {
  readonly rule: BareRule;
  readonly facts: ReadonlySet<Fact>;
  readonly asks: boolean;
  readonly keys = undefined;
  readonly #part: Condition;

  constructor(rule: BareRule, part: Condition) {
    this.rule = rule;
    this.#part = part;
    this.facts = part.facts;
    this.asks = part.asks;
  }

  test(view: View): Verdict {
    return opposite(this.#part.test(view));
  }

  why(view: TraceView): Explained {
    const step = { rule: this.#part.rule, ...this.#part.why(view) };
    const verdict = opposite(step.verdict);
    return { verdict, why: { code: notCodes[verdict], values: {} }, steps: [step] };
  }
}

const notCodes = {
  yes: 'NOT_HIT',
  no: 'NOT_MISS',
  unknown: 'LOGIC_UNKNOWN',
  ask: 'NO_ADDRESS',
  maybe: 'LOGIC_UNKNOWN',
} as const;

function opposite(verdict: Verdict): Verdict {
  return verdict === 'yes' ? 'no' : verdict === 'no' ? 'yes' : verdict;
}

/** `end` decides: `no` for AND, `yes` for OR. What is left open does not keep a later part from deciding. */
function all(parts: readonly Condition[], view: View, end: 'yes' | 'no'): Verdict {
  let verdict: Verdict = end === 'no' ? 'yes' : 'no';
  for (const part of parts) {
    const one = part.test(view);
    if (one === end || one === 'ask') return one;
    if (one === 'maybe' || (one === 'unknown' && verdict !== 'maybe')) verdict = one;
  }
  return verdict;
}

function whyList(parts: readonly Condition[], view: TraceView, end: 'yes' | 'no', codes: ListCodes): Explained {
  const steps: ExplainedRule[] = [];
  for (const part of parts) {
    const step = { rule: part.rule, ...part.why(view) };
    steps.push(step);
    if (step.verdict !== end && step.verdict !== 'ask') continue;
    const values = { number: String(steps.length), rule: `${part.rule.type},${part.rule.payload}` };
    return { verdict: step.verdict, why: { code: codes.decided, values }, steps };
  }
  if (parts.length === 0) return { verdict: end === 'no' ? 'yes' : 'no', why: { code: codes.none, values: {} } };
  const isOpen = steps.some(({ verdict }) => verdict === 'unknown');
  if (isOpen) return { verdict: 'unknown', why: { code: 'LOGIC_UNKNOWN', values: {} }, steps };
  return { verdict: end === 'no' ? 'yes' : 'no', why: { code: codes.all, values: {} }, steps };
}

function factsOf(parts: readonly Condition[]): ReadonlySet<Fact> {
  return new Set(parts.flatMap(({ facts }) => [...facts]));
}

/** The fewest keys, those about names first: of the parts that are tested before a name is looked up. */
function bestKeys(parts: readonly Condition[]): readonly BareRule[] | undefined {
  let best: { readonly keys: readonly BareRule[]; readonly named: boolean } | undefined;
  for (const { keys, facts, asks } of parts) {
    if (asks) break;
    if (keys === undefined) continue;
    const named = facts.size === 1 && facts.has('name');
    const isBetter =
      best === undefined || (named && !best.named) || (named === best.named && keys.length < best.keys.length);
    if (isBetter) best = { keys, named };
  }
  return best?.keys;
}
