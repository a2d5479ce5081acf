/** Regular expressions with look-around: the answers of JavaScript's own engine, in bounded time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BoundedExpression } from '../../../../core/base/expression/bounded-expression.ts';
import { ExpressionError } from '../../../../core/base/expression/expression-syntax.ts';

const names = [
  '香港 HK 01',
  '台湾-TW',
  '🇭🇰 HK',
  '🇺🇸 US 2x',
  'DIRECT',
  'Expired: 2026',
  'hk',
  'Hong  Kong 3',
  'JP東京',
  '',
];
const matching = (text: string) => names.filter((name) => new BoundedExpression(text).test(name));

describe('what profiles have', () => {
  test.each([
    ['^(?!.*(HK|TW)).*', ['🇺🇸 US 2x', 'DIRECT', 'Expired: 2026', 'hk', 'Hong  Kong 3', 'JP東京', '']],
    ['(?i)hk|hong\\s*kong', ['香港 HK 01', '🇭🇰 HK', 'hk', 'Hong  Kong 3']],
    ['(?=.*(广港|香港|HK|Hong Kong|🇭🇰)).*$', ['香港 HK 01', '🇭🇰 HK']],
    ['(?i)^((?!(DIRECT|expired|剩余)).)*$', names.filter((name) => !/direct|expired/i.test(name))],
    ['🇭🇰|🇺🇸', ['🇭🇰 HK', '🇺🇸 US 2x']],
    ['(?<!台湾-)TW', []],
    ['(?<=台湾-)TW$', ['台湾-TW']],
    ['[\\u4e00-\\u9fa5]{2}', ['香港 HK 01', '台湾-TW', 'JP東京']],
    ['\\b\\d{2}\\b', ['香港 HK 01']],
    ['(?<region>HK|US)\\s\\d', ['香港 HK 01', '🇺🇸 US 2x']],
    ['(?i:h)K', ['香港 HK 01', '🇭🇰 HK']],
    ['\\p{Han}', ['香港 HK 01', '台湾-TW', 'JP東京']],
    ['^(?:[^a-z]|x)+$', names.filter((name) => /^(?:[^a-z]|x)+$/u.test(name))],
    ['[-\\]]', ['台湾-TW']],
    ['^$', ['']],
  ])('%s', (text, expected) => {
    expect(matching(text)).toEqual(expected);
  });
});

test.each([
  '(',
  ')',
  '[',
  '*a',
  'a{2,1}',
  '(?>a)',
  '(a)\\1',
  '\\k<x>',
  '(?<x',
  '\\q',
  '[b-a]',
  'a{9999}',
  '((a{1000}){1000}){1000}',
  '('.repeat(500),
])('%s cannot be used', (text) => {
  expect(() => new BoundedExpression(text)).toThrow(ExpressionError);
});

test('the answers of JavaScript, for whatever both can read', () => {
  const atom = fc.constantFrom('a', 'b', 'A', '.', '[ab]', '[^a]', '\\d', '\\w', '香', 'x', '^', '$', '\\b');
  const expression = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      atom,
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(?:${a}|${b})`),
      fc.tuple(tie('node'), fc.constantFrom('*', '+', '?', '{1,2}', '*?')).map(([a, q]) => `(?:${a})${q}`),
      fc.tuple(fc.constantFrom('=', '!', '<=', '<!'), tie('node')).map(([look, a]) => `(?${look}${a})`),
    ),
  })).node;
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '1', '香', ' ', 'x'), maxLength: 12 });
  fc.assert(
    fc.property(expression, text, fc.boolean(), (written, name, isFolded) => {
      // JavaScript knows no word of other scripts.
      fc.pre(!(written.includes('\\w') || written.includes('\\b')) || !name.includes('香'));
      const wanted = new RegExp(written, isFolded ? 'iu' : 'u').test(name);
      expect(new BoundedExpression(isFolded ? `(?i)${written}` : written).test(name)).toBe(wanted);
    }),
    { numRuns: 2000 },
  );
});

test('no expression takes long, and none fails by what it is', () => {
  const evil = ['(a+)+$', '(a|a)*b', '(?:(?:a*)*)*c', '^(?!(a+)+b)(a+)+c$', '((?!(a|aa)+c).)*d'];
  const name = `${'a'.repeat(250)}!`;
  for (const text of evil) {
    const expression = new BoundedExpression(text);
    expect(() => {
      try {
        expression.test(name);
      } catch (error) {
        expect(String(error)).toContain('too long');
      }
    }).not.toThrow();
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 30 }), (text, other) => {
      let expression: BoundedExpression;
      try {
        expression = new BoundedExpression(text);
      } catch {
        return;
      }
      expect(typeof expression.test(other)).toBe('boolean');
    }),
    { numRuns: 2000 },
  );
});
