/** What a rule asks of a connection, compiled: the one evaluation of single rules, logic, and rules in sets. */
import type { RuleReason } from '../contract/rule-reasons.ts';
import type { MatchFacts } from './match-facts.ts';
import type { BareRule, Fact, TestKind } from './rule-kind.ts';

/**
 * - `unknown`: what it takes cannot be had (an address that could not be looked up, a set). Neither the rule nor its opposite
 *   matches: what was meant for a proxy must not go another way because something failed.
 * - `ask`: the address of the name is wanted now.
 * - `maybe`: depends on facts that are open (`View.open`).
 */
export type Verdict = 'no' | 'yes' | 'unknown' | 'ask' | 'maybe';

/** A connection as far as it is known. */
export interface View {
  /** With the address that was looked up, if one was. */
  readonly facts: MatchFacts;
  /** The name was looked up in vain. */
  readonly failed: boolean;
  /** Facts that may still turn out anyhow; none when a connection is there to be decided. Then no verdict is `maybe`. */
  readonly open: ReadonlySet<Fact>;
}

const nothing: ReadonlySet<Fact> = new Set();

/** A connection that is to be decided by what is known of it. */
export function viewOf(facts: MatchFacts, failed = false): View {
  return { facts, failed, open: nothing };
}

export interface Condition {
  /** As it is written. */
  readonly rule: BareRule;
  /** All that it may look at. */
  readonly facts: ReadonlySet<Fact>;
  /** Whether it may have a name looked up. */
  readonly asks: boolean;
  /** Rules one of which matches wherever this does, told before anything is asked for; undefined = there are none to be told. */
  readonly keys: readonly BareRule[] | undefined;
  test(view: View): Verdict;
  /** Why it comes to what `test` says, for a view of which everything is known. */
  why(view: TraceView): Explained;
}

/** What a trace tells apart besides: whether the address is the connection's own or was looked up. */
export interface TraceView extends View {
  readonly asked: boolean;
}

export interface Explained {
  readonly verdict: Verdict;
  readonly why: RuleReason;
  /** Of the rules within. */
  readonly steps?: readonly ExplainedRule[];
}

export interface ExplainedRule extends Explained {
  readonly rule: BareRule;
}

/** A rule about one fact. */
export class TestCondition implements Condition {
  readonly rule: BareRule;
  readonly facts: ReadonlySet<Fact>;
  readonly asks: boolean;
  readonly keys: readonly BareRule[] | undefined;
  readonly #kind: TestKind;
  readonly #matches: (facts: MatchFacts) => boolean;

  constructor(rule: BareRule, kind: TestKind) {
    this.rule = rule;
    this.facts = new Set([kind.fact]);
    this.asks = kind.fact === 'address' && !rule.noResolve;
    this.keys = kind.isKeyed === true ? [rule] : undefined;
    this.#kind = kind;
    this.#matches = kind.matcher(rule.payload);
  }

  test(view: View): Verdict {
    if (this.#kind.fact === 'address') return testAddress(view, this.rule.noResolve, this.#matches);
    if (view.open.has(this.#kind.fact)) return 'maybe';
    return this.#matches(view.facts) ? 'yes' : 'no';
  }

  why(view: TraceView): Explained {
    const verdict = this.test(view);
    return { verdict, why: this.#kind.why(this.rule.payload, testFacts(view), verdict === 'yes') };
  }
}

/** Right, but nothing can match it. */
export class NeverCondition implements Condition {
  readonly rule: BareRule;
  readonly facts: ReadonlySet<Fact> = new Set();
  readonly asks = false;
  readonly keys: readonly BareRule[] = [];

  constructor(rule: BareRule) {
    this.rule = rule;
  }

  test(): Verdict {
    return 'no';
  }

  why(): Explained {
    return { verdict: 'no', why: { code: 'NEVER', values: {} } };
  }
}

/** For rules about the address of the destination, which a name has only when somebody asks for it. */
export function testAddress(view: View, noResolve: boolean, matches: (facts: MatchFacts) => boolean): Verdict {
  const { facts, failed, open } = view;
  if (open.has('address')) return 'maybe';
  if (facts.ip !== undefined) return matches(facts) ? 'yes' : 'no';
  if (failed) return 'unknown';
  return noResolve || facts.name === undefined ? 'no' : 'ask';
}

/** As the definitions of rules tell of it. */
export function testFacts({ facts, asked, failed }: TraceView): MatchFacts & { lookup?: { ip?: string } } {
  if (!asked) return facts;
  if (failed) return { ...facts, lookup: {} };
  const { ip, ...named } = facts;
  return ip === undefined ? facts : { ...named, lookup: { ip } };
}
