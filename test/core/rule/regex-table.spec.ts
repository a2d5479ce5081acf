import { expect, test } from 'vitest';
import { noRule } from '../../../core/rule/no-rule.ts';
import { RegexTable } from '../../../core/rule/regex-table.ts';
import { compileExpression, expressionProblem } from '../../../core/rule/rule-expression.ts';
import { fairClock } from '../../support/fair-clock.ts';

const table = (...list: string[]): RegexTable =>
  new RegexTable(list.map((payload, index) => ({ type: 'DOMAIN-REGEX', payload, index: index * 10 })));

test('the lowest index below the limit, else the limit; anywhere, in any case', () => {
  const rules = table('^ADS[0-9]{1,3}\\.', 'track', '\\.cn$');
  expect(rules.lookup('ads12.example.cn', 0, noRule)).toBe(0);
  expect(rules.lookup('ads1234.example.cn', 0, noRule)).toBe(20);
  expect(rules.lookup('a.tracker.example', 0, noRule)).toBe(10);
  expect(rules.lookup('a.tracker.example', 0, 10)).toBe(10);
  expect(rules.lookup('a.tracker.example', 0, 5)).toBe(5);
  expect(rules.lookup('other.example', 0, noRule)).toBe(noRule);
  expect(table().lookup('a.example', 0, 7)).toBe(7);
});

test('those with look-around have their places among the others', () => {
  const rules = table('^a', '^(?!www\\.).*\\.example$', 'z', '(?<=cdn-)\\d', 'example');
  expect(rules.lookup('a.example', 0, noRule)).toBe(0);
  expect(rules.lookup('b.example', 0, noRule)).toBe(10);
  expect(rules.lookup('WWW.example', 0, noRule)).toBe(40);
  expect(rules.lookup('b.example', 11, noRule)).toBe(40);
  expect(rules.lookup('b.example', 0, 10)).toBe(10);
  expect(rules.lookup('www.cdn-7.example', 0, noRule)).toBe(30);
  expect(table('(?=a)').lookup('ba', 0, noRule)).toBe(0);
});

test('together they have a bound too', () => {
  const large = '[a-z]{500}';
  expect(expressionProblem(large)).toBeUndefined();
  expect(() => table(...Array<string>(100).fill(large))).toThrow(RangeError);
});

test('what makes other engines backtrack for ever is answered in linear time', () => {
  const cruel = ['^(a+)+$', '^(a|aa)+$', '^(.*a){20}$', '(x+x+)+y'];
  const name = `${'a'.repeat(60)}.${'x'.repeat(60)}.${'a'.repeat(60)}b`;
  const begun = fairClock.monotonic();
  for (let i = 0; i < 100; i++) table(...cruel).lookup(name, 0, noRule);
  for (const expression of cruel) compileExpression(expression).test(name);
  // Backtracking would take longer than the universe has existed.
  expect(fairClock.monotonic() - begun).toBeLessThan(10_000);
});
