import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeHttpError, readerOf } from '../../../core/net/http-error.ts';
import { parseHttpRequest } from '../../../core/net/http-request.ts';
import { parseHttpResponse } from '../../../core/net/http-response.ts';

const readerFor = (method: string, ...lines: string[]) => {
  const head = [`${method} http://a.example/ HTTP/1.1`, ...lines, '', ''].join('\r\n');
  const parsed = parseHttpRequest(Buffer.from(head, 'latin1'));
  return parsed.kind === 'ok' ? readerOf(parsed.value) : expect.unreachable();
};
const textOf = (...args: Parameters<typeof encodeHttpError>) => Buffer.from(encodeHttpError(...args)).toString();

test('programs get a line of text', () => {
  const refusal = textOf(407, 'wrong');
  expect(refusal).toMatch(/^HTTP\/1\.1 407 Proxy Authentication Required\r\n/);
  expect(refusal).toContain('Proxy-Authenticate: Basic');
  expect(refusal).toMatch(/Content-Length: 6\r\n[^]*\r\n\r\nwrong\n$/);
  expect(textOf(502, 'x')).not.toContain('Authenticate');
  expect(textOf(502, 'x', { error: 'connection_refused' })).toContain(
    '\r\nProxy-Status: Mirage; error=connection_refused\r\n',
  );
});

describe('who gets a page', () => {
  test.each([
    ['curl', ['Accept: */*'], 'text'],
    ['a program that says nothing', [], 'text'],
    ['a script that fetches JSON', ['Accept: application/json'], 'text'],
    ['Chromium', ['Accept: text/html,application/xhtml+xml,*/*;q=0.8', 'Accept-Language: en-GB,en;q=0.9'], 'page'],
    ['Chromium in Chinese', ['Accept: text/html,*/*;q=0.8', 'Accept-Language: zh-CN,zh;q=0.9'], 'chinese-page'],
    ['Firefox', ['accept: text/html', 'Sec-Fetch-Dest: document'], 'page'],
    ['a frame', ['Accept: text/html;q=0.9', 'Sec-Fetch-Dest: iframe'], 'page'],
    ['an image of a page', ['Accept: text/html,image/avif', 'Sec-Fetch-Dest: image'], 'text'],
    ['fetch() in a page', ['Accept: text/html', 'Sec-Fetch-Dest: empty'], 'text'],
    ['a type that only begins so', ['Accept: text/htmlx'], 'text'],
  ])('%s', (_who, lines, wants) => {
    expect(readerFor('GET', ...lines)).toEqual({ method: 'GET', wants });
  });
});

test.each([
  [502, 'page', '<h1>a.example cannot be reached</h1>'],
  [504, 'chinese-page', '<h1>无法访问 a.example</h1>'],
  [403, 'page', '<h1>Refused by a rule</h1>'],
  [403, 'chinese-page', '<strong>a.example</strong>'],
  [400, 'page', '<h1>The request cannot be passed on</h1>'],
] as const)('%i as a %s says what happened', (status, wants, expected) => {
  const text = textOf(status, 'why it is so', { reader: { method: 'GET', wants }, host: 'a.example' });
  expect(text).toContain(expected);
  expect(text).toContain('<p>why it is so</p>');
  expect(text).toContain("Content-Security-Policy: default-src 'none'");
});

test('HEAD has no body', () => {
  for (const wants of ['text', 'page'] as const) {
    const text = textOf(502, 'why', { reader: { method: 'HEAD', wants } });
    expect(text).toMatch(/\r\nContent-Length: [1-9]\d*\r\n[^]*\r\n\r\n$/);
    expect(text).not.toContain('why');
  }
});

test('nothing that a client or a server says becomes markup, a line, or another length', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 80 });
  fc.assert(
    fc.property(text, text, fc.constantFrom('text', 'page', 'chinese-page'), (message, host, wants) => {
      const bytes = encodeHttpError(502, `<script>${message}`, {
        reader: { method: 'GET', wants },
        host: `"><img ${host}`,
      });
      const parsed = parseHttpResponse(bytes);
      if (parsed.kind !== 'ok') return expect.unreachable();
      const length = parsed.value.headers.find(([name]) => name === 'Content-Length')?.[1];
      expect(Number(length)).toBe(bytes.length - parsed.used);
      if (wants !== 'text') expect(Buffer.from(bytes).toString()).not.toMatch(/<script|<img/);
    }),
  );
});
