import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DomainTrie,
  domainPatternProblem,
  isWithinDomain,
  normaliseDomain,
  parentDomain,
} from '../../../core/base/domain.ts';

test('one spelling', () => {
  expect(normaliseDomain('WWW.Example.COM.')).toBe('www.example.com');
  expect(isWithinDomain('a.example.com', 'example.com') && isWithinDomain('example.com', 'example.com')).toBe(true);
  expect(isWithinDomain('notexample.com', 'example.com')).toBe(false);
  expect(parentDomain('a.b.c')).toBe('b.c');
  expect(parentDomain('localhost')).toBe('');
});

test('letters beyond ASCII are what they are: no name becomes another one', () => {
  expect(normaliseDomain('\u212A.Example')).toBe('\u212A.example');
  expect(normaliseDomain('\u0130.EXAMPLE.')).toBe('\u0130.example');
});

describe('patterns', () => {
  const trie = new DomainTrie<string>();
  for (const pattern of [
    'example.com',
    '*.example.com',
    '+.example.com',
    '.below.org',
    '+.plus.org',
    '*.*.two.net',
    'time.*.com',
  ]) {
    test(`${pattern} is taken`, () => expect(trie.insert(pattern, pattern)).toBeUndefined());
  }

  test.each([
    ['example.com', 'example.com'],
    ['a.example.com', '*.example.com'],
    ['a.b.example.com', '+.example.com'],
    ['below.org', undefined],
    ['x.below.org', '.below.org'],
    ['x.y.below.org', '.below.org'],
    ['plus.org', '+.plus.org'],
    ['x.y.plus.org', '+.plus.org'],
    ['a.b.two.net', '*.*.two.net'],
    ['b.two.net', undefined],
    ['time.apple.com', 'time.*.com'],
    ['time.com', undefined],
    ['other.net', undefined],
    ['', undefined],
  ])('%s -> %s', (name, pattern) => expect(trie.lookup(name)).toBe(pattern));

  test('an international label is the same however it is written and asked', () => {
    const names = new DomainTrie<string>();
    for (const pattern of ['b\u00FCcher.example', '+.\u00C9cole.example', 'xn--mnchen-3ya.*']) {
      expect(names.insert(pattern, pattern)).toBeUndefined();
    }
    expect(names.lookup('xn--bcher-kva.example')).toBe('b\u00FCcher.example');
    expect(names.lookup('b\u00FCcher.example')).toBe('b\u00FCcher.example');
    expect(names.lookup('a.xn--cole-9oa.example')).toBe('+.\u00C9cole.example');
    expect(names.lookup('m\u00FCnchen.example')).toBe('xn--mnchen-3ya.*');
  });

  test('one dot at the end is the root', () => {
    const names = new DomainTrie<string>();
    expect(names.insert('+.a.example.', 'x')).toBeUndefined();
    expect(names.lookup('b.a.example')).toBe('x');
  });

  test.each(['', '.', '+.', '..dev', 'a..b', ' a', 'a ', '*x.com', 'a.+.b', 'a.b..', 'https://a.b', 'a.b/c', 'a,b'])(
    '%j is invalid and says why',
    (pattern) => {
      expect(domainPatternProblem(pattern)).toMatch(/\w+/);
      expect(trie.insert(pattern, 'x')).toBe(domainPatternProblem(pattern));
    },
  );

  test('an exact pattern is found for its name, `+.` for everything below, whatever the labels', () => {
    const label = fc.stringMatching(/^[a-z0-9_-]{1,10}$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), label, (labels, more) => {
        const name = labels.join('.');
        const one = new DomainTrie<number>();
        one.insert(name, 1);
        expect(one.lookup(name)).toBe(1);
        expect(one.lookup(`${more}.${name}`)).toBeUndefined();
        const below = new DomainTrie<number>();
        below.insert(`+.${name}`, 2);
        expect(below.lookup(`${more}.${name}`)).toBe(2);
      }),
    );
  });

  test('arbitrary names never throw', () => {
    fc.assert(fc.property(fc.string(), (name) => void trie.lookup(normaliseDomain(name))));
  });
});
