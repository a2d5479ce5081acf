import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeSocksAddress, parseSocksAddress } from '../../../core/net/socks5-address.ts';

test('what is written can be read back', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.domain(), fc.constant('2001:db8::7')), fc.nat(65_535), (host, port) => {
      const bytes = encodeSocksAddress({ host, port });
      expect(parseSocksAddress(bytes)).toEqual({ kind: 'ok', value: { host, port }, used: bytes.length });
    }),
  );
});

test('a name that does not fit is an error of the caller', () => {
  expect(() => encodeSocksAddress({ host: 'a'.repeat(256), port: 1 })).toThrow(RangeError);
  expect(() => encodeSocksAddress({ host: '', port: 1 })).toThrow(RangeError);
});
