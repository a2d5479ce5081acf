/**
 * What a type of rule is made of. Everything else follows from it: how a list of rules is matched and explained, what can be
 * told of a name before anybody connects to it, and which rules a flow that one policy cannot carry falls through to.
 */
import type { Ip } from '../base/address.ts';
import type { RuleConfig } from '../contract/config.ts';
import type { HintCode, ProblemCode, ProblemValues } from '../contract/problem-texts.ts';
import type { RuleReason } from '../contract/rule-reasons.ts';
import type { RuleType } from '../contract/rule-types.ts';
import type { MatchFacts } from './match-facts.ts';

/**
 * The fact that a rule tests. Only names are known when a DNS question comes, so every rule about something else leaves a
 * name undecided. `address` is that of the destination: for a name it is looked up, once, unless the rule says `no-resolve`.
 */
export type Fact =
  | 'nothing'
  | 'name'
  | 'port'
  | 'network'
  | 'source'
  | 'inbound'
  | 'traffic-class'
  | 'process'
  | 'address';

/** A rule without a policy: what stands inside logic, and in sets. */
export type BareRule = Omit<RuleConfig, 'policy'>;

export type RuleKind = TestKind | SetKind | LogicKind;

interface KindBase {
  /** Whether the payload may contain commas; then the policy is the last field, and there are no options. */
  readonly hasCommas?: true;
  /**
   * Reads a payload (trimmed) as liberally as Clash does and where it can only mean one thing. `inner` reads the rules that
   * stand in it.
   */
  readonly read: (payload: string, inner: ReadInner) => PayloadReading;
}

/** Tests one fact. */
export interface TestKind extends KindBase {
  readonly is: 'test';
  readonly fact: Fact;
  /** The type that the option `src` makes of it. */
  readonly ofSource?: RuleType;
  /** All rules of a list with the same `compile` share one table; without one they are tested one after the other. */
  readonly compile?: CompileRules;
  /** Whether a table finds a rule by what it names, however many there are. */
  readonly isKeyed?: true;
  /** One rule by itself: the same verdict as the table's. */
  readonly matcher: (payload: string) => (facts: MatchFacts) => boolean;
  readonly why: (payload: string, facts: TestFacts, hit: boolean) => RuleReason;
}

/** Looks into the set that the payload names. */
export interface SetKind extends KindBase {
  readonly is: 'set';
  /** The end of the connection whose address is looked for in it. */
  readonly end: 'destination' | 'source';
  /** What the option `src` makes of it: another type, or the same one with `src`. */
  readonly ofSource?: RuleType;
  /** What the set has to hold for the rule to make sense. */
  readonly holds: 'names' | 'addresses' | 'anything';
}

/** Combines rules that stand in the payload. */
export interface LogicKind extends KindBase {
  readonly is: 'logic';
  readonly operator: 'and' | 'or' | 'not' | 'sub-rule';
}

export interface RuleEntry {
  readonly type: RuleType;
  /** As `read` gave it. */
  readonly payload: string;
  readonly index: number;
}

/** Entries come in the order of their indexes. */
export type CompileRules = (entries: readonly RuleEntry[]) => RuleTable;

export interface RuleTable {
  /** The lowest index of a rule that matches, from `from` on and below `limit`; else `limit`. */
  lookup(facts: MatchFacts, from: number, limit: number): number;
}

export interface TestFacts extends MatchFacts {
  /** There once the address of the name was looked up, with what was found. */
  readonly lookup?: { readonly ip?: Ip };
}

export interface PayloadNote {
  readonly code: ProblemCode;
  readonly values: ProblemValues;
  readonly hint?: NoteHint;
  /** Where in the payload, from 0. */
  readonly offset: number;
}

export type NoteHint =
  | HintCode
  | { readonly code: HintCode; readonly values: ProblemValues }
  | { readonly write: string };

export type PayloadReading =
  /** `payload` in the spelling that is compiled. */
  | { readonly kind: 'ok'; readonly payload: string; readonly notes: readonly PayloadNote[] }
  /** Nothing can match it: no traffic goes another way without the rule. */
  | { readonly kind: 'never'; readonly note: PayloadNote }
  | { readonly kind: 'bad'; readonly note: PayloadNote };

/** Reads `TYPE,payload[,option]`, as rules inside logic are written. Offsets are within the text. */
export type ReadInner = (text: string) => InnerReading;

export type InnerReading =
  /** `never`: right, but nothing can match it. */
  | { readonly kind: 'ok' | 'never'; readonly rule: BareRule; readonly notes: readonly PayloadNote[] }
  | { readonly kind: 'bad'; readonly note: PayloadNote };

export function ok(payload: string, ...notes: readonly PayloadNote[]): PayloadReading {
  return { kind: 'ok', payload, notes };
}

export function never(reason: string, hint: PayloadNote['hint'], offset = 0): PayloadReading {
  return { kind: 'never', note: note('RULE_NEVER', { reason }, hint, offset) };
}

export function bad(found: PayloadNote): PayloadReading {
  return { kind: 'bad', note: found };
}

export function note(code: ProblemCode, values: ProblemValues, hint?: PayloadNote['hint'], offset = 0): PayloadNote {
  return { code, values, offset, ...(hint === undefined ? {} : { hint }) };
}

export function shifted(found: PayloadNote, by: number): PayloadNote {
  return { ...found, offset: found.offset + by };
}
