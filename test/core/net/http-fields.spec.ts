import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fieldTokens,
  isHeadWorthReading,
  maxHttpHead,
  readHttpFields,
  splitHttpHead,
} from '../../../core/net/http-fields.ts';

test('lists of several fields are one list', () => {
  const fields = readHttpFields(['Connection: Upgrade,, Keep-Alive ', 'X: 1', 'connection:\tclose']) ?? [];
  expect(fieldTokens(fields, 'connection')).toEqual(['upgrade', 'keep-alive', 'close']);
  expect(fieldTokens(fields, 'connection', 'x')).toEqual(['upgrade', 'keep-alive', 'close', '1']);
  expect(fieldTokens([['TE', '\u000bchunked']], 'te')).toEqual(['\u000bchunked']);
});

test('a head that grows is read when its end comes, however it is cut', () => {
  const newline = fc.constantFrom('\r\n', '\n');
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 400 }),
      newline,
      newline,
      fc.integer({ min: 1, max: 9 }),
      (length, one, two, step) => {
        const bytes = Buffer.from(`GET / HTTP/1.1\nX: ${'x'.repeat(length)}${one}${two}`);
        let read = false;
        for (let at = 0; at < bytes.length; at += step) {
          const grown = bytes.subarray(0, at + step);
          read = isHeadWorthReading(grown, at);
          // While the end is not there nothing is lost by not reading; when it is, it is read.
          if (splitHttpHead(grown) !== undefined) break;
        }
        expect(read).toBe(true);
      },
    ),
  );
  expect(isHeadWorthReading(Buffer.alloc(1000, 'a'), 0)).toBe(true);
  expect(isHeadWorthReading(Buffer.alloc(1000, 'a'), 500)).toBe(false);
  expect(isHeadWorthReading(Buffer.alloc(maxHttpHead, 'a'), maxHttpHead - 1)).toBe(true);
});
