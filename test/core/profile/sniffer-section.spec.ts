/** Names that the sniffer looks for or does not believe, by pattern and by set. */
import { expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

test('patterns, sets, and what is neither', () => {
  const { config, wanted, problems } = loadProfile(`sniffer:
  enable: true
  force-domain: ['+.netflix.example', 'geosite:netflix', rule-set:mine]
  skip-domain: [dlg.io.example, 'geosite:private', '..bad', 'geosite:a b', geosite:private]
rule-providers:
  mine: {type: inline, behavior: domain, payload: [mine.example]}
rules: ['GEOSITE,netflix,DIRECT', 'MATCH,DIRECT']
`);
  expect(config?.sniffer).toMatchObject({
    forceDomain: ['+.netflix.example'],
    forceSets: ['geosite:netflix', 'rule-set:mine'],
    skipDomain: ['dlg.io.example'],
    skipSets: ['geosite:private'],
  });
  expect(wanted?.sets.map(({ name }) => name)).toEqual(['geosite:netflix', 'rule-set:mine', 'geosite:private']);
  expect(config?.sets.map(({ name }) => name)).toEqual(['geosite:netflix', 'rule-set:mine', 'geosite:private']);
  const told = problems.map(({ code, path }) => `${code} ${path}`);
  expect(told.filter((each) => each.startsWith('SNIFF'))).toEqual([
    'SNIFF_LEFT_OUT sniffer.skip-domain[2]',
    'SNIFF_LEFT_OUT sniffer.skip-domain[3]',
  ]);
  // What rules name as well is told there.
  expect(told).toContain('SET_MISSING sniffer');
  expect(told).toContain('SET_MISSING rules');
});

test('an empty list is one, and none leaves what is usual', () => {
  const of = (keys: string) => loadProfile(`sniffer: {${keys}}\nrules: ['MATCH,DIRECT']\n`).config?.sniffer;
  expect(of('skip-domain: []')).toMatchObject({ skipDomain: [] });
  expect(of('enable: true')).toMatchObject({ skipDomain: ['+.push.apple.com'] });
  expect(of('skip-domain: geosite:apple')).toMatchObject({ skipDomain: [], skipSets: ['geosite:apple'] });
});
