import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientHelloLength, maxClientHello, readClientHello } from '../../../core/sniff/client-hello.ts';
import { clientHello } from './hello.ts';

describe('the name', () => {
  test('is the first host name', () => {
    expect(readClientHello(clientHello({ name: 'Web.Example', padding: 300 }), 'tls')).toEqual({
      kind: 'name',
      name: 'web.example',
      protocol: 'tls',
    });
  });

  test('is an outer one, as far as can be told, beside an Encrypted Client Hello', () => {
    expect(readClientHello(clientHello({ name: 'front.example', ech: true }), 'quic')).toEqual({
      kind: 'name',
      name: 'front.example',
      protocol: 'quic',
      outer: true,
    });
  });

  test.each([{}, { name: '192.0.2.1' }, { name: 'a b' }, { name: '' }, { ech: true }])('is none in %j', (init) => {
    expect(readClientHello(clientHello(init), 'tls')).toEqual({ kind: 'none' });
  });
});

test('the length is told as soon as it is there, and no other or endless message is waited for', () => {
  const hello = clientHello({ name: 'web.example' });
  for (const cut of [0, 1, 2, 3]) expect(clientHelloLength(hello.subarray(0, cut))).toBe('more');
  expect(clientHelloLength(hello.subarray(0, 4))).toBe(hello.length);
  expect(clientHelloLength(Buffer.from([2]))).toBeUndefined();
  expect(clientHelloLength(Buffer.from([1, 1]))).toBeUndefined();
  const large = Buffer.from([1, 0, 0, 0]);
  large.writeUInt16BE(maxClientHello, 2);
  expect(clientHelloLength(large)).toBeUndefined();
});

test('a message with any bytes changed or cut is read without harm', () => {
  const hello = clientHello({ name: 'web.example', ech: true, padding: 20 });
  const changes = fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(changes, fc.nat(hello.length), (changed, cut) => {
      const bytes = Buffer.from(hello);
      for (const [at, value] of changed) bytes[at] = value;
      expect(['name', 'none']).toContain(readClientHello(bytes.subarray(0, cut), 'tls').kind);
    }),
  );
});
