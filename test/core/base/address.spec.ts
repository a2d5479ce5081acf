import net from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesToIp,
  formatEndpoint,
  ipFamily,
  ipToBigInt,
  ipToBytes,
  ipv4ToNumber,
  isLoopback,
  isMulticast,
  numberToIpv4,
  parseEndpoint,
  parseIp,
} from '../../../core/base/address.ts';

describe('addresses', () => {
  test('only strict textual addresses are read, in canonical form', () => {
    for (const [text, ip] of [
      ['192.0.2.1', '192.0.2.1'],
      ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['::', '::'],
      ['0:0:0:0:0:FFFF:192.0.2.1', '192.0.2.1'],
      ['::ffff:c000:201', '192.0.2.1'],
      ['::1.2.3.4', '::102:304'],
      ['::0.0.0.1', '::1'],
      ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
      ['::ffff:0:192.0.2.1', '::ffff:0:c000:201'],
      ['2001:db8:1:2:3:4:192.0.2.1', '2001:db8:1:2:3:4:c000:201'],
    ])
      expect(parseIp(text ?? '')).toBe(ip);
    for (const text of [
      '127.1',
      '010.0.0.1',
      '1.2.3.256',
      '1.2.3',
      '1.2.3.4.5',
      '',
      ' 1.2.3.4',
      'fe80::1%eth0',
      'example.com',
      ':::',
      '0x7f.0.0.1',
      '::ffff:127.1',
      '::ffff:01.2.3.4',
      '::1.2.3.4:5',
      '1.2.3.4::',
      '1:2:3:4:5:6:7:1.2.3.4',
    ]) {
      expect(parseIp(text), text).toBeUndefined();
    }
  });

  test('what Node takes for an address is one, and no more', () => {
    const group = fc.oneof(fc.constantFrom('', '0', '1', 'ffff', 'FFFF', 'db8', '00001', 'g'), fc.ipV4());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV6(),
          fc.array(group, { maxLength: 9 }).map((groups) => groups.join(':')),
        ),
        (text) => {
          expect(parseIp(text) !== undefined, text).toBe(net.isIP(text) !== 0);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('numbers and bytes give the same address back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => ipv4ToNumber(numberToIpv4(value)) === value),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const ip = bytesToIp(bytes);
        expect(parseIp(ip)).toBe(ip);
        if (ipFamily(ip) === 6) expect(ipToBytes(ip)).toEqual(bytes);
      }),
    );
    expect(ipToBigInt('::1')).toBe(1n);
    expect(() => bytesToIp(new Uint8Array(5))).toThrow(/\w/);
  });

  test('arbitrary text never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseIp(text);
        parseEndpoint(text);
      }),
    );
  });

  test('classes', () => {
    expect(isLoopback('127.8.8.8') && isLoopback('::1') && !isLoopback('10.0.0.1')).toBe(true);
    expect(
      isMulticast('239.1.1.1') &&
        isMulticast('ff02::fb') &&
        isMulticast('255.255.255.255') &&
        !isMulticast('223.255.255.255') &&
        !isMulticast('240.0.0.1'),
    ).toBe(true);
  });

  test('endpoints', () => {
    expect(parseEndpoint('[2001:db8::1]:53')).toEqual({ host: '2001:db8::1', port: 53 });
    expect(parseEndpoint('example.com:443')).toEqual({ host: 'example.com', port: 443 });
    for (const text of ['example.com', 'a:b:1', 'x:65536', ':1', 'x:-1', 'x:'])
      expect(parseEndpoint(text), text).toBeUndefined();
    for (const endpoint of [
      { host: '::1', port: 1 },
      { host: 'a.b', port: 65_535 },
    ])
      expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint);
  });
});
