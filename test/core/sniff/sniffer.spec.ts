import { describe, expect, test } from 'vitest';
import { defaultConfig, type SnifferConfig } from '../../../core/contract/config.ts';
import { Sniffer } from '../../../core/sniff/sniffer.ts';

const sniffer = (changes: Partial<SnifferConfig> = {}) => new Sniffer({ ...defaultConfig.sniffer, ...changes });

test.each([
  ['tcp', 443, ['tls']],
  ['tcp', 80, ['http']],
  ['tcp', 8500, ['http']],
  ['tcp', 22, []],
  ['udp', 443, ['quic']],
  ['udp', 80, []],
] as const)('by default, in %s flows to port %i: %j', (network, port, protocols) => {
  expect(sniffer().protocolsAt(network, port)).toEqual(protocols);
});

test('one port may be of several protocols', () => {
  expect(sniffer({ tls: ['1-65535'], http: ['1-65535'] }).protocolsAt('tcp', 9)).toEqual(['tls', 'http']);
});

test('sources and destinations that are never looked at, of both families', () => {
  const careful = sniffer({ skipSource: ['10.0.0.0/8'], skipDestination: ['192.0.2.7', '2001:db8::/32'] });
  expect(careful.mayLook('10.1.2.3', '203.0.113.1')).toBe(false);
  expect(careful.mayLook('11.1.2.3', '192.0.2.7')).toBe(false);
  expect(careful.mayLook('11.1.2.3', '2001:db8::9')).toBe(false);
  expect(careful.mayLook('11.1.2.3', '192.0.2.8')).toBe(true);
  expect(careful.mayLook('11.1.2.3', 'web.example')).toBe(true);
});

test('names that are looked for all the same, and names that are not believed', () => {
  const careful = sniffer({ enabled: true, forceDomain: ['+.web.example'], skipDomain: ['*.push.example'] });
  expect([careful.isForced('a.web.example'), careful.isForced('other.example')]).toEqual([true, false]);
  expect([careful.believes('a.push.example'), careful.believes('push.example')]).toEqual([false, true]);
  expect(sniffer({ forceDomain: ['+.web.example'] }).isForced('a.web.example')).toBe(false); // it is off
});

describe('refused, with its place', () => {
  test.each([
    [{ tls: ['0'] }, 'sniffer.tls[0]'],
    [{ http: ['80', '90-80'] }, 'sniffer.http[1]'],
    [{ quic: ['70000'] }, 'sniffer.quic[0]'],
    [{ skipDomain: ['a..b'] }, 'sniffer.skipDomain[0]'],
    [{ skipSource: ['lan'] }, 'sniffer.skipSource[0]'],
  ])('%j', (changes, place) => {
    expect(() => sniffer(changes)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(place) }),
    );
  });
});

test('names may be listed by sets', () => {
  const isIn = (set: string, name: string) => set === 'geosite:films' && name === 'films.example';
  const made = (changes: Partial<SnifferConfig>) => new Sniffer({ ...defaultConfig.sniffer, ...changes }, isIn);
  const forced = made({ enabled: true, forceSets: ['geosite:gone', 'geosite:films'] });
  expect(['films.example', 'other.example'].map((name) => forced.isForced(name))).toEqual([true, false]);
  expect(made({ enabled: false, forceSets: ['geosite:films'] }).isForced('films.example')).toBe(false);
  const careful = made({ skipSets: ['geosite:films'], skipDomain: ['+.one.example'] });
  expect(['films.example', 'a.one.example', 'other.example'].map((name) => careful.believes(name))).toEqual([
    false,
    false,
    true,
  ]);
});
