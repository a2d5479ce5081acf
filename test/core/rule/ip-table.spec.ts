import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesToIp } from '../../../core/base/address.ts';
import { type Cidr, cidrContains, parseCidr } from '../../../core/base/cidr.ts';
import { IpTable } from '../../../core/rule/ip-table.ts';
import { noRule } from '../../../core/rule/no-rule.ts';

function cidr(text: string): Cidr {
  return parseCidr(text) ?? expect.unreachable(`${text} is no prefix`);
}

test('the lowest index wins, whether the wider or the narrower prefix has it', () => {
  const table = new IpTable([
    { cidr: cidr('10.0.0.0/8'), index: 5 },
    { cidr: cidr('10.1.0.0/16'), index: 2 },
    { cidr: cidr('10.1.2.0/24'), index: 7 },
    { cidr: cidr('0.0.0.0/0'), index: 9 },
    { cidr: cidr('255.255.255.255/32'), index: 1 },
  ]);
  const found = ['10.0.0.1', '10.1.0.0', '10.1.2.3', '10.1.255.255', '10.2.0.0', '0.0.0.0', '255.255.255.255'];
  expect(found.map((ip) => table.lookup(ip))).toEqual([5, 2, 2, 2, 5, 9, 1]);
  expect(table.lookup('::1')).toBe(noRule);
});

test('an empty table holds nothing', () => {
  expect(new IpTable([]).lookup('10.0.0.1')).toBe(noRule);
});

test('agrees with testing every prefix, in both families', () => {
  // Few distinct high bytes, so that prefixes nest and touch.
  const address = fc.oneof(
    fc.tuple(fc.constantFrom(0, 10, 255), fc.constantFrom(0, 127, 128, 255), fc.nat(255), fc.nat(255)),
    fc
      .tuple(fc.constantFrom(0, 0x20), fc.constantFrom(0, 1, 255), fc.nat(255), fc.nat(255))
      .map(([a, b, c, d]) => [a, b, 0, 0, 0, 0, c, 0, 0, 0, 0, 0, 0, 0, 9, d]),
  );
  const ip = address.map((bytes) => bytesToIp(Uint8Array.from(bytes)));
  const prefix = fc
    .tuple(ip, fc.nat(128))
    .map(([text, length]) => cidr(`${text}/${text.includes(':') ? length : length % 33}`));
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 30 }), fc.array(ip, { minLength: 1, maxLength: 20 }), (prefixes, ips) => {
      const table = new IpTable(prefixes.map((entry, index) => ({ cidr: entry, index })).toReversed());
      for (const one of ips) {
        const first = prefixes.findIndex((entry) => cidrContains(entry, one));
        expect(table.lookup(one)).toBe(first < 0 ? noRule : first);
      }
    }),
    { numRuns: 500 },
  );
});
