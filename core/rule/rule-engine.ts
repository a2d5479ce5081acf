/**
 * Which policy a flow takes: the first rule that matches. It asks for an address at most once per match, uses it for matching
 * only, and knows nothing of the policies it names.
 */
import type { Ip } from '../base/address.ts';
import { comparableDomain } from '../base/domain.ts';
import type { RuleConfig } from '../contract/config.ts';
import type { MatchedRule, RuleTrace } from '../contract/flow.ts';
import { directPolicy } from '../contract/proxy-config.ts';
import type { RuleRow } from '../contract/rpc.ts';
import type { RuleReasonCode } from '../contract/rule-reasons.ts';
import type { Metadata } from '../flow/metadata.ts';
import { compileRules, type SubRules } from './compile-rules.ts';
import { type View, viewOf } from './condition.ts';
import type { Asked, Decision } from './decision.ts';
import type { KnownRules } from './known-rules.ts';
import { nameAsked, nameOnly } from './list-survey.ts';
import { type MatchFacts, matchFacts } from './match-facts.ts';
import { noRule } from './no-rule.ts';
import { RuleCounters } from './rule-counters.ts';
import type { Fact } from './rule-kind.ts';
import type { Found, Place, RuleList } from './rule-list.ts';
import { noSets, type RuleSets } from './rule-set.ts';
import { ruleText } from './rule-text.ts';
import { explainRules } from './rule-trace.ts';

/** Real address of a name, or undefined when there is none. A rejection counts as none. */
export type ResolveIp = (name: string) => Promise<Ip | undefined>;

export interface Match {
  readonly rule: MatchedRule;
  /** The address that was looked up for an IP rule; for matching only, never for connecting. */
  readonly resolved?: Ip;
  /** Present once the name was looked up. */
  readonly asked?: Asked;
}

export interface MatchOptions {
  /** Rules before this place are passed over: a policy that cannot carry the flow leaves it to the rules below. */
  readonly from?: number;
  /** What was found when an earlier rule asked. */
  readonly asked?: Asked | undefined;
}

export interface Explanation extends Match {
  /** In order, ending with the hit; long lists are cut to the part before it (see `rule-trace.ts`). */
  readonly steps: RuleTrace['steps'];
}

/** Why a policy leaves what comes to it to the rules below; undefined if it takes it. */
export type PassesOn = (policy: string) => RuleReasonCode | undefined;

export interface RuleEngineOptions {
  readonly subRules?: SubRules;
  readonly sets?: RuleSets;
  /** What is known of rules of the same text, to go on from. */
  readonly known?: KnownRules;
}

const nameOpen: ReadonlySet<Fact> = new Set(['name']);
const processOpen: ReadonlySet<Fact> = new Set(['process']);
const processAndAddressOpen: ReadonlySet<Fact> = new Set(['process', 'address']);
const passesNever: (policy: string) => boolean = () => false;

export class RuleEngine {
  readonly #rules: readonly RuleConfig[];
  readonly #list: RuleList;
  readonly #counters: RuleCounters;
  readonly #usesProcess: boolean;
  #revision = 0;

  /** Throws `CONFIG_INVALID` for what `compileRules` refuses. */
  constructor(rules: readonly RuleConfig[], { subRules = {}, sets = noSets, known }: RuleEngineOptions = {}) {
    this.#rules = rules;
    this.#list = compileRules(rules, subRules, sets);
    this.#usesProcess = this.#list.facts.has('process');
    this.#counters = new RuleCounters(rules, known);
    this.#list.switchOff(this.#counters.off);
  }

  /** Grows when rules are switched off or on: what was concluded from them holds for one revision. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * The first rule that matches, counted as a hit; rule `NONE` with DIRECT if none does. A promise only when a rule that
   * needs the address of a name is reached before any hit: then `resolveIp` is called exactly once.
   */
  match(metadata: Metadata, resolveIp: ResolveIp, { from = 0, asked }: MatchOptions = {}): Match | Promise<Match> {
    const decision = this.#decide(matchFacts(metadata), resolveIp, from, asked);
    return decision instanceof Promise ? decision.then((late) => this.#count(late, from)) : this.#count(decision, from);
  }

  /** Whether the program must be known before `match`: a rule about it stands before the first hit of what is known. */
  needsProcess(metadata: Metadata, from = 0): boolean {
    if (!this.#usesProcess) return false;
    const facts = matchFacts(metadata);
    const view: View = { facts, failed: false, open: facts.ip === undefined ? processAndAddressOpen : processOpen };
    return this.#list.survey({ before: view, after: view, about: 'process' }, from).maybe;
  }

  /**
   * The policy of a flow to a bare address as long as its name is unknown; `certain` when no name could change it. Counts
   * nothing.
   */
  byAddress(metadata: Metadata): { readonly policy: string; readonly certain: boolean } {
    const facts = matchFacts(metadata);
    const view: View = { facts, failed: false, open: nameOpen };
    const { maybe } = this.#list.survey({ before: view, after: view });
    return { policy: policyOf(this.#list.find(viewOf(facts, true))), certain: !maybe };
  }

  /**
   * The policy as far as it can be told without a look-up: rules on the address of a name are passed over, and those whose policy
   * `passes` on. Counts nothing.
   */
  withoutLookup(metadata: Metadata, passes = passesNever): string {
    const view = viewOf(matchFacts(metadata), true);
    for (let from = 0; ; ) {
      const found = this.#list.find(view, [from]);
      if (found.kind !== 'hit') return directPolicy;
      if (!passes(found.policy)) return found.policy;
      from = (found.place[0] ?? from) + 1;
    }
  }

  /**
   * The verdict that `match` gives, with every rule tested on the way; goes on below what a policy passes on. Counts nothing.
   */
  async explain(metadata: Metadata, resolveIp: ResolveIp, passesOn: PassesOn = () => undefined): Promise<Explanation> {
    const facts = matchFacts(metadata);
    const decisions: Decision[] = [];
    const passed = new Map<number, RuleReasonCode>();
    let asked: Asked | undefined;
    for (let from = 0; ; ) {
      const decision = await this.#decide(facts, resolveIp, from, asked);
      decisions.push(decision);
      const at = decision.place[0] ?? noRule;
      const why = at === noRule ? undefined : passesOn(decision.policy);
      if (why === undefined) return { ...this.#matchOf(decision), steps: explainRules(this.#list, decisions, passed) };
      passed.set(at, why);
      from = at + 1;
      asked = decision.asked;
    }
  }

  /**
   * What a connection to this normalised name could get, whatever its port, address or process. `policy` is that of the first
   * rule that hits the name for certain, `named` when that rule is about names (not MATCH); `before` are those of rules before
   * it on what is not known yet. Rules whose policy `passes` on do not count.
   */
  byName(
    name: string,
    passes: (policy: string) => boolean = passesNever,
  ): { readonly policy: string; readonly named: boolean; readonly before: readonly string[] } {
    const facts = { ...nobody, name: comparableDomain(name) };
    const before = new Set<string>();
    const told = this.#list.survey({
      before: { facts, failed: false, open: nameOnly },
      after: { facts, failed: false, open: nameAsked },
      passes,
      onMaybe: (policy) => {
        if (!passes(policy)) before.add(policy);
      },
    });
    return { policy: told.policy ?? directPolicy, named: told.named, before: [...before] };
  }

  /** The list as people see it, with what each rule has decided. */
  rows(): RuleRow[] {
    const counted = this.#counters.all();
    return this.#rules.map((rule, index) => ({ index, ...rule, hits: 0, misses: 0, off: false, ...counted[index] }));
  }

  /** Policies that a connection may be led to. */
  *policies(): Iterable<{ readonly policy: string; readonly where: string }> {
    yield* policiesOf(this.#list, 'rules', new Set());
  }

  /** Switches the rule at `index` off or on, if it is still the one that is meant. Returns whether it is. */
  switchRule(index: number, meant: RuleConfig, on: boolean): boolean {
    const rule = this.#rules[index];
    if (rule === undefined || ruleText(rule) !== ruleText(meant)) return false;
    this.#counters.switchRule(index, on);
    this.#list.switchOff(this.#counters.off);
    this.#revision += 1;
    return true;
  }

  /** Hands on what is known of the rules. */
  note(known: KnownRules): void {
    this.#counters.note(known);
  }

  #decide(facts: MatchFacts, resolveIp: ResolveIp, from: number, asked?: Asked): Decision | Promise<Decision> {
    if (asked !== undefined) return this.#decideAsked(facts, asked, [from]);
    const found = this.#list.find(viewOf(facts), from === 0 ? undefined : [from]);
    if (found.kind !== 'ask') return { ...placeOf(found), facts };
    return askedFor(facts.name ?? '', resolveIp).then((late) => this.#decideAsked(facts, late, found.place));
  }

  #decideAsked(facts: MatchFacts, asked: Asked, askedAt: Place): Decision {
    const view = asked.ip === undefined ? viewOf(facts, true) : viewOf({ ...facts, ip: asked.ip });
    return { ...placeOf(this.#list.find(view, askedAt)), facts, askedAt, asked };
  }

  #count(decision: Decision, from: number): Match {
    this.#counters.count(from, decision.place[0]);
    return this.#matchOf(decision);
  }

  #matchOf({ place: [index = -1], policy, asked }: Decision): Match {
    const rule = this.#rules[index];
    const matched: MatchedRule =
      rule === undefined
        ? { index: -1, type: 'NONE', payload: '', policy: directPolicy }
        : { index, type: rule.type, payload: rule.payload, policy };
    if (asked === undefined) return { rule: matched };
    return asked.ip === undefined ? { rule: matched, asked } : { rule: matched, resolved: asked.ip, asked };
  }
}

/** Of a connection of which only the name is known. */
const nobody = {
  port: 0,
  network: 'tcp',
  source: { host: '', port: 0 },
  inbound: { type: 'TUN', name: '', port: 0, user: '' },
  trafficClass: 0,
} as const;

function placeOf(found: Found): { readonly place: Place; readonly policy: string } {
  return found.kind === 'hit' ? found : { place: [], policy: directPolicy };
}

function policyOf(found: Found): string {
  return found.kind === 'hit' ? found.policy : directPolicy;
}

function* policiesOf(
  list: RuleList,
  where: string,
  seen: Set<RuleList>,
): Iterable<{ readonly policy: string; readonly where: string }> {
  if (seen.has(list)) return;
  seen.add(list);
  for (const [index, { type, policy }] of list.rules.entries()) {
    const inner = type === 'SUB-RULE' ? list.lone(index)?.list : undefined;
    if (inner === undefined) yield { policy, where: `${where}[${index}]` };
    else yield* policiesOf(inner, `subRules.${policy}`, seen);
  }
}

async function askedFor(name: string, resolveIp: ResolveIp): Promise<Asked> {
  try {
    const ip = await resolveIp(name);
    return ip === undefined ? {} : { ip };
  } catch {
    return {};
  }
}
