import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GrowingBytes } from '../../../core/base/growing-bytes.ts';
import { bytesWorked } from '../../support/byte-work.ts';

const step = fc.oneof(
  fc.record({ push: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ drop: fc.integer({ min: 0, max: 60 }) }),
);

test('whatever is pushed and dropped, it holds what is left, and what was seen stays as it was', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const growing = new GrowingBytes();
      const seen: [view: Buffer, then: Buffer][] = [];
      let expected = Buffer.alloc(0);
      for (const each of steps) {
        if ('push' in each) {
          growing.push(each.push);
          expected = Buffer.concat([expected, each.push]);
        } else {
          growing.drop(each.drop);
          expected = expected.subarray(each.drop);
        }
        expect([growing.length, growing.bytes.equals(expected)]).toEqual([expected.length, true]);
        seen.push([growing.bytes, Buffer.from(expected)]);
      }
      for (const [view, then] of seen) expect(view.equals(then)).toBe(true);
    }),
  );
});

test.each([1, 3, 1000])('64 KiB in pieces of %d are copied a few times, not once a piece', (size) => {
  const growing = new GrowingBytes();
  const worked = bytesWorked(() => {
    for (let at = 0; at < 65_536; at += size) growing.push(Buffer.alloc(size));
  });
  expect(worked).toBeLessThan(4 * 65_536);
});
