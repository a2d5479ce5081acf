import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipv6Hint, withoutParameter } from '../../../core/net/service-parameters.ts';

const head = [0, 1, 3, 0x77, 0x77, 0x77, 0];
const alpn = [0, 1, 0, 3, 2, 0x68, 0x32];
const hint4 = [0, 4, 0, 4, 192, 0, 2, 1];
const hint6 = [0, 6, 0, 16, ...Array.from({ length: 16 }, (_, i) => i)];
const mandatory = (...keys: number[]): number[] => [0, 0, 0, keys.length * 2, ...keys.flatMap((key) => [0, key])];

test.each<[string, number[], number[]]>([
  [
    'a hint among others',
    [...head, ...alpn, ...hint4, ...hint6, 0, 7, 0, 1, 9],
    [...head, ...alpn, ...hint4, 0, 7, 0, 1, 9],
  ],
  ['a hint alone', [...head, ...hint6], head],
  ['a hint that is empty', [...head, 0, 6, 0, 0], head],
  ['no hint', [...head, ...alpn, ...hint4], [...head, ...alpn, ...hint4]],
  ['no parameter, the root for a target', [0, 1, 0], [0, 1, 0]],
  ['one that is mandatory', [...head, ...mandatory(4, 6), ...hint6], [...head, ...mandatory(4, 6), ...hint6]],
  ['another that is', [...head, ...mandatory(1), ...alpn, ...hint6], [...head, ...mandatory(1), ...alpn]],
  ['one that is cut off', [...head, ...hint6.slice(0, -1)], [...head, ...hint6.slice(0, -1)]],
  ['one behind another that is too long', [...head, 0, 1, 1, 0, ...hint6], [...head, 0, 1, 1, 0, ...hint6]],
  ['no target', [0, 1], [0, 1]],
])('%s', (_, data, expected) => {
  expect([...withoutParameter(Uint8Array.from(data), ipv6Hint)]).toEqual(expected);
});

test('of any bytes at most that parameter goes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(8), (data, key) => {
      const left = withoutParameter(data, key);
      expect(left.length === data.length || left.length <= data.length - 4).toBe(true);
      expect(data.subarray(0, 2)).toEqual(left.subarray(0, 2));
    }),
  );
});
