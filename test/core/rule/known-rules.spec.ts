import { expect, test } from 'vitest';
import type { RuleConfig } from '../../../core/contract/config.ts';
import type { Metadata } from '../../../core/flow/metadata.ts';
import { KnownRules } from '../../../core/rule/known-rules.ts';
import { RuleEngine } from '../../../core/rule/rule-engine.ts';

const rule = (type: RuleConfig['type'], payload: string, policy = 'DIRECT'): RuleConfig => ({
  type,
  payload,
  policy,
  noResolve: false,
});
const flow = (host: string): Metadata => ({
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 1 },
  destination: { host, port: 443 },
  originalDestination: { host, port: 443 },
});
const noAddress = () => Promise.resolve(undefined);
const verdict = (engine: RuleEngine, host: string) => {
  const match = engine.match(flow(host), noAddress);
  return match instanceof Promise ? expect.unreachable() : match.rule.index;
};

test('counters go on by the text of a rule, wherever it stands in the next list', () => {
  const before = new RuleEngine([rule('DOMAIN', 'a.example'), rule('DOMAIN', 'b.example', 'far'), rule('MATCH', '')]);
  for (const host of ['a.example', 'b.example', 'b.example', 'c.example']) verdict(before, host);
  expect(before.rows().map(({ hits, misses }) => [hits, misses])).toEqual([
    [1, 3],
    [2, 1],
    [1, 0],
  ]);
  const known = new KnownRules();
  before.note(known);
  const list = [
    rule('DOMAIN', 'b.example', 'far'),
    rule('DOMAIN', 'a.example', 'far'),
    { ...rule('IP-CIDR', '192.0.2.0/24'), noResolve: true },
    rule('MATCH', ''),
  ];
  const after = new RuleEngine(list, { known });
  // Another policy is another rule.
  expect(after.rows().map((row) => row.hits)).toEqual([2, 0, 0, 1]);
  expect(after.rows().map((row) => row.misses)).toEqual([1, 0, 0, 0]);
  verdict(after, 'b.example');
  after.note(known);
  const last = new RuleEngine([rule('MATCH', ''), rule('DOMAIN', 'b.example', 'far')], { known });
  expect(last.rows()[1]).toMatchObject({ hits: 3, misses: 1 });
});

test('a rule that is switched off is passed over, counts nothing, and stays off by its text', () => {
  const list = [rule('DOMAIN', 'a.example', 'far'), rule('DOMAIN-SUFFIX', 'example', 'near'), rule('MATCH', '')];
  const engine = new RuleEngine(list);
  const [first = rule('MATCH', '')] = list;
  verdict(engine, 'b.example');
  expect(engine.switchRule(1, first, false)).toBe(false);
  expect(engine.switchRule(0, first, false)).toBe(true);
  expect(engine.revision).toBe(1);
  expect(verdict(engine, 'a.example')).toBe(1);
  expect(engine.byName('a.example')).toMatchObject({ policy: 'near' });
  expect(engine.rows()[0]).toMatchObject({ off: true, hits: 0, misses: 1 });
  const known = new KnownRules();
  engine.note(known);
  const after = new RuleEngine(list, { known });
  expect(verdict(after, 'a.example')).toBe(1);
  after.switchRule(0, first, true);
  expect(verdict(after, 'a.example')).toBe(0);
  expect(verdict(after, 'b.example')).toBe(1);
  expect(after.rows()[0]).toMatchObject({ off: false, hits: 1, misses: 2 });
  after.note(known);
  expect(new RuleEngine(list, { known }).rows()[0]?.off).toBe(false);
});

test('a rule that is off asks for no address', () => {
  const list = [rule('IP-CIDR', '10.0.0.0/8'), rule('MATCH', '', 'far')];
  const engine = new RuleEngine(list);
  const [first = rule('MATCH', '')] = list;
  expect(engine.match(flow('a.example'), noAddress)).toBeInstanceOf(Promise);
  engine.switchRule(0, first, false);
  expect(verdict(engine, 'a.example')).toBe(1);
  expect(engine.byName('a.example').before).toEqual([]);
});

test('a rule stays off whatever else is counted, and of equal rules only the one that was switched off', () => {
  const again = rule('DOMAIN', 'again.example', 'far');
  const many = Array.from({ length: 70_000 }, (_, at) => rule('DOMAIN', `${at}.example`));
  const list = [rule('DOMAIN', 'first.example'), again, again, ...many, rule('MATCH', '')];
  const engine = new RuleEngine(list);
  expect(engine.switchRule(0, rule('DOMAIN', 'first.example'), false)).toBe(true);
  expect(engine.switchRule(2, again, false)).toBe(true);
  verdict(engine, 'c.example');
  const known = new KnownRules();
  engine.note(known);
  const off = () => new RuleEngine(list, { known }).rows().flatMap((row) => (row.off ? [row.index] : []));
  expect(off()).toEqual([0, 2]);
  engine.switchRule(2, again, true);
  engine.note(known);
  expect(off()).toEqual([0]);
});
