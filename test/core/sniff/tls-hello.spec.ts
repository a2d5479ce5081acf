import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sniffTls } from '../../../core/sniff/tls-hello.ts';
import { bytesWorked } from '../../support/byte-work.ts';
import { clientHello, records } from './hello.ts';

const found = { kind: 'name', name: 'web.example', protocol: 'tls' };

test('a hello in one record', () => {
  expect(sniffTls(records(clientHello({ name: 'web.example' })))).toEqual(found);
});

test('bytes behind it do not matter', () => {
  const early = Buffer.concat([records(clientHello({ name: 'web.example' })), Buffer.from([20, 3, 3, 0, 1, 1, 23])]);
  expect(sniffTls(early)).toEqual(found);
});

test('cut anywhere and in records of any size: more until it is whole, and never more than there is', () => {
  const sizes = fc.integer({ min: 1, max: 700 });
  fc.assert(
    fc.property(sizes, fc.nat(600), fc.double({ min: 0, max: 1, noNaN: true }), (size, padding, where) => {
      const bytes = records(clientHello({ name: 'web.example', padding }), size);
      expect(sniffTls(bytes)).toEqual(found);
      const cut = Math.floor(where * (bytes.length - 1));
      const sniffed = sniffTls(bytes.subarray(0, cut));
      if (sniffed.kind !== 'more') throw new Error(`${sniffed.kind} after ${cut} bytes`);
      expect(sniffed.atLeast).toBeGreaterThan(cut);
      expect(sniffed.atLeast).toBeLessThanOrEqual(bytes.length);
    }),
  );
});

test('whoever gives what is asked for comes to the end in a few steps', () => {
  const bytes = records(clientHello({ name: 'web.example', padding: 5000 }), 1000);
  let steps = 0;
  for (let have = 1; ; steps++) {
    const sniffed = sniffTls(bytes.subarray(0, have));
    if (sniffed.kind !== 'more') break;
    have = sniffed.atLeast;
  }
  expect(steps).toBeLessThan(12);
});

describe('none at the first byte that tells', () => {
  test.each([
    ['another type of record', '17'],
    ['an alert', '15030100'],
    ['SSH', Buffer.from('SSH').toString('hex')],
    ['another major version', '1602'],
    ['another minor version', '160305'],
    ['a record that is too long', '16030141'],
    ['an empty record', '1603010000'],
    ['a ServerHello', '160301020002'],
    ['a hello that never ends', '16030102000101'],
    ['another record in the middle', '16030100020100150301'.slice(0, 16)],
  ])('%s', (_what, hex) => expect(sniffTls(Buffer.from(hex, 'hex'))).toEqual({ kind: 'none' }));
});

test('nothing yet', () => expect(sniffTls(new Uint8Array(0))).toEqual({ kind: 'more', atLeast: 9 }));

test('any bytes are read without harm, with and without a beginning that fits', () => {
  const fits = fc.uint8Array({ maxLength: 300 }).map((rest) => Buffer.concat([Buffer.from('160301', 'hex'), rest]));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fits), (bytes) => {
      const sniffed = sniffTls(bytes);
      if (sniffed.kind === 'more') expect(sniffed.atLeast).toBeGreaterThan(bytes.length);
    }),
  );
});

test('a hello in records of one byte takes work for its length', () => {
  const bytes = records(clientHello({ name: 'web.example', padding: 2_400 }), 1);
  expect(bytesWorked(() => expect(sniffTls(bytes)).toEqual(found))).toBeLessThan(8 * bytes.length);
});
