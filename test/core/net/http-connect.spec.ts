import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeConnectEstablished,
  readBasicCredentials,
  readHttpProxyRequest,
} from '../../../core/net/http-connect.ts';
import { type HttpRequestHead, parseHttpRequest } from '../../../core/net/http-request.ts';

function head(text: string): HttpRequestHead {
  const parsed = parseHttpRequest(Buffer.from(`${text.replaceAll('\n', '\r\n')}\r\n\r\n`, 'latin1'));
  if (parsed.kind !== 'ok') throw new Error('the test is wrong');
  return parsed.value;
}
const read = (text: string) => readHttpProxyRequest(head(text));

describe('CONNECT', () => {
  test.each([
    ['Hidden.Example:443', { host: 'hidden.example', port: 443 }],
    ['[2001:db8::1]:8443', { host: '2001:db8::1', port: 8443 }],
    ['192.0.2.1:80', { host: '192.0.2.1', port: 80 }],
    ['a.example', { host: 'a.example', port: 443 }],
    ['a.example:', { host: 'a.example', port: 443 }],
    ['u:p@a.example:8443', { host: 'a.example', port: 8443 }],
    ['a.example:8443/', { host: 'a.example', port: 8443 }],
  ])('%s', (target, destination) => {
    expect(read(`CONNECT ${target} HTTP/1.1`)).toEqual({ kind: 'connect', destination });
  });

  test.each(['a:0', 'a/b', 'a:443/x', 'a:99999', ':443', 'http://a/', '2001:db8::1:443'])('refuses %s', (target) => {
    expect(read(`CONNECT ${target} HTTP/1.1`)).toMatchObject({ kind: 'refused', status: 400 });
  });
});

describe('plain requests', () => {
  const forward = (text: string) => {
    const request = read(text);
    if (request.kind !== 'forward') throw new Error(JSON.stringify(request));
    return { ...request, ...request.forward, head: Buffer.from(request.forward.head).toString('latin1') };
  };

  test('become origin form, for the target’s host, one on a connection', () => {
    const request = forward(
      'GET http://Example.com:8080/a?b=c HTTP/1.1\nHost: other\nAccept: */*\nProxy-Connection: keep-alive',
    );
    expect(request.destination).toEqual({ host: 'example.com', port: 8080 });
    expect(request.head).toBe(
      'GET /a?b=c HTTP/1.1\r\nHost: Example.com:8080\r\nAccept: */*\r\nConnection: close\r\n\r\n',
    );
  });

  test.each([
    ['http://a', 'GET / HTTP/1.1'],
    ['http://a?q', 'GET /?q HTTP/1.1'],
    ['http://a/x#part', 'GET /x HTTP/1.1'],
  ])('%s asks for %s', (target, line) => {
    expect(forward(`GET ${target} HTTP/1.1`).head.split('\r\n')[0]).toBe(line);
  });

  test('nothing that was meant for the proxy goes on', () => {
    const request = forward(
      'POST http://a/ HTTP/1.1\nProxy-Authorization: Basic c2VjcmV0\nConnection: X-Hop, keep-alive\nX-Hop: 1\nUpgrade: h2c\nX-End: 2\nContent-Length: 3',
    );
    expect(request.head).toBe(
      'POST / HTTP/1.1\r\nHost: a\r\nX-End: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n',
    );
    expect(request.body).toEqual({ kind: 'bytes', bytes: 3 });
  });

  test.each([
    ['GET http://a:/ HTTP/1.1', 'GET / HTTP/1.1\nHost: a\nConnection: close'],
    [
      'GET ws://a/s HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket',
      'GET /s HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade',
    ],
    [
      'GET http://a/s HTTP/1.1\nConnection: keep-alive, upgrade\nUpgrade: h2c, websocket',
      'GET /s HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade',
    ],
    [
      'GET http://a/s HTTP/1.1\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: x',
      'GET /s HTTP/1.1\nHost: a\nConnection: close',
    ],
    ['GET http://u:p%40@a/ HTTP/1.1', 'GET / HTTP/1.1\nHost: a\nAuthorization: Basic dTpwQA==\nConnection: close'],
    [
      'GET http://u@a/ HTTP/1.1\nAuthorization: Bearer x',
      'GET / HTTP/1.1\nHost: a\nAuthorization: Bearer x\nConnection: close',
    ],
    ['OPTIONS http://a HTTP/1.1', 'OPTIONS * HTTP/1.1\nHost: a\nConnection: close'],
    ['OPTIONS http://a/ HTTP/1.1', 'OPTIONS / HTTP/1.1\nHost: a\nConnection: close'],
    [
      'POST http://a/ HTTP/1.1\nContent-Length: 3\nContent-Length: 3',
      'POST / HTTP/1.1\nHost: a\nContent-Length: 3\nConnection: close',
    ],
    ['POST http://a/ HTTP/1.1\nContent-Length: 3, 3', 'POST / HTTP/1.1\nHost: a\nContent-Length: 3\nConnection: close'],
    [
      'POST http://a/ HTTP/1.1\nTransfer-Encoding: gzip\nTransfer-Encoding: chunked',
      'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip\nTransfer-Encoding: chunked\nConnection: close',
    ],
    ['GET http://a/ HTTP/1.1\nX: 1\n 2\n\t3\nTE: trailers', 'GET / HTTP/1.1\nHost: a\nX: 1 2 3\nConnection: close'],
    ['GET http://a/\u00e4\u0080\u00a0 HTTP/1.1', 'GET /\u00e4\u0080\u00a0 HTTP/1.1\nHost: a\nConnection: close'],
    ['GET http://[2001:db8::1]:8080/ HTTP/1.0', 'GET / HTTP/1.0\nHost: [2001:db8::1]:8080\nConnection: close'],
  ])('%j becomes %j', (text, expected) => {
    expect(forward(text).head).toBe(`${expected.replaceAll('\n', '\r\n')}\r\n\r\n`);
  });

  test.each([
    ['HTTP/1.1', '', true],
    ['HTTP/1.1', '\nConnection: close', false],
    ['HTTP/1.1', '\nProxy-Connection: Close', false],
    ['HTTP/1.0', '', false],
    ['HTTP/1.0', '\nConnection: keep-alive', true],
    ['HTTP/1.0', '\nProxy-Connection: Keep-Alive', true],
  ])('%s%s: persistent %s', (version, headers, persistent) => {
    expect(forward(`GET http://a/ ${version}${headers}`).persistent).toBe(persistent);
  });

  test('a name in UTF-8 is the international name', () => {
    expect(
      forward(`GET http://${Buffer.from('b\u00fccher.example').toString('latin1')}/ HTTP/1.1`).destination.host,
    ).toBe('xn--bcher-kva.example');
  });

  test('`Connection` cannot take the framing away', () => {
    expect(forward('POST http://a/ HTTP/1.1\nConnection: content-length\nContent-Length: 3').head).toContain(
      'Content-Length: 3',
    );
  });

  test('an ambiguous length is refused', () => {
    expect(read('POST http://a/ HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: chunked')).toMatchObject({
      kind: 'refused',
      status: 400,
    });
  });

  test('other schemes are told of CONNECT, browsers that came by accident of what this is', () => {
    expect(read('GET https://a/ HTTP/1.1')).toMatchObject({ status: 501, message: expect.stringContaining('CONNECT') });
    expect(read('GET / HTTP/1.1')).toMatchObject({ status: 400, message: expect.stringContaining('SOCKS5') });
    expect(read('OPTIONS * HTTP/1.1')).toMatchObject({ status: 400 });
  });
});

describe('credentials', () => {
  const credentials = (value: string) =>
    readBasicCredentials(head(`CONNECT a:1 HTTP/1.1\nProxy-Authorization: ${value}`));

  test('are read from Basic', () => {
    expect(credentials(`Basic ${btoa('me:a:b')}`)).toEqual({ username: 'me', password: 'a:b' });
    expect(credentials(`basic ${btoa('me:')}`)).toEqual({ username: 'me', password: '' });
  });

  test.each(['Basic', 'Bearer abc', `Basic ${btoa('nocolon')}`, 'Basic %%%'])('%s has none', (value) => {
    expect(credentials(value)).toBeUndefined();
  });
});

test('answers', () => {
  expect(Buffer.from(encodeConnectEstablished()).toString()).toBe('HTTP/1.1 200 Connection established\r\n\r\n');
});

test('arbitrary targets and headers never throw, and no line can be smuggled in', () => {
  const printable = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(printable, printable, (target, value) => {
      const parsed = parseHttpRequest(Buffer.from(`GET http://${target} HTTP/1.1\r\nX: ${value}\r\n\r\n`, 'latin1'));
      if (parsed.kind !== 'ok') return;
      const request = readHttpProxyRequest(parsed.value);
      if (request.kind === 'forward')
        expect(Buffer.from(request.forward.head).toString('latin1').split('\r\n').length).toBeLessThanOrEqual(7);
    }),
  );
});
