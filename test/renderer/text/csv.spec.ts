import { expect, test } from 'vitest';
import { toCsv } from '../../../renderer/text/csv.ts';

test('quotes what needs quotes, leaves out what is undefined, ends lines with CRLF', () => {
  expect(
    toCsv(
      ['host', 'note', 'bytes'],
      [
        ['example.com', 'says "hi", twice', 12],
        ['a\nb', undefined, 0],
      ],
    ),
  ).toBe('host,note,bytes\r\nexample.com,"says ""hi"", twice",12\r\n"a\nb",,0\r\n');
});

test('a name never becomes a formula', () => {
  const lines = toCsv(['host'], [['=HYPERLINK("http://x")'], ['+1'], ['-1'], ['@x'], ['\tx']]).split('\r\n');
  expect(lines.slice(1, -1)).toEqual(['"\'=HYPERLINK(""http://x"")"', "'+1", "'-1", "'@x", "'\tx"]);
});
