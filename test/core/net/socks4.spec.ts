import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeSocks4Reply, parseSocks4Request } from '../../../core/net/socks4.ts';

const text = (value: string): number[] => [...Buffer.from(value)];

test('SOCKS4 has an address', () => {
  expect(parseSocks4Request(Uint8Array.of(4, 1, 0, 80, 192, 0, 2, 1, ...text('me'), 0, 42))).toEqual({
    kind: 'ok',
    value: { command: 1, destination: { host: '192.0.2.1', port: 80 } },
    used: 11,
  });
});

test('SOCKS4a has a name behind an impossible address', () => {
  const bytes = Uint8Array.of(4, 1, 1, 187, 0, 0, 0, 1, 0, ...text('Hidden.Example'), 0);
  expect(parseSocks4Request(bytes)).toEqual({
    kind: 'ok',
    value: { command: 1, destination: { host: 'hidden.example', port: 443 } },
    used: bytes.length,
  });
  for (let length = 0; length < bytes.length; length++) {
    expect(parseSocks4Request(bytes.subarray(0, length))).toEqual({ kind: 'more' });
  }
});

test('0.0.0.0 is an address, not the sign of a name', () => {
  expect(parseSocks4Request(Uint8Array.of(4, 1, 0, 80, 0, 0, 0, 0, 0))).toMatchObject({
    value: { destination: { host: '0.0.0.0' } },
  });
});

test('a field without an end is refused, not collected', () => {
  expect(
    parseSocks4Request(Uint8Array.of(4, 1, 0, 80, 1, 2, 3, 4, ...Array.from({ length: 300 }, () => 65))).kind,
  ).toBe('bad');
});

test('replies', () => {
  expect([...encodeSocks4Reply(true)]).toEqual([0, 0x5a, 0, 0, 0, 0, 0, 0]);
  expect([...encodeSocks4Reply(false)]).toEqual([0, 0x5b, 0, 0, 0, 0, 0, 0]);
});

test('arbitrary bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      parseSocks4Request(Uint8Array.of(4, ...bytes));
    }),
  );
});
