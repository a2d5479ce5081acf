import { expect, test } from 'vitest';
import { depthOf } from '../../../../core/dns/names/registered-domain.ts';

test.each([
  ['com', 'suffix'],
  ['co.uk', 'suffix'],
  ['com.au', 'suffix'],
  ['ne.jp', 'suffix'],
  ['google.com', 'registered'],
  ['corp.de', 'registered'],
  ['bbc.co.uk', 'registered'],
  ['abc.net.au', 'registered'],
  ['corp.example.com', 'deeper'],
  ['intra.firma.de', 'deeper'],
  ['office.bbc.co.uk', 'deeper'],
  ['com.example.org', 'deeper'],
  ['lan.example', 'deeper'],
])('%s: %s', (domain, expected) => {
  expect(depthOf(domain)).toBe(expected);
});
