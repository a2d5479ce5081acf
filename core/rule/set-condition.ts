/** A rule that looks into a set: RULE-SET, GEOSITE, GEOIP, IP-ASN. */
import { parseIp } from '../base/address.ts';
import type { RuleReason } from '../contract/rule-reasons.ts';
import type { SetTrouble } from '../contract/sets.ts';
import {
  type Condition,
  type Explained,
  type TraceView,
  testAddress,
  testFacts,
  type Verdict,
  type View,
} from './condition.ts';
import { whyAddress, whySource } from './kinds/address.ts';
import type { MatchFacts } from './match-facts.ts';
import { noRule } from './no-rule.ts';
import type { BareRule, Fact } from './rule-kind.ts';
import type { RuleList } from './rule-list.ts';
import type { AddressSet, NameSet, RuleSet } from './rule-set.ts';

export interface SetConditionOptions {
  readonly end: 'destination' | 'source';
  readonly set: RuleSet;
  /** The rules of a classical set that it does not hold together. */
  readonly others: RuleList | undefined;
}

export class SetCondition implements Condition {
  readonly rule: BareRule;
  readonly facts: ReadonlySet<Fact>;
  readonly asks: boolean;
  readonly keys = undefined;
  readonly #set: RuleSet;
  readonly #others: RuleList | undefined;
  readonly #isSource: boolean;

  constructor(rule: BareRule, { end, set, others }: SetConditionOptions) {
    this.rule = rule;
    this.#set = set;
    this.#others = others;
    this.#isSource = end === 'source';
    const facts = [...(others?.facts ?? []), ...factsOf(set)];
    this.facts = new Set(this.#isSource ? facts.map(swappedFact) : facts);
    const hasAddresses = addressesOf(set).some(({ noResolve }) => !noResolve);
    this.asks = !this.#isSource && !rule.noResolve && (hasAddresses || others?.asks === true);
  }

  test(view: View): Verdict {
    const seen = this.#isSource ? swapped(view) : view;
    const { facts } = seen;
    let open: Verdict = 'no';
    const names = namesOf(this.#set);
    if (names !== undefined) {
      if (seen.open.has('name')) open = 'maybe';
      else if (facts.name !== undefined && names.has(facts.name) !== this.#set.inverted) return 'yes';
    }
    for (const { addresses, noResolve } of addressesOf(this.#set)) {
      const verdict = testAddress(
        seen,
        this.rule.noResolve || noResolve,
        ({ ip }) => ip !== undefined && addresses.has(ip) !== this.#set.inverted,
      );
      if (verdict === 'yes') return verdict;
      if (verdict !== 'no') open = verdict;
    }
    const others = this.#others === undefined ? 'no' : testList(this.#others, seen);
    // Rules within logic have their own no-resolve; that of the whole rule, or that it is about the source, goes before it.
    const mayAsk = !this.#isSource && !this.rule.noResolve;
    return others === 'no' || (others === 'ask' && !mayAsk) ? open : others;
  }

  why(view: TraceView): Explained {
    const verdict = this.test(view);
    return { verdict, why: this.#why(view, verdict) };
  }

  #why(view: TraceView, verdict: Verdict): RuleReason {
    const { payload } = this.rule;
    const { name } = view.facts;
    const set = this.#set;
    if (set.behavior === 'ipcidr') {
      return this.#isSource
        ? whySource(view.facts, payload, verdict === 'yes')
        : whyAddress(testFacts(view), payload, verdict === 'yes');
    }
    if (set.behavior === 'domain') {
      if (name === undefined) return { code: 'NO_NAME', values: {} };
      return { code: verdict === 'yes' ? 'NAME_IN_SET' : 'NAME_NOT_IN_SET', values: { name, payload } };
    }
    const seen = this.#isSource ? swapped(view) : view;
    const found = this.#others?.find(seen);
    const rule = found?.kind === 'hit' ? this.#others?.rules[found.place[0] ?? 0] : undefined;
    if (rule !== undefined) return { code: 'SET_RULE', values: { payload, rule: `${rule.type},${rule.payload}` } };
    if (verdict === 'unknown') return { code: 'NOT_RESOLVED', values: { name: name ?? '' } };
    return { code: verdict === 'yes' ? 'IN_SET' : 'NOT_IN_SET', values: { payload } };
  }
}

/** A rule whose set cannot be had: what it would take is not known, so neither it nor its opposite matches. */
export class MissingSetCondition implements Condition {
  readonly rule: BareRule;
  readonly facts: ReadonlySet<Fact> = new Set();
  readonly asks = false;
  readonly keys = undefined;
  readonly #trouble: SetTrouble;

  constructor(rule: BareRule, trouble: SetTrouble) {
    this.rule = rule;
    this.#trouble = trouble;
  }

  test(): Verdict {
    return 'unknown';
  }

  why(): Explained {
    const values = { set: this.rule.payload };
    return { verdict: 'unknown', why: { code: `SET_${this.#trouble}`, values } };
  }
}

function testList(list: RuleList, view: View): Verdict {
  if (view.open.size > 0) {
    const { certain, maybe } = list.survey({ before: view, after: view });
    return certain !== noRule ? 'yes' : maybe ? 'maybe' : 'no';
  }
  const found = list.find(view);
  if (found.kind !== 'none') return found.kind === 'hit' ? 'yes' : 'ask';
  return view.failed && list.asks ? 'unknown' : 'no';
}

function namesOf(set: RuleSet): NameSet | undefined {
  return set.behavior === 'ipcidr' || (set.names.size === 0 && !set.inverted) ? undefined : set.names;
}

/** Those of rules with no-resolve first. */
function addressesOf(set: RuleSet): { readonly addresses: AddressSet; readonly noResolve: boolean }[] {
  if (set.behavior === 'domain') return [];
  if (set.behavior === 'ipcidr') return [{ addresses: set.addresses, noResolve: false }];
  const both = [
    { addresses: set.knownAddresses, noResolve: true },
    { addresses: set.addresses, noResolve: false },
  ];
  return both.filter(({ addresses }) => addresses.size > 0);
}

function factsOf(set: RuleSet): Fact[] {
  const names = namesOf(set) === undefined ? [] : ['name' as const];
  return addressesOf(set).length === 0 ? names : [...names, 'address'];
}

function swappedFact(fact: Fact): Fact {
  return fact === 'address' ? 'source' : fact === 'source' ? 'address' : fact;
}

/** The connection with its ends changed, for sets that are looked into by the source. */
function swapped({ facts, open, failed }: View): View {
  const { ip, ...rest } = facts;
  const source = parseIp(facts.source.host);
  const seen: MatchFacts = {
    ...rest,
    source: { host: ip ?? '', port: facts.source.port },
    ...(source === undefined ? {} : { ip: source }),
  };
  return { facts: seen, failed, open: open.size === 0 ? open : new Set([...open].map(swappedFact)) };
}
