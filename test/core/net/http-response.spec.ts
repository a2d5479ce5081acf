import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type HttpResponseHead,
  httpResponseLength,
  parseHttpResponse,
  rewriteHttpResponse,
} from '../../../core/net/http-response.ts';

const wire = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
function head(text: string): HttpResponseHead {
  const parsed = parseHttpResponse(wire(`${text}\n\n`));
  return parsed.kind === 'ok' ? parsed.value : expect.unreachable(text);
}

describe('a head', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200, '1.1'],
    ['HTTP/1.0 404 Not Found', 404, '1.0'],
    ['HTTP/1.1 200', 200, '1.1'],
    ['HTTP/1.1 200 ', 200, '1.1'],
    ['HTTP/1.1 299 \u00e4\u00b8\u00ad', 299, '1.1'],
  ])('%s', (line, status, version) => {
    expect(head(line)).toMatchObject({ line, status, version });
  });

  test.each(['ICY 200 OK', 'HTTP/2 200', 'HTTP/1.1 20', 'HTTP/1.1 OK', '<html>', 'HTTP/1.1 200 OK\n A: 1'])(
    '%s is none',
    (line) => expect(parseHttpResponse(wire(`${line}\n\n`)).kind).toBe('bad'),
  );

  test('what is no HTTP is known by its first bytes, what may become one is waited for', () => {
    expect(parseHttpResponse(wire('IC')).kind).toBe('bad');
    expect(parseHttpResponse(wire('HT')).kind).toBe('more');
    expect(parseHttpResponse(wire('HTTP/1.1 200 OK\nA: 1\n')).kind).toBe('more');
    expect(parseHttpResponse(Buffer.alloc(70_000, 'HTTP/1.1 200 OK')).kind).toBe('bad');
  });
});

test.each([
  ['GET', 'HTTP/1.1 200 OK\nContent-Length: 5', { kind: 'bytes', bytes: 5 }],
  ['GET', 'HTTP/1.1 200 OK\nContent-Length: 5, 5', { kind: 'bytes', bytes: 5 }],
  ['GET', 'HTTP/1.1 200 OK\nContent-Length: 5, 6', { kind: 'until-close' }],
  ['GET', 'HTTP/1.1 200 OK\nContent-Length: five', { kind: 'until-close' }],
  ['GET', 'HTTP/1.1 200 OK', { kind: 'until-close' }],
  ['GET', 'HTTP/1.1 200 OK\nTransfer-Encoding: gzip, Chunked', { kind: 'chunked' }],
  ['GET', 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 5', { kind: 'chunked' }],
  ['GET', 'HTTP/1.1 200 OK\nTransfer-Encoding: gzip', { kind: 'until-close' }],
  ['HEAD', 'HTTP/1.1 200 OK\nContent-Length: 5', { kind: 'bytes', bytes: 0 }],
  ['GET', 'HTTP/1.1 204 No Content\nContent-Length: 5', { kind: 'bytes', bytes: 0 }],
  ['GET', 'HTTP/1.1 304 Not Modified\nTransfer-Encoding: chunked', { kind: 'bytes', bytes: 0 }],
  ['GET', 'HTTP/1.1 103 Early Hints', { kind: 'bytes', bytes: 0 }],
])('the body of the answer to %s: %j', (method, text, length) => {
  expect(httpResponseLength(head(text), method)).toEqual(length);
});

test('arbitrary bytes never throw, and no line can be smuggled into what the client gets', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseHttpResponse(bytes)));
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\r', '\n', '\r\n ', ': ', 'Connection', '\0'));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (parts) => {
      const parsed = parseHttpResponse(wire(`HTTP/1.1 200 OK\nX: ${parts.join('')}\n\n`));
      if (parsed.kind !== 'ok') return;
      const written = rewriteHttpResponse(parsed.value, { kind: 'chunked' }, true);
      const again = parseHttpResponse(written);
      expect(again.kind === 'ok' && again.used).toBe(written.length);
      expect(again.kind === 'ok' ? again.value.headers.at(-1) : undefined).toEqual(['Connection', 'keep-alive']);
    }),
  );
});
