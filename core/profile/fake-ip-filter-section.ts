/** `fake-ip-filter` and its mode: which names get real answers. */
import { domainPatternProblem } from '../base/domain.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import type { FakeIpFilterConfig } from '../contract/config.ts';
import type { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

type FilterRule = Extract<FakeIpFilterConfig, { mode: 'rule' }>['rules'][number];

const ruleTypes: readonly FilterRule['type'][] = ['DOMAIN', 'DOMAIN-SUFFIX', 'DOMAIN-KEYWORD', 'MATCH'];
const expectedRule = 'a rule such as DOMAIN-SUFFIX,example.com,real-ip or MATCH,fake-ip';
const longestList = 100_000;

/** Undefined when the profile says nothing of it. Wrong entries are reported and left out. */
export function readFakeIpFilter(map: YamlMap): FakeIpFilterConfig | undefined {
  const value = map.take('fake-ip-filter');
  const mode = map.take('fake-ip-filter-mode')?.choice(['blacklist', 'whitelist', 'rule']);
  if (value === undefined && mode === undefined) return undefined;
  switch (mode) {
    case 'rule':
      return { mode, rules: value === undefined ? [] : readRules(value) };
    case 'whitelist':
    case 'blacklist':
    case undefined:
      return {
        mode: mode ?? 'blacklist',
        patterns: value === undefined ? [] : readPatterns(value, mode === 'whitelist'),
      };
  }
}

function readPatterns(value: YamlValue, isWhitelist: boolean): string[] {
  const patterns: string[] = [];
  for (const item of value.list('a list of domain patterns') ?? []) {
    const text = item.text('a domain pattern');
    if (text === undefined) continue;
    const set = /^(geosite|rule-set):/i.exec(text);
    const wrong = text.length > 255 ? 'the pattern is longer than 255 characters' : domainPatternProblem(text);
    if (set !== null) {
      const effect = isWhitelist ? 'real' : 'fake';
      item.warning(`"${clip(text)}": sets are not supported yet; its names get ${effect} addresses`);
    } else if (wrong === undefined) patterns.push(text);
    else item.error(`"${clip(text)}": ${wrong}`, 'a domain pattern such as *.lan, +.example.com or time.example.com');
  }
  if (patterns.length > longestList) value.error('more than 100,000 patterns');
  return patterns;
}

function readRules(value: YamlValue): FilterRule[] {
  const rules = (value.list(`a list; each entry ${expectedRule}`) ?? []).flatMap((item) => readRule(item) ?? []);
  if (rules.length > longestList) value.error('more than 100,000 rules');
  return rules;
}

function readRule(item: YamlValue): FilterRule | undefined {
  const text = item.text(expectedRule);
  if (text === undefined) return undefined;
  const parts = text.split(',').map((part) => part.trim());
  const answer = parts.at(-1)?.toLowerCase();
  const type = ruleTypes.find((one) => one === parts[0]?.toUpperCase());
  const payload = type === 'MATCH' ? '' : (parts[1] ?? '');
  if (type === undefined) item.error(`"${clip(text)}": this type of rule is not supported here`, expectedRule);
  else if (answer !== 'fake-ip' && answer !== 'real-ip')
    item.error(`"${clip(text)}" says neither fake-ip nor real-ip`, expectedRule);
  else if (parts.length !== (type === 'MATCH' ? 2 : 3)) item.error(`"${clip(text)}" is no rule`, expectedRule);
  else {
    const wrong = payloadProblem(type, payload);
    if (wrong === undefined) return { type, payload, answer };
    item.error(`"${clip(text)}": ${wrong}`, expectedRule);
  }
  return undefined;
}

/** Why no name can be meant: such a rule would never hit. */
function payloadProblem(type: FilterRule['type'], payload: string): string | undefined {
  if (type === 'MATCH') return undefined;
  if (payload === '' || payload.length > 255) return 'it names no domain';
  if (type !== 'DOMAIN-KEYWORD') return domainNameProblem(payload);
  const wrong = /[^a-zA-Z0-9._-]/u.exec(payload);
  return wrong === null ? undefined : `no name contains "${wrong[0]}"`;
}
