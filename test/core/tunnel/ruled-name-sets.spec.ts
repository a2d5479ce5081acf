import { expect, test } from 'vitest';
import { finish } from '../../../core/base/steps.ts';
import type { SetConfig } from '../../../core/contract/sets.ts';
import { LoadedSets } from '../../../core/helper/set-shelf.ts';
import { inlineSet } from '../../../core/provider/formats/read-set.ts';
import { readCanonicalSet } from '../../../core/rule/sets/set-reader.ts';
import { RuledNameSets } from '../../../core/tunnel/ruled-name-sets.ts';

const blob = 'a'.repeat(64);

function setsOf(...written: (SetConfig & { entries: string[] })[]): RuledNameSets {
  const loaded = new LoadedSets();
  for (const { entries, ...set } of written)
    loaded.add(
      set,
      set.blob === null ? undefined : finish(readCanonicalSet(inlineSet(entries, set.behavior).bytes, set.behavior)),
    );
  return new RuledNameSets({ sets: written }, loaded);
}

test('a name is in a set as a rule of that set would say', () => {
  const sets = setsOf(
    { name: 'geosite:cn', behavior: 'classical', blob, entries: ['DOMAIN-SUFFIX,example.cn', 'DOMAIN-KEYWORD,baidu'] },
    { name: 'geosite:!cn', behavior: 'domain', blob, inverted: true, entries: ['+.example.cn'] },
    { name: 'rule-set:My List', behavior: 'domain', blob, entries: ['a.example'] },
    { name: 'rule-set:addresses', behavior: 'ipcidr', blob, entries: ['192.0.2.0/24'] },
    { name: 'rule-set:gone', behavior: 'domain', blob: null, missing: 'NOT_FETCHED', entries: [] },
  );
  const has = (set: string) => ['www.example.cn', 'www.baidu.com', 'a.example'].map((name) => sets.has(set, name));
  expect(has('geosite:cn')).toEqual([true, true, false]);
  expect(has('geosite:!cn')).toEqual([false, true, true]);
  expect(has('rule-set:My List')).toEqual([false, false, true]);
  for (const set of ['rule-set:addresses', 'rule-set:gone', 'rule-set:unknown', 'nonsense'])
    expect(has(set)).toEqual([false, false, false]);
});

test('other contents are another identity', () => {
  const one = setsOf({ name: 'geosite:cn', behavior: 'domain', blob, entries: ['a.example'] });
  const other = setsOf({ name: 'geosite:cn', behavior: 'domain', blob: 'b'.repeat(64), entries: ['b.example'] });
  expect(one.identity).not.toBe(other.identity);
});
