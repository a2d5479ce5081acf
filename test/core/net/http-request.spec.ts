import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldValues, maxHttpHead } from '../../../core/net/http-fields.ts';
import { parseHttpRequest } from '../../../core/net/http-request.ts';
import { fairClock } from '../../support/fair-clock.ts';

const parse = (text: string) => parseHttpRequest(Buffer.from(text, 'latin1'));

test('a head and where it ends', () => {
  expect(parse('GET http://a/ HTTP/1.1\r\nHost: a\r\nX:  two words \r\n\r\nbody')).toEqual({
    kind: 'ok',
    value: {
      method: 'GET',
      target: 'http://a/',
      version: '1.1',
      headers: [
        ['Host', 'a'],
        ['X', 'two words'],
      ],
    },
    used: 'GET http://a/ HTTP/1.1\r\nHost: a\r\nX:  two words \r\n\r\n'.length,
  });
});

test('headers are found whatever their case, and all of them', () => {
  const parsed = parse('GET / HTTP/1.0\r\nA: 1\r\na: 2\r\n\r\n');
  expect(parsed.kind === 'ok' && fieldValues(parsed.value.headers, 'a')).toEqual(['1', '2']);
});

describe('refused', () => {
  test.each([
    ['no version', 'GET /\r\n\r\n'],
    ['another version', 'GET / HTTP/2.0\r\n\r\n'],
    ['a fold before any field', 'GET / HTTP/1.1\r\n A: 1\r\n\r\n'],
    ['a folded coding', 'POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n'],
    ['a folded length', 'POST / HTTP/1.1\r\nContent-Length: 1\r\n 0\r\n\r\n'],
    ['a folded host', 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n'],
    ['a lone CR in a value', 'GET / HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n'],
    ['a NUL', 'GET / HTTP/1.1\r\nA: \0\r\n\r\n'],
    ['a space in the target', 'GET /a b HTTP/1.1\r\n\r\n'],
    ['a control character in the target', 'GET /a\x7f HTTP/1.1\r\n\r\n'],
    ['a name that is no token', 'GET / HTTP/1.1\r\nA(b): 1\r\n\r\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\n'],
    ['no header name', 'GET / HTTP/1.1\r\n: 1\r\n\r\n'],
    ['bytes of another protocol', '\x16\x03\x01\x02'],
    ['a method without end', 'A'.repeat(40)],
  ])('%s', (_what, text) => expect(parse(text).kind).toBe('bad'));

  test('a head that does not end', () => {
    const long = `GET / HTTP/1.1\r\nX: ${'a'.repeat(maxHttpHead)}`;
    expect(parse(long).kind).toBe('bad');
    expect(parse(long.slice(0, 1000)).kind).toBe('more');
  });
});

test.each([
  ['lone line feeds', 'GET / HTTP/1.1\nA: 1\n\n', [['A', '1']]],
  ['empty lines before', '\r\n\nGET / HTTP/1.1\r\nA: 1\r\n\r\n', [['A', '1']]],
  [
    'folded lines',
    'GET / HTTP/1.1\r\nA: 1\r\n  2 \r\n\t3\r\nB: x\r\n\r\n',
    [
      ['A', '1 2 3'],
      ['B', 'x'],
    ],
  ],
  ['bytes above 127', 'GET /\x80\xa0\xff HTTP/1.1\r\nA: \xa0\x85\r\n\r\n', [['A', '\xa0\x85']]],
  [
    'no space behind the colon',
    'GET / HTTP/1.1\r\nA:1\r\nB:\r\n\r\n',
    [
      ['A', '1'],
      ['B', ''],
    ],
  ],
  ['a later minor version', 'GET / HTTP/1.3\r\n\r\n', []],
])('taken: %s', (_what, text, headers) => {
  expect(parse(`${text}body`)).toMatchObject({ kind: 'ok', value: { version: '1.1', headers }, used: text.length });
});

test('a long line of spaces takes no time', () => {
  const started = fairClock.monotonic();
  parse(`GET / HTTP/1.1\r\nA: b${' '.repeat(60_000)}c\r\nConnection: ${', '.repeat(2000)}\r\n\r\n`);
  expect(fairClock.monotonic() - started).toBeLessThan(200);
});

test('every prefix of a good head asks for more', () => {
  const text = 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n';
  for (let length = 0; length < text.length; length++) expect(parse(text.slice(0, length)).kind).toBe('more');
});

test('arbitrary bytes never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void parseHttpRequest(bytes)));
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parse(`GET / HTTP/1.1\r\n${text}\r\n\r\n`)));
});
