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
  ).toBe('\ufeffhost,note,bytes\r\nexample.com,"says ""hi"", twice",12\r\nab,,0\r\n');
});

test('a name never becomes a formula', () => {
  const lines = toCsv(
    ['host'],
    [['=HYPERLINK("http://x")'], ['+1'], ['-1'], ['@x'], ['\t=x'], ['safe\u202egnp.exe']],
  ).split('\r\n');
  expect(lines.slice(1, -1)).toEqual(['"\'=HYPERLINK(""http://x"")"', "'+1", "'-1", "'@x", "'=x", 'safegnp.exe']);
});
