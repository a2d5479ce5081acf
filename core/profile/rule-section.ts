/** The `rules` of a profile, each with the place of its mistake. */
import type { RuleConfig } from '../contract/config.ts';
import { parseRule } from '../rule/rule-parser.ts';
import type { PolicyNames } from './policy-names.ts';
import type { YamlValue } from './yaml-value.ts';

/** Reads the list; wrong rules are reported and left out. */
export function readRules(value: YamlValue, names: PolicyNames): RuleConfig[] {
  const items = value.list('a list of rules');
  if (items === undefined) return [];
  const rules: RuleConfig[] = [];
  let matchAt: number | undefined;
  for (const [i, item] of items.entries()) {
    if (matchAt === i - 1) item.warning(`no rule from here on is reached: rules[${matchAt}] matches everything`);
    const rule = readRule(item, names);
    if (rule === undefined) continue;
    rules.push(rule);
    if (rule.type === 'MATCH') matchAt ??= i;
  }
  if (rules.length > 1_000_000) value.error('more than 1,000,000 rules');
  if (matchAt === undefined) {
    value.warning('no MATCH rule: what no rule matches goes DIRECT', 'MATCH,policy as the last rule');
  }
  return rules;
}

function readRule(item: YamlValue, names: PolicyNames): RuleConfig | undefined {
  const line = item.text('a rule such as DOMAIN-SUFFIX,example.com,DIRECT');
  if (line === undefined) return undefined;
  const parsed = parseRule(line);
  if (!parsed.ok) {
    item.error(parsed.problem.message, parsed.problem.expected, parsed.problem.offset);
    return undefined;
  }
  if (parsed.warning !== undefined)
    item.warning(parsed.warning.message, parsed.warning.expected, parsed.warning.offset);
  const policy = names.problem(parsed.rule.policy);
  if (policy !== undefined) item.error(policy.message, policy.expected, parsed.policyOffset);
  return parsed.rule;
}
