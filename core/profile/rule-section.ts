/** The `rules` of a profile, each with the place of its mistake. */
import type { RuleConfig } from '../contract/config.ts';
import { parseRule, type RuleNote } from '../rule/rule-parser.ts';
import type { PolicyNames } from './policy-names.ts';
import type { YamlValue } from './yaml-value.ts';

/**
 * Reads the list; rules that are wrong or can match nothing are reported and left out. Behind a MATCH everything is only a
 * warning: no traffic comes there.
 */
export function readRules(value: YamlValue, names: PolicyNames): RuleConfig[] {
  const items = value.list('RULES');
  if (items === undefined) return [];
  const rules: RuleConfig[] = [];
  let match: number | undefined;
  let isTold = false;
  for (const [i, item] of items.entries()) {
    if (match !== undefined && !isTold) {
      item.warning('RULE_UNREACHED', { match: String(match) });
      isTold = true;
    }
    const rule = readRule(match === undefined ? item : item.lenient, names);
    if (rule === undefined) continue;
    rules.push(rule);
    if (rule.type === 'MATCH') match ??= i;
  }
  if (rules.length > 1_000_000) value.error('TOO_MANY', { limit: '1,000,000' });
  if (match === undefined) value.warning('NO_MATCH', {}, 'MATCH_LAST');
  return rules;
}

function readRule(item: YamlValue, names: PolicyNames): RuleConfig | undefined {
  const line = item.text('RULE');
  if (line === undefined) return undefined;
  const tell = (severity: 'error' | 'warning', { code, values, hint, offset }: RuleNote): void =>
    item[severity](code, values, hint, offset);
  const parsed = parseRule(line);
  switch (parsed.kind) {
    case 'never':
      tell('warning', parsed.note);
      return undefined;
    case 'unsupported':
    case 'invalid':
      tell('error', parsed.note);
      return undefined;
    case 'rule': {
      for (const note of parsed.notes) tell('warning', note);
      const policy = names.problem(parsed.rule.policy);
      if (policy === undefined) return parsed.rule;
      tell('error', { ...policy, offset: parsed.policyOffset });
      // An error forbids the configuration; behind a MATCH the rule is left out.
      return item.isLenient ? undefined : parsed.rule;
    }
  }
}
