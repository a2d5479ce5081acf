import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseDomain } from '../../../core/base/domain.ts';
import {
  isLoopbackName,
  mayBePublicHost,
  type SpecialUse,
  specialUseOf,
  specialZoneOf,
  specialZones,
} from '../../../core/base/special-names.ts';

const zeros = (count: number): string => '0.'.repeat(count);

/** Written out by hand from the registries, not taken from the table under test. */
test.each<[SpecialUse, string, readonly string[]]>([
  ['loopback', 'RFC 6761', ['localhost', 'app.localhost', 'a.b.localhost']],
  ['absent', 'RFC 6761', ['invalid', 'foo.invalid', 'a.b.c.invalid']],
  ['unless-configured', 'RFC 6761', ['test', 'shop.test', 'api.shop.test']],
  ['ordinary', 'RFC 6761', ['www.example', 'example.com', 'www.example.net', 'www.example.org']],
  [
    'unless-configured',
    'RFC 7686',
    ['onion', 'x.onion', 'www.duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion'],
  ],
  ['unless-configured', 'RFC 9476', ['alt', 'x.alt', 'a.gns.alt']],
  ['network', 'RFC 6762', ['printer.local', '_ipp._tcp.local', 'b._dns-sd._udp.local']],
  ['network', 'RFC 8375', ['home.arpa', 'nas.home.arpa']],
  ['network', 'RFC 9665', ['service.arpa', 'default.service.arpa', 'x._ipp._tcp.default.service.arpa']],
  ['network', 'RFC 8880', ['ipv4only.arpa', '170.0.0.192.in-addr.arpa', '171.0.0.192.in-addr.arpa']],
  ['empty', 'RFC 9462', ['resolver.arpa', '_dns.resolver.arpa']],
  ['absent', 'RFC 9031', ['6tisch.arpa', 'x.6tisch.arpa']],
  ['absent', 'RFC 9140', ['eap-noob.arpa']],
  ['absent', 'RFC 9965', ['eap.arpa', 'provisioning.eap.arpa']],
  ['network', 'ICANN', ['internal', 'db.internal', 'a.b.internal']],
  ['network', 'RFC 6762', ['nas.lan', 'router.home', 'wiki.corp', 'x.intranet', 'y.private']],
  ['network', 'in use', ['host.localdomain', 'fritz.box', 'nas.fritz.box']],
  [
    'network',
    'RFC 6761',
    ['4.3.2.10.in-addr.arpa', '1.1.168.192.in-addr.arpa', '1.0.16.172.in-addr.arpa', '9.9.31.172.in-addr.arpa'],
  ],
  ['network', 'RFC 7793', ['1.0.64.100.in-addr.arpa', '1.0.127.100.in-addr.arpa']],
  ['network', 'RFC 6762', ['1.2.254.169.in-addr.arpa', `1.${zeros(28)}8.e.f.ip6.arpa`, `1.${zeros(28)}b.e.f.ip6.arpa`]],
  ['network', 'RFC 6303', [`1.${zeros(29)}d.f.ip6.arpa`, 'd.f.ip6.arpa', 'c.f.ip6.arpa']],
  ['absent', 'RFC 6303', ['0.0.0.0.in-addr.arpa', '1.0.0.127.in-addr.arpa', '255.255.255.255.in-addr.arpa']],
  ['absent', 'RFC 6303', ['1.2.0.192.in-addr.arpa', '80.100.51.198.in-addr.arpa', '80.113.0.203.in-addr.arpa']],
  ['absent', 'RFC 6303', [`${zeros(32)}ip6.arpa`, `1.${zeros(31)}ip6.arpa`, `1.${zeros(23)}8.b.d.0.1.0.0.2.ip6.arpa`]],
  ['network', 'RFC 6762', ['nas', 'kubernetes', 'localdomain1', 'com']],
  ['absent', 'RFC 3696', ['1.2.3.4', 'a.b.7', '12345']],
])('%s (%s): %j', (use, source, names) => {
  for (const name of names) {
    expect(specialUseOf(name), name).toBe(use);
    expect(specialZoneOf(name)?.source, name).toContain(source);
  }
});

test.each([
  '',
  'com.',
  'www.example.de',
  'notlocalhost.de',
  'localhost.example.de',
  'onion.ly',
  'xonion.de',
  'test.de',
  'mylan.com',
  'lan.de',
  'box',
  '1.0.15.172.in-addr.arpa',
  '1.0.32.172.in-addr.arpa',
  '1.0.63.100.in-addr.arpa',
  '1.0.128.100.in-addr.arpa',
  '172.0.0.192.in-addr.arpa',
  '1.0.18.198.in-addr.arpa',
  '8.8.8.8.in-addr.arpa',
  'e.f.ip6.arpa',
  'arpa.',
  'in-addr.arpa',
])('%j is not special', (name) => {
  expect(specialUseOf(name)).toBe(name === 'box' ? 'network' : 'ordinary');
});

test('every row has its source, and no zone has two', () => {
  expect(new Set(specialZones.map(({ zone }) => zone)).size).toBe(specialZones.length);
  for (const { zone, source } of specialZones) {
    expect(source, zone).not.toBe('');
    expect(normaliseDomain(zone), zone).toBe(zone);
    expect(specialUseOf(`x.${zone}`)).toBe(specialUseOf(zone));
  }
});

test.each<[string, boolean]>([
  ['www.example.com', true],
  ['xn--bcher-kva.example', true],
  ['b\u00FCcher.example', true],
  ['a1.b2.co', true],
  ['x.zip', true],
  [`${'a'.repeat(63)}.example.com`, true],
  [`${'a'.repeat(64)}.example.com`, false],
  [`${'abc.'.repeat(63)}com`, false],
  ['kubernetes', false],
  ['localhost', false],
  ['app.localhost', false],
  ['host.lan', false],
  ['x.onion', false],
  ['foo.invalid', false],
  ['foo.test', false],
  ['192.0.2.1', false],
  ['a.0x7f', false],
  ['_dmarc.example.com', false],
  ['foo_bar.example.com', false],
  ['-a.example.com', false],
  ['a-.example.com', false],
  ['a..example.com', false],
  ['.example.com', false],
  ['a b.example.com', false],
  ['*.example.com', false],
  ['a\\000b.example.com', false],
  ['', false],
])('%j may be the name of a public host: %s', (name, expected) => {
  expect(mayBePublicHost(name)).toBe(expected);
});

test('arbitrary names never throw, and what is special is so in any case below its zone', () => {
  fc.assert(
    fc.property(fc.string(), fc.domain(), (text, domain) => {
      mayBePublicHost(text);
      specialZoneOf(text);
      for (const name of [text, domain]) expect(specialUseOf(name)).toBe(specialZoneOf(name)?.use ?? 'ordinary');
      expect(isLoopbackName(`${domain.toLowerCase()}.localhost`)).toBe(true);
      expect(mayBePublicHost(`${domain.toLowerCase()}.onion`)).toBe(false);
    }),
  );
});
