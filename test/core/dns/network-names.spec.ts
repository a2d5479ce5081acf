import { expect, test } from 'vitest';
import { NetworkNames } from '../../../core/dns/network-names.ts';

const searchList = { domains: ['home.example', 'corp.example'], revision: 3 };
const names = new NetworkNames(searchList, (name) => name.endsWith('vpn.corp.example'));

test.each([
  ['nas.home.example', true],
  ['a.b.corp.example', true],
  ['corp.example', true],
  ['notcorp.example', false],
  ['example', false],
  ['www.example.com', false],
])('%s is in the search list: %s', (name, expected) => {
  expect(names.isSearched(name)).toBe(expected);
});

test('a name that a rule is about is left to the rule', () => {
  expect([names.isSearched('vpn.corp.example'), names.includes('vpn.corp.example')]).toEqual([false, false]);
});

test.each([
  ['nas', true],
  ['', false],
  ['nas.lan', true],
  ['printer.local', true],
  ['nas.home.arpa', true],
  ['1.0.168.192.in-addr.arpa', true],
  ['4.3.31.172.in-addr.arpa', true],
  ['4.3.32.172.in-addr.arpa', false],
  ['1.0.18.198.in-addr.arpa', false],
  ['nas.home.example', true],
  ['atlan', true],
  ['www.atlan.com', false],
])('the network itself is asked about %s: %s', (name, expected) => {
  expect(names.includes(name)).toBe(expected);
});
