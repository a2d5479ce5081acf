import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeSocks5Method,
  encodeSocks5PasswordStatus,
  encodeSocks5Reply,
  parseSocks5Greeting,
  parseSocks5Password,
  parseSocks5Request,
} from '../../../core/net/socks5.ts';
import { encodeSocksAddress } from '../../../core/net/socks5-address.ts';

describe('greeting', () => {
  test('lists the methods and leaves what follows', () => {
    expect(parseSocks5Greeting(Uint8Array.of(5, 2, 0, 2, 99))).toEqual({ kind: 'ok', value: [0, 2], used: 4 });
  });

  test('waits for all methods', () => {
    for (const bytes of [[], [5], [5, 2], [5, 2, 0]]) {
      expect(parseSocks5Greeting(Uint8Array.from(bytes))).toEqual({ kind: 'more' });
    }
  });

  test('is of version 5', () => {
    expect(parseSocks5Greeting(Uint8Array.of(4)).kind).toBe('bad');
  });
});

describe('password', () => {
  test('is read as UTF-8', () => {
    const bytes = Uint8Array.of(1, 3, ...Buffer.from('bob'), 4, ...Buffer.from('pä5'), 7);
    expect(parseSocks5Password(bytes)).toEqual({ kind: 'ok', value: { username: 'bob', password: 'pä5' }, used: 10 });
  });

  test('may be empty', () => {
    expect(parseSocks5Password(Uint8Array.of(1, 0, 0))).toEqual({
      kind: 'ok',
      value: { username: '', password: '' },
      used: 3,
    });
  });

  test('has a version of its own', () => {
    expect(parseSocks5Password(Uint8Array.of(5)).kind).toBe('bad');
  });
});

describe('request', () => {
  const request = (...rest: number[]) => parseSocks5Request(Uint8Array.of(5, 1, 0, ...rest));

  test.each([
    ['IPv4', [1, 192, 0, 2, 7, 1, 187], '192.0.2.7'],
    ['IPv6', [4, 0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), 1, 1, 187], '2001:db8::1'],
    ['a name', [3, 11, ...Buffer.from('Example.COM'), 1, 187], 'example.com'],
    ['a name with a last dot', [3, 4, ...Buffer.from('a.b.'), 1, 187], 'a.b'],
    ['an address written as a name', [3, 9, ...Buffer.from('192.0.2.9'), 1, 187], '192.0.2.9'],
    ['an international name', [3, 6, ...Buffer.from('bü.de'), 1, 187], 'xn--b-eha.de'],
  ])('%s', (_what, bytes, host) => {
    const parsed = request(...bytes);
    expect(parsed).toMatchObject({ kind: 'ok', value: { command: 1, destination: { host, port: 443 } } });
  });

  test('an unknown address type is told apart from garbage', () => {
    expect(request(9, 1, 2, 3)).toMatchObject({ kind: 'ok', value: { destination: 'unsupported' } });
  });

  test.each(['', 'a b', 'x/y', 'a\0b', 'user@host'])('refuses the name %j', (name) => {
    expect(request(3, name.length, ...Buffer.from(name), 0, 80).kind).toBe('bad');
  });
});

test('replies', () => {
  expect([...encodeSocks5Method(2)]).toEqual([5, 2]);
  expect([...encodeSocks5PasswordStatus(true)]).toEqual([1, 0]);
  expect([...encodeSocks5PasswordStatus(false)]).toEqual([1, 1]);
  expect([...encodeSocks5Reply(5)]).toEqual([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
});

describe('properties', () => {
  const parsers = [parseSocks5Greeting, parseSocks5Password, parseSocks5Request];

  test('arbitrary bytes never throw, and what is used was there', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        for (const parse of parsers) {
          const parsed = parse(bytes);
          if (parsed.kind === 'ok') expect(parsed.used).toBeLessThanOrEqual(bytes.length);
        }
      }),
    );
  });

  test('a prefix of something valid asks for more', () => {
    const hosts = fc.oneof(fc.ipV4(), fc.domain());
    fc.assert(
      fc.property(hosts, fc.nat(65_535), fc.nat(20), (host, port, cut) => {
        const whole = Uint8Array.of(5, 1, 0, ...encodeSocksAddress({ host, port }));
        expect(parseSocks5Request(whole)).toMatchObject({ kind: 'ok', used: whole.length });
        const part = whole.subarray(0, Math.min(cut, whole.length - 1));
        expect(parseSocks5Request(part)).toEqual({ kind: 'more' });
      }),
    );
  });
});
