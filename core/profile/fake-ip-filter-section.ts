/** `fake-ip-filter` and its mode: which names get real answers. */
import { domainPatternProblem } from '../base/domain.ts';
import type { FakeIpFilterConfig } from '../contract/dns-config.ts';
import { fillText, problemTexts } from '../contract/problem-texts.ts';
import { parseRule } from '../rule/rule-parser.ts';
import { clip } from './clip.ts';
import { nameSetOf } from './name-set.ts';
import type { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

type FilterRule = Extract<FakeIpFilterConfig, { mode: 'rule' }>['rules'][number];

const ruleTypes: readonly FilterRule['type'][] = [
  'DOMAIN',
  'DOMAIN-SUFFIX',
  'DOMAIN-KEYWORD',
  'GEOSITE',
  'RULE-SET',
  'MATCH',
];
const longestList = 100_000;

/** Undefined when the profile says nothing of it. Wrong entries are reported and left out. */
export function readFakeIpFilter(map: YamlMap): FakeIpFilterConfig | undefined {
  const value = map.take('fake-ip-filter')?.lenient;
  const mode = map.take('fake-ip-filter-mode')?.lenient.choice(['blacklist', 'whitelist', 'rule']);
  if (value === undefined && mode === undefined) return undefined;
  switch (mode) {
    case 'rule':
      return { mode, rules: value === undefined ? [] : readRules(value) };
    case 'whitelist':
    case 'blacklist':
    case undefined:
      return { mode: mode ?? 'blacklist', ...(value === undefined ? { patterns: [] } : readPatterns(value)) };
  }
}

function readPatterns(value: YamlValue): { patterns: string[]; sets?: string[] } {
  const patterns: string[] = [];
  const sets: string[] = [];
  for (const item of value.oneOrList('PATTERN') ?? []) {
    const text = item.text('PATTERN')?.trim();
    if (text === undefined) continue;
    const set = nameSetOf(text);
    const reason = text.length > 255 ? 'the pattern is longer than 255 characters' : domainPatternProblem(text);
    if (set !== undefined) sets.push(set);
    else if (reason === undefined) patterns.push(text);
    else item.warning('BAD_PATTERN', { found: clip(text), reason }, 'PATTERN');
  }
  if (patterns.length > longestList) value.warning('TOO_MANY', { limit: '100,000' });
  return { patterns: patterns.slice(0, longestList), ...(sets.length === 0 ? {} : { sets: sets.slice(0, 1000) }) };
}

function readRules(value: YamlValue): FilterRule[] {
  const rules = (value.oneOrList('FILTER_RULE') ?? []).flatMap((item) => readRule(item) ?? []);
  if (rules.length <= longestList) return rules;
  value.warning('TOO_MANY', { limit: '100,000' });
  return rules.slice(0, longestList);
}

/** A rule that is not understood is left out: the next one, or a fake address, answers for its names. */
function readRule(item: YamlValue): FilterRule | undefined {
  const text = item.text('FILTER_RULE');
  if (text === undefined) return undefined;
  const leftOut = (reason: string): undefined => {
    item.warning('FILTER_RULE', { found: clip(text), reason }, 'FILTER_RULE');
    return undefined;
  };
  // A rule like any other, with the kind of answer as its policy.
  const parsed = parseRule(text);
  if (parsed.kind !== 'rule') return leftOut(fillText(problemTexts[parsed.note.code], parsed.note.values));
  const { payload, policy } = parsed.rule;
  const type = ruleTypes.find((one) => one === parsed.rule.type);
  const answer = policy.toLowerCase();
  if (type === undefined) return leftOut('this type of rule is not supported here');
  if (answer !== 'fake-ip' && answer !== 'real-ip') return leftOut('it says neither fake-ip nor real-ip');
  return payload.length > 255 ? leftOut('it names no domain') : { type, payload, answer };
}
