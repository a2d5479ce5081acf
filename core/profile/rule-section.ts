/** The `rules` of a profile and its `sub-rules`, each with the place of its mistake. */
import type { RuleConfig } from '../contract/config.ts';
import { ExpressionRoom } from '../rule/expression-room.ts';
import { parseRule, type RuleNote } from '../rule/rule-parser.ts';
import { clip } from './clip.ts';
import type { PolicyNames, PolicyProblem } from './policy-names.ts';
import { SubRuleTree, type WrittenRule } from './sub-rule-tree.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

export interface RuleSections {
  readonly rules: RuleConfig[];
  /** The line of each of them; negative: in the override. */
  readonly lines: readonly number[];
  readonly subRules: Record<string, RuleConfig[]>;
}

const mostRules = 1_000_000;

/**
 * Reads the lists. What cannot be read is named and left out. A rule of which only the policy cannot be had stays, and refuses
 * what it takes: the traffic that it is about must not go another way. Behind a MATCH everything is only a warning: no traffic
 * comes there.
 */
export function readRules(
  list: YamlValue | undefined,
  subRules: YamlValue | undefined,
  names: PolicyNames,
): RuleSections {
  const room = new ExpressionRoom();
  const map = subRules && YamlMap.of(subRules);
  const written = new Map<string, WrittenRule[]>();
  for (const [name, value] of map?.entries() ?? []) {
    written.set(name, value.isNothing ? [] : readList(value, { names, room, lists: map }));
  }
  const main = list === undefined ? [] : readList(list, { names, room, lists: map, isMain: true });
  const tree = new SubRuleTree(written);
  const kept = Array.from(written.keys(), (name) => [name, tree.listOf(name)] as const);
  const rules = tree.of(main);
  return { rules, lines: linesOf(rules, main), subRules: Object.fromEntries(kept) };
}

/** `rules` are those of `written` that were not left out, in the same order. */
function linesOf(rules: readonly RuleConfig[], written: readonly WrittenRule[]): number[] {
  let at = 0;
  return rules.map((rule) => {
    while (written[at]?.rule !== rule) at += 1;
    const { line, file } = written[at]?.item.place ?? { line: 0 };
    return file === 'override' ? -line : line;
  });
}

interface ListContext {
  readonly names: PolicyNames;
  readonly room: ExpressionRoom;
  /** Of the sub-rules. */
  readonly lists: YamlMap | undefined;
  readonly isMain?: true;
}

function readList(value: YamlValue, context: ListContext): WrittenRule[] {
  const items = value.list('RULES');
  if (items === undefined) {
    if (context.isMain === true) value.error('RULES_LOST', {}, 'RULES');
    return [];
  }
  const rules: WrittenRule[] = [];
  let match: number | undefined;
  let isUnderstood = items.length === 0;
  let isTold = false;
  for (const [i, item] of items.entries()) {
    if (match !== undefined && !isTold) {
      item.warning('RULE_UNREACHED', { match: String(match) });
      isTold = true;
    }
    const { rule, isClear } = readRule(match === undefined ? item : item.lenient, context);
    isUnderstood ||= isClear;
    if (rule === undefined) continue;
    rules.push({ rule, item });
    if (rule.type === 'MATCH') match ??= i;
  }
  if (rules.length > mostRules) value.error('TOO_MANY', { limit: '1,000,000' });
  if (context.isMain !== true) return rules;
  // Without any everything would go DIRECT.
  if (!isUnderstood) value.error('RULES_LOST', {}, 'RULES');
  if (match === undefined) value.warning('NO_MATCH', {}, 'MATCH_LAST');
  return rules;
}

interface ReadRule {
  /** Absent for one that is left out. */
  readonly rule?: RuleConfig | undefined;
  /** What it takes is known, be it nothing. */
  readonly isClear: boolean;
}

function readRule(item: YamlValue, context: ListContext): ReadRule {
  const line = item.text('RULE');
  if (line === undefined) return { isClear: false };
  const parsed = parseRule(line);
  switch (parsed.kind) {
    case 'never':
      tell(item, 'warning', parsed.note);
      return { isClear: true };
    case 'invalid': {
      tell(item, 'leftOut', parsed.note);
      const rule = parsed.condition === undefined || item.isLenient ? undefined : refusing(parsed.condition);
      return { rule, isClear: rule !== undefined };
    }
    case 'rule': {
      for (const note of parsed.notes) tell(item, 'warning', note);
      if (!context.room.holds(parsed.rule)) {
        item.leftOut('RULE_REGEX', { reason: 'all of them together are too large' });
        return { isClear: true };
      }
      return { rule: withPolicy(item, parsed.rule, parsed.policyOffset, context), isClear: true };
    }
  }
}

/** The rule, if what its policy names is there. */
function withPolicy(item: YamlValue, rule: RuleConfig, offset: number, context: ListContext): RuleConfig | undefined {
  const problem = rule.type === 'SUB-RULE' ? listProblem(rule.policy, context) : context.names.problem(rule.policy);
  if (problem === undefined) return rule;
  if (item.isLenient) {
    item.warning(problem.code, problem.values, problem.hint, offset);
    return undefined;
  }
  if (!isMissing(problem)) {
    item.error(problem.code, problem.values, problem.hint, offset);
    return rule;
  }
  const code = problem.code === 'POLICY_UNKNOWN' ? 'RULE_POLICY_UNKNOWN' : problem.code;
  item.leftOut(code, problem.values, problem.hint, offset);
  return refusing(rule);
}

/** Whether Clash would not know it either; else it is only not supported yet. */
function isMissing({ code }: PolicyProblem): boolean {
  return code === 'POLICY_UNKNOWN' || code === 'POLICY_LEFT_OUT' || code === 'SUB_RULE_UNKNOWN';
}

function listProblem(name: string, { lists }: ListContext): PolicyProblem | undefined {
  if (lists?.entries().some(([known]) => known === name) === true) return undefined;
  return { code: 'SUB_RULE_UNKNOWN', values: { name: clip(name) }, hint: 'SUB_RULES' };
}

/** The same rule for the same traffic, which goes nowhere. */
function refusing(rule: RuleConfig): RuleConfig {
  if (rule.type !== 'SUB-RULE') return { ...rule, policy: 'REJECT' };
  return { type: 'AND', payload: `(${rule.payload})`, policy: 'REJECT', noResolve: false };
}

function tell(item: YamlValue, how: 'leftOut' | 'warning', { code, values, hint, offset }: RuleNote): void {
  item[how](code, values, hint, offset);
}
