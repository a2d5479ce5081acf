import { expect, test } from 'vitest';
import type { RuleConfig } from '../../../core/contract/config.ts';
import type { RuleType } from '../../../core/contract/rule-types.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { RuleEngine } from '../../../core/rule/rule-engine.ts';
import type { RuleSet, RuleSets, SetRule } from '../../../core/rule/rule-set.ts';

const bare = (type: RuleType, payload: string): SetRule => ({
  type,
  payload,
  noResolve: false,
});
const rule = (type: RuleType, payload: string, policy: string): RuleConfig => ({
  ...bare(type, payload),
  policy,
});
const none = { size: 0, has: () => false };
const classical = (others: SetRule[]): RuleSet => ({
  behavior: 'classical',
  size: others.length,
  inverted: false,
  names: none,
  addresses: none,
  knownAddresses: none,
  others,
});
const sets = (by: Readonly<Record<string, SetRule[]>>): RuleSets => ({
  get: (name) => (by[name] === undefined ? undefined : classical(by[name])),
  trouble: () => 'UNDEFINED',
});
const flow = (host: string, port = 443): Metadata => ({
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 1 },
  destination: { host, port },
  originalDestination: { host, port },
});
const never = () => expect.unreachable('a name was looked up');
const policy = (engine: RuleEngine, metadata: Metadata) => {
  const match = engine.match(metadata, never);
  return match instanceof Promise ? never() : match.rule.policy;
};

const tcp = '(NETWORK,tcp)';
test.each<[string, Readonly<Record<string, SetRule[]>>]>([
  ['to itself', { 'rule-set:s0': [bare('AND', `((RULE-SET,s0),${tcp})`)] }],
  [
    'to itself, far within',
    {
      'rule-set:s0': [bare('OR', `((NETWORK,udp),(NOT,((AND,((RULE-SET,s0),${tcp})))))`)],
    },
  ],
  [
    'twice to the next, thirty times',
    Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => {
        const next = `RULE-SET,s${at + 1}`;
        return [`rule-set:s${at}`, [bare('AND', `((${next}),${tcp})`), bare('OR', `((${next}),(NETWORK,udp))`)]];
      }),
    ),
  ],
  [
    'to geodata that leads to itself',
    {
      'rule-set:s0': [bare('GEOSITE', 'a')],
      'geosite:a': [bare('GEOSITE', 'a')],
    },
  ],
  [
    'to geodata whose logic leads to itself',
    {
      'rule-set:s0': [bare('GEOSITE', 'a')],
      'geosite:a': [bare('AND', `((GEOSITE,a),${tcp})`)],
    },
  ],
])('a set leads nowhere: %s', (_, by) => {
  const others = {
    ...by,
    'rule-set:s0': [...(by['rule-set:s0'] ?? []), bare('DST-PORT', '80')],
  };
  const engine = new RuleEngine([rule('RULE-SET', 's0', 'x')], {
    sets: sets(others),
  });
  expect(policy(engine, flow('a.example', 80))).toBe('x');
  expect(policy(engine, flow('a.example'))).toBe('DIRECT');
});

test('a set may name geodata', () => {
  const by = {
    'rule-set:s': [bare('AND', `((GEOSITE,a),${tcp})`)],
    'geosite:a': [bare('DOMAIN-KEYWORD', 'exam')],
  };
  const engine = new RuleEngine([rule('RULE-SET', 's', 'x')], {
    sets: sets(by),
  });
  expect(policy(engine, flow('a.example'))).toBe('x');
  expect(policy(engine, flow('other.test'))).toBe('DIRECT');
});

test('the rules of sets count as often as they are led to', () => {
  const others = Array.from({ length: 50_000 }, () => bare('NETWORK', 'udp'));
  const list = Array.from({ length: 41 }, () => rule('RULE-SET', 's', 'x'));
  const compile = () => new RuleEngine(list, { sets: sets({ 'rule-set:s': others }) });
  expect(compile).toThrow(
    expect.objectContaining({ code: 'CONFIG_RULES_TOO_MANY', expected: expect.stringContaining('fewer') }),
  );
});

test.each<[string, Partial<RuleConfig>]>([
  ['no-resolve', { noResolve: true }],
  ['src', { src: true }],
])('with %s no rule within the logic of a set has a name looked up', (_, options) => {
  const others = [bare('AND', '((NETWORK,tcp),(IP-CIDR,192.0.2.0/24))'), bare('NOT', '((IP-CIDR6,::/0))')];
  for (const other of others) {
    const engine = new RuleEngine([{ ...rule('RULE-SET', 's', 'x'), ...options }], {
      sets: sets({ 'rule-set:s': [other] }),
    });
    expect(engine.match(flow('a.example'), never)).not.toBeInstanceOf(Promise);
  }
});
