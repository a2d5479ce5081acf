/** Why each rule matched or did not, in words: the trace behind "what would happen to this host?". */
import { type Ip, ipFamily } from '../base/address.ts';
import { cidrContains, parseCidr } from '../base/cidr.ts';
import { comparableDomain, isWithinDomain } from '../base/domain.ts';
import { unreachable } from '../base/unreachable.ts';
import type { RuleConfig } from '../contract/config.ts';
import type { RuleTrace } from '../contract/flow.ts';
import type { MatchFacts } from './match-facts.ts';
import { isPortListed, parsePortList } from './port-ranges.ts';

export type TraceStep = RuleTrace['steps'][number];

/** At most this many rules are listed. */
export const maxTraceSteps = 500;

export interface TraceInput {
  readonly facts: MatchFacts;
  /** Index of the rule that matched; `noRule` if none did. */
  readonly hit: number;
  /** Index of the rule for which the name was looked up, if it was. */
  readonly askedBy?: number;
  /** What the look-up found. */
  readonly resolved?: Ip;
}

/**
 * The rules in the order they are tested, up to the hit. Of a longer list the last `maxTraceSteps` are given, preceded by
 * one step of type `OMITTED` (index -1) that says how many are not shown; the rule that caused a look-up is always there.
 */
export function explainRules(rules: readonly RuleConfig[], input: TraceInput): TraceStep[] {
  const end = Math.min(input.hit + 1, rules.length);
  const begin = Math.max(0, end - maxTraceSteps);
  const steps: TraceStep[] = [];
  if (begin > 0) {
    const why = `${begin} rules above were tested and did not match; the last ${maxTraceSteps} are shown`;
    steps.push({ index: -1, type: 'OMITTED', payload: '', policy: '', hit: false, why });
  }
  const { askedBy } = input;
  if (askedBy !== undefined && askedBy < begin) steps.push(...stepsOf(rules, askedBy, askedBy + 1, input));
  steps.push(...stepsOf(rules, begin, end, input));
  return steps;
}

function stepsOf(rules: readonly RuleConfig[], begin: number, end: number, input: TraceInput): TraceStep[] {
  return rules.slice(begin, end).map(({ type, payload, policy, noResolve }, i) => {
    const index = begin + i;
    const test = testRule({ type, payload, policy, noResolve }, index, input);
    return { index, type, payload, policy, hit: test.hit, why: test.why };
  });
}

interface Test {
  readonly hit: boolean;
  readonly why: string;
}

/** One rule against what is known; `index` is its place, `input.hit` is not looked at. */
export function testRule(rule: RuleConfig, index: number, input: Omit<TraceInput, 'hit'>): Test {
  const { name, port } = input.facts;
  const payload = rule.payload;
  switch (rule.type) {
    case 'DOMAIN':
      return testName(name, (known) => known === comparableDomain(payload), `is ${payload}`, `is not ${payload}`);
    case 'DOMAIN-SUFFIX': {
      const suffix = comparableDomain(payload);
      const where = `${payload} or below it`;
      return testName(name, (known) => isWithinDomain(known, suffix), `is ${where}`, `is not ${where}`);
    }
    case 'DOMAIN-KEYWORD': {
      const keyword = payload.toLowerCase();
      return testName(
        name,
        (known) => known.includes(keyword),
        `contains "${keyword}"`,
        `does not contain "${keyword}"`,
      );
    }
    case 'IP-CIDR':
    case 'IP-CIDR6':
      return testAddress(rule, index, input);
    case 'DST-PORT': {
      const hit = isPortListed(parsePortList(payload).ranges, port);
      return { hit, why: `port ${port} is ${hit ? '' : 'not '}in ${payload}` };
    }
    case 'MATCH':
      return { hit: true, why: 'matches everything' };
    default:
      return unreachable(rule.type);
  }
}

function testName(name: string | undefined, test: (name: string) => boolean, yes: string, no: string): Test {
  if (name === undefined) return { hit: false, why: 'the destination is an address without a name' };
  const hit = test(name);
  return { hit, why: `${name} ${hit ? yes : no}` };
}

function testAddress(rule: RuleConfig, index: number, { facts, askedBy, resolved }: Omit<TraceInput, 'hit'>): Test {
  if (facts.ip !== undefined) return testContains(rule, facts.ip, facts.ip);
  if (askedBy === undefined || index < askedBy) {
    return { hit: false, why: 'no address is known, and no-resolve forbids to look one up' };
  }
  if (resolved === undefined) {
    return { hit: false, why: `${facts.name ?? ''} could not be resolved, so rules about addresses do not match` };
  }
  return testContains(rule, resolved, `${facts.name ?? ''} resolves to ${resolved}, which`);
}

function testContains(rule: RuleConfig, ip: Ip, subject: string): Test {
  const cidr = parseCidr(rule.payload);
  if (cidr !== undefined && cidr.family !== ipFamily(ip)) {
    return { hit: false, why: `${subject} is an IPv${ipFamily(ip)} address, the prefix is IPv${cidr.family}` };
  }
  const hit = cidr !== undefined && cidrContains(cidr, ip);
  return { hit, why: `${subject} is ${hit ? '' : 'not '}in ${rule.payload}` };
}
