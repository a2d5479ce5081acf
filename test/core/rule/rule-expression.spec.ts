import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileExpression, expressionProblem, isPerlOnly } from '../../../core/rule/rule-expression.ts';

test.each([
  ['^(?!ads)', false],
  ['(?<=a)b', false],
  ['(a)\\1', true],
  ['(?<n>a)\\k<n>', true],
  ['(?<n>a)', false],
  ['a\\\\1', false],
  ['(?i:a)', false],
])('whether %s is not supported yet: %s', (expression, isBeyond) => {
  expect(isPerlOnly(expression)).toBe(isBeyond);
});

test.each([
  ['(a)\\1', /invalid escape sequence/],
  ['a**', /invalid nested repetition|missing argument|bad repetition/],
  ['(', /missing closing/],
  ['(?=a', /./],
  ['[z-a]', /invalid character class range/],
  ['a{1001}', /invalid repeat count/],
  ['(?:[a-z]{100}){10}|(?:[a-z]{100}){10}|(?:[a-z]{100}){10}', /too large/],
  ['(?=a)b{500}', /too large/],
])('%s cannot be used, and why', (expression, reason) => {
  expect(expressionProblem(expression)).toMatch(reason);
});

test.each([
  ['^(?=.*a)(?!.*b)', 'xay', true],
  ['^(?=.*a)(?!.*b)', 'xab', false],
  ['^(?!SSH).*D$', 'telnetd', true],
  ['^(?!ssh).*d$', 'SSHD', false],
  ['(?<!\\.)example$', 'a.example', false],
  ['(?<!\\.)example$', 'an-example', true],
  ['(?<=^|\\.)cdn(?=\\d)', 'a.cdn7', true],
])('%s of %s: %s, in any case', (expression, text, matches) => {
  const compiled = compileExpression(expression);
  expect(compiled.isLinear).toBe(false);
  expect(compiled.test(text)).toBe(matches);
});

test('what would take too many steps does not match, and the next text is tried anew', () => {
  const cruel = compileExpression('(?=(?:(?:a|aa)*b|(?:a|aa)*c|(?:a|aa)*d){2})(?<=x.*)y');
  expect(cruel.test('a'.repeat(250))).toBe(false);
  expect(cruel.test('a'.repeat(4_000))).toBe(false);
  for (let i = 0; i < 2_000; i++) compileExpression('(?=a)a').test('a');
  const often = compileExpression('(?=a)a');
  for (let i = 0; i < 100_000; i++) if (!often.test('ba')) expect.unreachable('steps are counted for each text');
});

test('as JavaScript has it, for expressions that mean the same there', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]');
  const repeated = fc.tuple(atom, fc.constantFrom('', '*', '+', '?')).map((parts) => parts.join(''));
  const plain = fc.array(repeated, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
  const look = fc
    .tuple(fc.constantFrom('(?=', '(?!', '(?<=', '(?<!'), plain)
    .map(([open, inner]) => `${open}${inner})`);
  const expression = fc.tuple(fc.option(fc.constant('^')), plain, look, plain, fc.option(fc.constant('$')));
  fc.assert(
    fc.property(expression, fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 }), (parts, text) => {
      const written = parts.map((part) => part ?? '').join('');
      expect(compileExpression(written).test(text)).toBe(new RegExp(written, 'iu').test(text));
    }),
  );
});
