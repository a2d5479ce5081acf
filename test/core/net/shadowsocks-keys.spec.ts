import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shadowsocksCiphers } from '../../../core/contract/proxy-config.ts';
import { shadowsocksKeys } from '../../../core/net/shadowsocks-keys.ts';

test('a password becomes the key that OpenSSL makes of it', () => {
  // openssl enc -aes-256-cbc -md md5 -nosalt -P -k 'a password'
  const key = 'b51bfcfa2e352e4de32560f74b0cff3f9ae4ebd6e061a201068c323efc6beaa2';
  expect(Buffer.from(shadowsocksKeys('aes-256-gcm', 'a password')?.key ?? []).toString('hex')).toBe(key);
  expect(Buffer.from(shadowsocksKeys('aes-128-gcm', 'a password')?.key ?? []).toString('hex')).toBe(key.slice(0, 32));
});

test('of 2022, keys of servers come before that of the user', () => {
  const texts = [1, 2, 3].map((fill) => Buffer.alloc(32, fill).toString('base64'));
  const keys = shadowsocksKeys('2022-blake3-aes-256-gcm', texts.join(':'));
  expect([keys?.identities.map(([first]) => first), keys?.key[0]]).toEqual([[1, 2], 3]);
});

test('any text gives keys of one length, or none', () => {
  fc.assert(
    fc.property(fc.constantFrom(...shadowsocksCiphers), fc.string(), (cipher, text) => {
      const keys = shadowsocksKeys(cipher, text);
      const lengths = new Set([keys?.key, ...(keys?.identities ?? [])].map((each) => each?.length));
      expect(lengths.size).toBe(1);
    }),
  );
});
