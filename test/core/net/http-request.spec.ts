import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { headerValues, maxHttpHead, parseHttpRequest } from '../../../core/net/http-request.ts';

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
  expect(parsed.kind === 'ok' && headerValues(parsed.value, 'a')).toEqual(['1', '2']);
});

describe('refused', () => {
  test.each([
    ['no version', 'GET /\r\n\r\n'],
    ['another version', 'GET / HTTP/2.0\r\n\r\n'],
    ['folded lines', 'GET / HTTP/1.1\r\nA: 1\r\n b\r\n\r\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\n'],
    ['a lone line feed in a value', 'GET / HTTP/1.1\r\nA: 1\nB: 2\r\n\r\n'],
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

test('every prefix of a good head asks for more', () => {
  const text = 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n';
  for (let length = 0; length < text.length; length++) expect(parse(text.slice(0, length)).kind).toBe('more');
});

test('arbitrary bytes never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void parseHttpRequest(bytes)));
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parse(`GET / HTTP/1.1\r\n${text}\r\n\r\n`)));
});
