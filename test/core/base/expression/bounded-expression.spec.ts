/** Regular expressions with look-around: the answers of JavaScript's own engine, in bounded time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BoundedExpression,
  BoundedReplacement,
  SearchBudget,
} from '../../../../core/base/expression/bounded-expression.ts';
import { ExpressionError } from '../../../../core/base/expression/expression-syntax.ts';
import { runs } from '../../../support/runs.ts';

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
    runs(500),
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
    runs(500),
  );
});

test.each([
  ['what repeats nothing', '((((){1000}){1000}){1000}){1000}'],
  ['a class that is nested without end', `${'[a-'.repeat(5_000)}b`],
  ['a text without end', 'a'.repeat(30_000)],
  ['a class of many, many times', `[${'ab-c'.repeat(4_000)}]{1000}`],
])('%s is refused before it costs anything', (_, text) => {
  expect(() => new BoundedExpression(text)).toThrow(ExpressionError);
});

describe('work is counted, whatever it is', () => {
  test('characters of a large class count one by one', () => {
    const expression = new BoundedExpression(`[${'ab-c'.repeat(2_000)}]{1000}$`);
    expect(() => expression.test('b'.repeat(2_000))).toThrow('too long');
  });

  test('a text that is too long for the steps is not begun', () => {
    expect(() => new BoundedExpression('a{1000}').test('b'.repeat(1_000_000))).toThrow('too long');
  });

  test('expressions that share a budget use it up together', () => {
    const budget = new SearchBudget(1_000);
    const some = ['a+b', '(?:a|aa)+c'].map((text) => new BoundedExpression(text, budget));
    const outcomes = Array.from({ length: 40 }, (_, i) => {
      try {
        return some[i % 2]?.test('aaaaaa');
      } catch (error) {
        return error instanceof ExpressionError ? 'used up' : error;
      }
    });
    expect([outcomes[0], outcomes.at(-1), outcomes.at(-2)]).toEqual([false, 'used up', 'used up']);
  });
});

describe('replaced', () => {
  const replaced = (pattern: string, target: string, text: string) =>
    new BoundedReplacement(pattern, target).replace(text);

  test.each([
    ['HK', 'Hong Kong', 'HK 1 | HK 2', 'Hong Kong 1 | Hong Kong 2'],
    ['(?i)hk', 'X', 'hk HK', 'X X'],
    ['(\\w+)-(\\d+)', '$2.$1', 'hk-01 jp-2', '01.hk 2.jp'],
    ['(?<place>\\p{Han}+)\\s*(\\d)', '${place}#$1', '香港 1', '香港#1'],
    ['(a)|(b)', '[$1$2]', 'ab', '[a][b]'],
    ['a|ab', 'x', 'ab', 'xb'],
    ['a+?', 'x', 'aa', 'xx'],
    ['a*', '-', 'baac', '-b--c-'],
    ['', '.', 'ab', '.a.b.'],
    ['^', '> ', 'a', '> a'],
    ['(?<=x)a', 'b', 'xa a', 'xb a'],
    ['🇭🇰\\s*', '', '🇭🇰 01', '01'],
    ['.', '$&$0', 'ab', 'aabb'],
    ['a', '$$1 $9 ${no} $', 'a', '$1 $9 ${no} $'],
    ['(?:(a)|b)+', '$1', 'ab', 'a'],
  ])('%s by %s', (pattern, target, text, expected) => {
    expect(replaced(pattern, target, text)).toBe(expected);
  });

  test('as JavaScript does it, for whatever both can read', () => {
    const part = fc.constantFrom(
      'a',
      'b',
      '(a|b)',
      '(a+)',
      '(b*?)',
      '[ab]',
      '(?:ab)?',
      '(a|ab)',
      'x',
      '.',
      '(?=b)',
      '$',
    );
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'x'), maxLength: 10 });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), text, (parts, name) => {
        const pattern = parts.join('');
        const groups = [...pattern.matchAll(/\((?!\?)/g)].length;
        const target = `<$&${Array.from({ length: groups }, (_, i) => `,$${i + 1}`).join('')}>`;
        expect(replaced(pattern, target, name)).toBe(name.replace(new RegExp(pattern, 'gu'), target));
      }),
      runs(500),
    );
  });

  test('none takes long, and none becomes long', () => {
    const name = 'a'.repeat(255);
    for (const pattern of ['(a+)+$', '(a|a)*b', '(?:(?:a*)*)*c', '(a*)*', '(?:a{1,200}){1,20}b', '((?!(a|aa)+c).)*d'])
      expect(() => {
        try {
          replaced(pattern, '$1', name);
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
        }
      }).not.toThrow();
    expect(() => replaced('a?', '$&'.repeat(100), name)).toThrow('too long a text');
  });

  test('hostile patterns and targets fail as expressions do, or not at all', () => {
    const odd = fc.string({ unit: fc.constantFrom(...Array.from('ab()[]{}?*+|^$\\.<>:=!-,019 "\'')), maxLength: 25 });
    fc.assert(
      fc.property(odd, odd, fc.string({ maxLength: 40 }), (pattern, target, name) => {
        try {
          expect(typeof replaced(pattern, target, name)).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(ExpressionError);
        }
      }),
      runs(1000),
    );
  });
});
