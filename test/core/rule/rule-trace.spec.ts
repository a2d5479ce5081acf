import { expect, test } from 'vitest';
import type { RuleConfig } from '../../../core/contract/config.ts';
import { noRule } from '../../../core/rule/no-rule.ts';
import { parseRule } from '../../../core/rule/rule-parser.ts';
import { explainRules, maxTraceSteps, type TraceInput } from '../../../core/rule/rule-trace.ts';

function rule(line: string): RuleConfig {
  const parsed = parseRule(line);
  return parsed.kind === 'rule' ? parsed.rule : expect.unreachable(line);
}

function why(lines: string[], input: TraceInput): string[] {
  return explainRules(lines.map(rule), input).map((step) => `${step.hit ? '+' : '-'} ${step.why}`);
}

test('each rule says why, for a name whose address was looked up', () => {
  const lines = [
    'DOMAIN,b.example,x',
    'DOMAIN-SUFFIX,b.example,x',
    'DOMAIN-KEYWORD,bad,x',
    'DST-PORT,80/8080,x',
    'IP-CIDR,10.0.0.0/8,x,no-resolve',
    'IP-CIDR,10.0.0.0/8,x',
    'IP-CIDR6,2001:db8::/32,x',
    'IP-CIDR,192.0.2.0/24,x,no-resolve',
    'MATCH,x',
  ];
  const facts = { name: 'a.example', port: 443 };
  expect(why(lines, { facts, hit: 7, askedBy: 5, resolved: '192.0.2.7' })).toEqual([
    '- a.example is not b.example',
    '- a.example is not b.example or below it',
    '- a.example does not contain "bad"',
    '- port 443 is not in 80/8080',
    '- no address is known, and no-resolve forbids to look one up',
    '- a.example resolves to 192.0.2.7, which is not in 10.0.0.0/8',
    '- a.example resolves to 192.0.2.7, which is an IPv4 address, the prefix is IPv6',
    '+ a.example resolves to 192.0.2.7, which is in 192.0.2.0/24',
  ]);
});

test('a failed look-up is said', () => {
  expect(
    why(['IP-CIDR,10.0.0.0/8,x', 'MATCH,x'], { facts: { name: 'a.example', port: 1 }, hit: 1, askedBy: 0 }),
  ).toEqual(['- a.example could not be resolved, so rules about addresses do not match', '+ matches everything']);
});

test('a bare address', () => {
  const lines = ['DOMAIN-SUFFIX,example,x', 'IP-CIDR,10.0.0.0/8,x,no-resolve'];
  expect(why(lines, { facts: { ip: '10.0.0.1', port: 1 }, hit: 1 })).toEqual([
    '- the destination is an address without a name',
    '+ 10.0.0.1 is in 10.0.0.0/8',
  ]);
});

test('of a long list the part before the hit is shown, with the rule that caused a look-up, and it is said', () => {
  const list = Array.from({ length: 2000 }, (_, i) =>
    rule(i === 3 ? 'IP-CIDR,10.0.0.0/8,x' : `DOMAIN,n${i}.example,x`),
  );
  const steps = explainRules(list, { facts: { name: 'n1999.example', port: 1 }, hit: 1999, askedBy: 3 });
  expect(steps).toHaveLength(maxTraceSteps + 2);
  expect(steps[0]).toMatchObject({ index: -1, type: 'OMITTED', hit: false });
  expect(steps[0]?.why).toBe('1500 rules above were tested and did not match; the last 500 are shown');
  expect(steps[1]).toMatchObject({ index: 3, type: 'IP-CIDR' });
  expect(steps[2]).toMatchObject({ index: 1500 });
  expect(steps.at(-1)).toMatchObject({ index: 1999, hit: true });
});

test('without a hit every rule was tested', () => {
  const list = Array.from({ length: 500 }, (_, i) => rule(`DOMAIN,n${i}.example,x`));
  const steps = explainRules(list, { facts: { name: 'other.example', port: 1 }, hit: noRule });
  expect(steps.map((step) => step.index)).toEqual([...list.keys()]);
  expect(steps.some((step) => step.hit)).toBe(false);
});
