import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainText } from '../../../renderer/text/plain-text.ts';

test('ordinary names in any script stay as they are', () => {
  for (const text of [
    'example.com',
    'zh.wikipedia.org',
    '例子.测试',
    'übung.example',
    'قناة.example',
    '👩‍💻'.replace('\u200d', ''),
  ]) {
    expect(plainText(text)).toBe(text);
  }
});

test('what reorders, hides or breaks text is taken out', () => {
  expect(plainText('evil\u202Emoc.elgoog')).toBe('evilmoc.elgoog');
  expect(plainText('\u2066a\u2069\u200e\u200fb\u061c')).toBe('ab');
  expect(plainText('a\u0000b\u0007c\u001b[31md\u007fe\u0085f')).toBe('abc[31mdef');
  expect(plainText('a\nb\r\tc')).toBe('abc');
  expect(plainText('pay\u200bpal\ufeff\u00ad')).toBe('paypal');
  expect(plainText('a\ud800b')).toBe('ab');
  expect(plainText('tag\u{e0041}\u{e007f}')).toBe('tag');
});

test('long text is cut with an ellipsis, never inside a character', () => {
  expect(plainText('x'.repeat(300))).toBe(`${'x'.repeat(255)}…`);
  expect(plainText('abcdef', 4)).toBe('abc…');
  expect(plainText('ab😀def', 4)).toBe('ab…');
  expect(plainText(`${'\u202e'.repeat(20)}ab`, 40)).toBe('ab');
});

test('whatever comes in: short, and nothing unsafe in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 1, max: 100 }), (text, max) => {
      const shown = plainText(text, max);
      expect(shown.length).toBeLessThanOrEqual(max);
      expect(shown).not.toMatch(/[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u);
      expect(shown.isWellFormed()).toBe(true);
    }),
  );
});
