import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatScopedIp, isLinkLocal6, parseScopedIp } from '../../../core/base/scoped-address.ts';

test.each<[string, string | undefined]>([
  ['fe80::53%eth0', 'fe80::53%eth0'],
  ['FE80::53%wlp0s20f3', 'fe80::53%wlp0s20f3'],
  ['fe80::53%25eth0', 'fe80::53%eth0'],
  ['fe80::1%2', 'fe80::1%2'],
  ['fe80::1%25', 'fe80::1%25'],
  ['febf::1%br-lan.10', 'febf::1%br-lan.10'],
  ['fe80::53', 'fe80::53'],
  ['2001:db8::53%eth0', '2001:db8::53'],
  ['192.0.2.53', '192.0.2.53'],
  ['192.0.2.53%eth0', undefined],
  ['fe80::53%', undefined],
  ['fe80::53%a%b', undefined],
  ['fe80::53%an-interface-too-long', undefined],
  ['fe80::53%eth 0', undefined],
  ['fe80::53%../x', undefined],
  ['example.com%eth0', undefined],
  ['', undefined],
])('%j is %j', (text, expected) => {
  const scoped = parseScopedIp(text);
  expect(scoped && formatScopedIp(scoped)).toBe(expected);
});

test('what is link-local', () => {
  expect(['fe80::1', 'febf::1', 'fec0::1', 'fd00::1', 'fe8::1', '169.254.1.1'].map(isLinkLocal6)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test('arbitrary text never throws; what is read is written the same', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.ipV6(), fc.string()).map(([ip, zone]) => `${ip}%${zone}`),
      ),
      (text) => {
        const scoped = parseScopedIp(text);
        if (scoped === undefined) return;
        const again = parseScopedIp(formatScopedIp(scoped));
        if (scoped.zone?.startsWith('25') !== true) expect(again).toEqual(scoped);
      },
    ),
  );
});
