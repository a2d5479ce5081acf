/** Why each rule matched or did not: the trace behind "what would happen to this host?". */
import type { RuleTraceStep } from '../contract/flow.ts';
import type { RuleReasonCode } from '../contract/rule-reasons.ts';
import type { ExplainedRule, TraceView } from './condition.ts';
import { TestCondition, viewOf } from './condition.ts';
import type { Decision } from './decision.ts';
import { noRule } from './no-rule.ts';
import { ruleKinds } from './rule-kinds.ts';
import type { RuleList } from './rule-list.ts';

/** At most this many rules are listed. */
export const maxTraceSteps = 500;
/** Rules of a sub-rule that are listed, and of all sub-rules and logic together. */
const maxSubSteps = 100;
const maxInnerSteps = 5_000;

interface Room {
  left: number;
}

/**
 * The rules in the order they are tested, up to the hit. Of a longer list the last `maxTraceSteps` are given, preceded by
 * one step of type `OMITTED` (index -1) that says how many are not shown; the rule that caused a look-up is always there.
 * Rules that matched and whose policy passed the flow on are `passed`, with the reason; then there are several decisions.
 */
export function explainRules(
  list: RuleList,
  decisions: readonly Decision[],
  passed: ReadonlyMap<number, RuleReasonCode>,
): RuleTraceStep[] {
  const room = { left: maxInnerSteps };
  const last = decisions.at(-1);
  if (last === undefined) return [];
  const begins = decisions.map((_, i) => (i === 0 ? 0 : (decisions[i - 1]?.place[0] ?? noRule) + 1));
  const end = Math.min((last.place[0] ?? noRule) + 1, list.rules.length);
  const first = Math.max(0, end - maxTraceSteps);
  const steps: RuleTraceStep[] = first > 0 ? [omitted(first, maxTraceSteps)] : [];
  for (const [i, decision] of decisions.entries()) {
    const from = begins[i] ?? 0;
    const to = Math.min((decision.place[0] ?? noRule) + 1, list.rules.length);
    const askedAt = decision.askedAt?.[0];
    if (askedAt !== undefined && askedAt < first && askedAt >= from) {
      steps.push(...stepsOf(list, { begin: askedAt, end: askedAt + 1, decision, room }));
    }
    for (const step of stepsOf(list, { begin: Math.max(from, first), end: to, decision, room })) {
      const code = passed.get(step.index);
      if (code === undefined || !step.hit) steps.push(step);
      else steps.push({ ...step, hit: false, why: { code, values: { policy: step.policy } } });
    }
  }
  return steps;
}

function omitted(count: number, shown: number): RuleTraceStep {
  const why = { code: 'OMITTED', values: { count: String(count), shown: String(shown) } } as const;
  return { index: -1, type: 'OMITTED', payload: '', policy: '', hit: false, why };
}

interface Part {
  readonly begin: number;
  readonly end: number;
  readonly decision: Pick<Decision, 'facts' | 'askedAt' | 'asked' | 'place'>;
  readonly room: Room;
}

function stepsOf(list: RuleList, { begin, end, decision, room }: Part): RuleTraceStep[] {
  const steps: RuleTraceStep[] = [];
  for (let index = begin; index < end; index++) {
    const step = stepOf(list, index, decision, room);
    if (step !== undefined) steps.push(step);
  }
  return steps;
}

function stepOf(list: RuleList, index: number, decision: Part['decision'], room: Room): RuleTraceStep | undefined {
  const rule = list.rules[index];
  if (rule === undefined) return undefined;
  const { type, payload, policy } = rule;
  const told = { index, type, payload, policy };
  if (list.off.has(index)) return { ...told, hit: false, why: { code: 'OFF', values: {} } };
  const lone = list.lone(index);
  const view = viewAt(index, decision);
  const kind = ruleKinds[type];
  const condition = lone?.condition ?? (kind.is === 'test' ? new TestCondition(rule, kind) : undefined);
  if (condition === undefined) return undefined;
  const { verdict, why, steps } = condition.why(view);
  const within = steps === undefined ? [] : innerSteps(steps, room);
  if (lone?.list === undefined && verdict === 'yes' && list.isIdle(index)) {
    return { ...told, hit: false, why: { code: 'PASSED', values: { policy } }, ...stepsIf(within) };
  }
  if (lone?.list === undefined) return { ...told, hit: verdict === 'yes', why, ...stepsIf(within) };
  // Its condition stands first, then the rules that it leads to.
  const lead: RuleTraceStep = {
    index: -1,
    type: condition.rule.type,
    payload: condition.rule.payload,
    policy: '',
    hit: verdict === 'yes',
    why,
    ...stepsIf(within),
  };
  if (verdict !== 'yes') return { ...told, hit: false, why: { code: 'SUB_RULE_NOT', values: {} }, steps: [lead] };
  const inner = subDecision(index, decision);
  const found = lone.list.find(viewAt(0, inner, true), inner.askedAt);
  const hit = found.kind === 'hit' ? found.place[0] : undefined;
  const to = hit === undefined ? lone.list.rules.length : hit + 1;
  const from = Math.max(0, to - maxSubSteps);
  const shown = stepsOf(lone.list, {
    begin: from,
    end: to,
    decision: { ...inner, place: found.kind === 'hit' ? found.place : [] },
    room,
  });
  const list1 = [lead, ...(from > 0 ? [omitted(from, maxSubSteps)] : []), ...shown];
  const values = { list: policy, number: String((hit ?? -1) + 1) };
  if (hit === undefined) return { ...told, hit: false, why: { code: 'SUB_RULE_NONE', values }, steps: list1 };
  const taken = found.kind === 'hit' ? found.policy : policy;
  return { ...told, policy: taken, hit: true, why: { code: 'SUB_RULE', values }, steps: list1 };
}

/** What the rule at `index` sees: the address of a name from the rule on that had it looked up. */
function viewAt(index: number, { facts, askedAt, asked: found }: Part['decision'], whole = false): TraceView {
  const asked =
    askedAt !== undefined && (whole || index > (askedAt[0] ?? 0) || (index === askedAt[0] && askedAt.length === 1));
  if (!asked) return { ...viewOf(facts), asked };
  return found?.ip === undefined ? { ...viewOf(facts, true), asked } : { ...viewOf({ ...facts, ip: found.ip }), asked };
}

/** The decision as the list sees it that the rule at `index` leads to. */
function subDecision(index: number, decision: Part['decision']): Part['decision'] {
  const { askedAt, facts, asked, place } = decision;
  const inner = place.slice(1);
  if (askedAt === undefined || index < (askedAt[0] ?? 0)) return { facts, place: inner };
  const isWithin = index === askedAt[0] && askedAt.length > 1;
  const found = { facts, place: inner, ...(asked === undefined ? {} : { asked }) };
  return { ...found, askedAt: isWithin ? askedAt.slice(1) : [0] };
}

function innerSteps(steps: readonly ExplainedRule[], room: Room): RuleTraceStep[] {
  const told: RuleTraceStep[] = [];
  for (const { rule, verdict, why, steps: within } of steps) {
    if (room.left <= 0) break;
    room.left -= 1;
    const inner = within === undefined ? [] : innerSteps(within, room);
    const { type, payload } = rule;
    told.push({ index: told.length, type, payload, policy: '', hit: verdict === 'yes', why, ...stepsIf(inner) });
  }
  return told;
}

function stepsIf(steps: RuleTraceStep[]): { steps?: RuleTraceStep[] } {
  return steps.length === 0 ? {} : { steps };
}
