import { expect, test } from 'vitest';
import { namedParts, nameSetOf } from '../../../core/profile/name-set.ts';

test.each([
  ['geosite:CN', 'geosite:cn'],
  ['GEOSITE:google@cn', 'geosite:google@cn'],
  ['geosite:!cn', 'geosite:!cn'],
  ['rule-set:My List', 'rule-set:My List'],
  ['geosite:', undefined],
  ['geosite:a b', undefined],
  ['+.example.com', undefined],
])('%s', (text, name) => {
  expect(nameSetOf(text)).toBe(name);
});

test('several in one key', () => {
  expect(namedParts('geosite:cn, private,apple@cn')).toEqual(['geosite:cn', 'geosite:private', 'geosite:apple@cn']);
  expect(namedParts('rule-set:a,b')).toEqual(['rule-set:a', 'rule-set:b']);
  expect(namedParts('+.a.example,*.b.example')).toEqual(['+.a.example', '*.b.example']);
});
