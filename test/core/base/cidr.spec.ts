import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numberToIpv4 } from '../../../core/base/address.ts';
import {
  cidrContains,
  cidrWithout,
  firstInside,
  formatCidr,
  ipv4InRange,
  ipv4Range,
  parseCidr,
} from '../../../core/base/cidr.ts';

test('prefixes are read with their range; host bits are allowed and cleared', () => {
  const cidr = parseCidr('198.18.3.4/15');
  expect(cidr && formatCidr(cidr)).toBe('198.18.0.0/15');
  expect(cidr && ipv4Range(cidr)).toEqual({ first: 0xc612_0000, last: 0xc613_ffff });
  const six = parseCidr('2001:DB8:ffff::1/33');
  expect(six && formatCidr(six)).toBe('2001:db8:8000::/33');
  const { first, last, prefix } = parseCidr('2001:db8:8000::/96') ?? {};
  expect(six && firstInside(six, 96)).toMatchObject({ family: 6, first, last, prefix });
  expect(parseCidr('192.0.2.1')?.prefix).toBe(32);
  expect(parseCidr('2001:db8::/32')).toMatchObject({ family: 6, prefix: 32 });
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '::/129',
    'x/8',
    '10.0.0/8',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
  ])
    expect(parseCidr(text), text).toBeUndefined();
});

test.each([
  ['::ffff:198.18.5.138/128', '198.18.5.138/32'],
  ['::ffff:198.18.5.138', '198.18.5.138/32'],
  ['::FFFF:10.0.0.0/104', '10.0.0.0/8'],
  ['::ffff:a01:203/112', '10.1.0.0/16'],
  ['0:0:0:0:0:ffff:192.0.2.77/120', '192.0.2.0/24'],
  ['::ffff:0:0/96', '0.0.0.0/0'],
  ['::ffff:10.0.0.0/8', '::/8'],
  ['::ffff:10.0.0.0/95', '::fffe:0:0/95'],
  ['::1.2.3.4', '::102:304/128'],
  ['::1.2.3.4/96', '::/96'],
  ['64:ff9b::10.0.0.1/104', '64:ff9b::a00:0/104'],
  ['::ffff:0:10.0.0.1/104', '::ffff:0:a00:0/104'],
])('%s is %s: mapped IPv4 from length 96 on, IPv6 else', (text, expected) => {
  const cidr = parseCidr(text);
  expect(cidr && formatCidr(cidr)).toBe(expected);
  expect(cidr?.family).toBe(expected.includes(':') ? 6 : 4);
  const again = parseCidr(expected);
  expect([cidr?.first, cidr?.last, cidr?.prefix]).toEqual([again?.first, again?.last, again?.prefix]);
});

test('containment is what the bits say', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.integer({ min: 0, max: 32 }),
      (network, address, prefix) => {
        const cidr = parseCidr(`${numberToIpv4(network)}/${prefix}`);
        const same = prefix === 0 || network >>> (32 - prefix) === address >>> (32 - prefix);
        expect(cidr && cidrContains(cidr, numberToIpv4(address))).toBe(same);
        if (cidr) expect(ipv4InRange(numberToIpv4(address), ipv4Range(cidr).first, ipv4Range(cidr).last)).toBe(same);
      },
    ),
  );
  const six = parseCidr('2001:db8::/33');
  expect(
    six &&
      cidrContains(six, '2001:db8:7fff::1') &&
      !cidrContains(six, '2001:db8:8000::1') &&
      !cidrContains(six, '10.0.0.1'),
  ).toBe(true);
});

test.each([
  ['198.16.0.0/14', '198.18.0.0/15', ['198.16.0.0/15']],
  ['198.18.0.0/15', '198.18.0.0/15', []],
  ['198.18.3.0/24', '198.18.0.0/15', []],
  ['10.0.0.0/8', '198.18.0.0/15', ['10.0.0.0/8']],
  ['0.0.0.0/2', '10.0.0.0/8', ['0.0.0.0/5', '8.0.0.0/7', '11.0.0.0/8', '12.0.0.0/6', '16.0.0.0/4', '32.0.0.0/3']],
  ['2001:db8::/32', '2001:db8:8000::/34', ['2001:db8::/33', '2001:db8:c000::/34']],
  ['2001:db8::/32', '10.0.0.0/8', ['2001:db8::/32']],
])('%s without %s', (text, hole, left) => {
  const [cidr, other] = [parseCidr(text), parseCidr(hole)];
  expect(cidr && other && cidrWithout(cidr, other).map(formatCidr)).toEqual(left);
});
