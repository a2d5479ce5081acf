import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numberToIpv4 } from '../../../../core/base/address.ts';
import { FakeIp6Range } from '../../../../core/dns/fake-ip/fake-ip6-range.ts';

test('the IPv4 address stands in the last 32 bits, and is found there again', () => {
  const range = new FakeIp6Range('fdfe:dcba:9877::/96');
  expect(range.addressOf('198.18.1.2')).toBe('fdfe:dcba:9877::c612:102');
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 1), (number) => {
      const ip = numberToIpv4(number);
      expect(range.embeddedIn(range.addressOf(ip))).toBe(ip);
    }),
  );
  for (const foreign of ['fdfe:dcba:9877:1::c612:102', 'fdfe:dcba:9876::c612:102', '::c612:102', '198.18.1.2'])
    expect(range.embeddedIn(foreign), foreign).toBeUndefined();
});

test('of a larger prefix the first /96 is used; host bits are dropped', () => {
  expect(new FakeIp6Range('fdfe:dcba:9876::1/64').text).toBe('fdfe:dcba:9876::/96');
  expect(new FakeIp6Range('2001:db8:ffff::/33').text).toBe('2001:db8:8000::/96');
});

test.each(['198.18.0.0/15', 'fdfe::/97', 'fdfe::', 'everything'])('%s is refused', (text) => {
  expect(() => new FakeIp6Range(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});
