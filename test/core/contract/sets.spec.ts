import { expect, test } from 'vitest';
import { configSchema, defaultConfig } from '../../../core/contract/config.ts';
import { setNameOf } from '../../../core/contract/sets.ts';

test('a set is named by its type and payload, geodata in any case', () => {
  expect(setNameOf('RULE-SET', 'My List')).toBe('rule-set:My List');
  expect(setNameOf('GEOSITE', 'Google@CN')).toBe('geosite:google@cn');
  expect(setNameOf('GEOIP', 'CN')).toBe(setNameOf('SRC-GEOIP', 'cn'));
  expect(setNameOf('IP-ASN', '13335')).toBe('asn:13335');
});

test('a configuration of before there were sets has none', () => {
  const { sets: _, ...before } = defaultConfig;
  expect(configSchema.parse(before)).toEqual(defaultConfig);
});
