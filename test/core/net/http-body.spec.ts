import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HttpBodyEnd, httpBodyLength } from '../../../core/net/http-body.ts';

describe('length', () => {
  const length = (headers: [string, string][], version: '1.0' | '1.1' = '1.1') =>
    httpBodyLength({ method: 'POST', target: '/', version, headers });

  test('none without headers', () => expect(length([])).toEqual({ kind: 'bytes', bytes: 0 }));
  test('counted', () => expect(length([['Content-Length', '12']])).toEqual({ kind: 'bytes', bytes: 12 }));
  test('chunked', () => expect(length([['transfer-encoding', 'Chunked']])).toEqual({ kind: 'chunked' }));

  test.each([
    [
      'both',
      [
        ['Content-Length', '1'],
        ['Transfer-Encoding', 'chunked'],
      ],
    ],
    [
      'two different lengths',
      [
        ['Content-Length', '1'],
        ['Content-Length', '2'],
      ],
    ],
    ['two in one', [['Content-Length', '1, 2']]],
    ['two spellings', [['Content-Length', '1, 01']]],
    ['an empty length', [['Content-Length', '']]],
    ['a hexadecimal length', [['Content-Length', '0x1']]],
    ['chunks twice', [['Transfer-Encoding', 'chunked, chunked']]],
    ['chunks that are not last', [['Transfer-Encoding', 'chunked, gzip']]],
    ['no chunks', [['Transfer-Encoding', 'gzip']]],
    ['identity', [['Transfer-Encoding', 'identity']]],
    ['an empty coding', [['Transfer-Encoding', '']]],
    ['a coding in disguise', [['Transfer-Encoding', '\u000bchunked']]],
    ['a coding with a parameter', [['Transfer-Encoding', 'x;q="a, chunked']]],
    ['a negative length', [['Content-Length', '-1']]],
    ['a length with a sign', [['Content-Length', '+1']]],
  ] as [string, [string, string][]][])('%s is ambiguous', (_what, headers) => expect(length(headers)).toBeUndefined());

  test('other codings before chunks, in one line or several', () => {
    expect(length([['Transfer-Encoding', 'gzip, Chunked']])).toEqual({ kind: 'chunked' });
    expect(
      length([
        ['Transfer-Encoding', 'gzip'],
        ['Transfer-Encoding', 'chunked'],
      ]),
    ).toEqual({ kind: 'chunked' });
  });

  test('equal lengths are one', () => {
    expect(length([['Content-Length', '7, 7']])).toEqual({ kind: 'bytes', bytes: 7 });
    expect(
      length([
        ['Content-Length', '7'],
        ['content-length', '7'],
      ]),
    ).toEqual({ kind: 'bytes', bytes: 7 });
  });

  test('HTTP/1.0 has no chunks', () => expect(length([['Transfer-Encoding', 'chunked']], '1.0')).toBeUndefined());
});

describe('end', () => {
  test('of counted bytes', () => {
    const body = new HttpBodyEnd({ kind: 'bytes', bytes: 5 });
    expect(body.take(Buffer.from('abc'))).toBe(3);
    expect(body.over).toBe(false);
    expect(body.take(Buffer.from('deXY'))).toBe(2);
    expect(body.over).toBe(true);
    expect(body.take(Buffer.from('GET /'))).toBe(0);
  });

  test('a request without body is over at once', () =>
    expect(new HttpBodyEnd({ kind: 'bytes', bytes: 0 }).over).toBe(true));

  test.each(['5\r\nhello\r\n0\r\n\r\n', 'a;name=x\r\n0123456789\r\n00\r\nTrailer: 1\r\n\r\n'])(
    'of chunks, however they are split: %j',
    (text) => {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: text.length }), { maxLength: 8 }), (cuts) => {
          const body = new HttpBodyEnd({ kind: 'chunked' });
          const whole = Buffer.from(`${text}GET / HTTP/1.1`);
          const places = [...new Set([0, ...cuts, whole.length])].sort((a, b) => a - b);
          const taken = places
            .slice(1)
            .map((end, index) => body.take(whole.subarray(places[index], end)) ?? Number.NaN);
          expect(taken.reduce((sum, each) => sum + each, 0)).toBe(text.length);
          expect(body.over).toBe(true);
        }),
      );
    },
  );

  test.each(['x\r\n', '5\nhello', '5\r\nhelloXX\r\n', '-1\r\n', '\r\n', `1;${'a'.repeat(5000)}`])(
    'broken framing: %j',
    (text) => {
      expect(new HttpBodyEnd({ kind: 'chunked' }).take(Buffer.from(text))).toBeUndefined();
    },
  );

  test.each([1, 100, 5_000])('a line may have 4,096 characters, cut into pieces of %d', (size) => {
    const reads = (line: string): boolean => {
      const body = new HttpBodyEnd({ kind: 'chunked' });
      const bytes = Buffer.from(`${line}\r\nhello\r\n`);
      for (let at = 0; at < bytes.length; at += size) {
        if (body.take(bytes.subarray(at, at + size)) === undefined) return false;
      }
      return true;
    };
    expect([reads(`5;${'a'.repeat(4092)}`), reads(`5;${'a'.repeat(4093)}`)]).toEqual([true, false]);
  });

  test('arbitrary bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void new HttpBodyEnd({ kind: 'chunked' }).take(bytes)));
  });
});
