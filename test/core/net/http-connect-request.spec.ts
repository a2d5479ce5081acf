import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHost } from '../../../core/net/host.ts';
import { readBasicCredentials, readHttpProxyRequest } from '../../../core/net/http-connect.ts';
import { encodeConnectRequest } from '../../../core/net/http-connect-request.ts';
import { parseHttpRequest } from '../../../core/net/http-request.ts';

describe('request', () => {
  const text = (...args: Parameters<typeof encodeConnectRequest>) =>
    Buffer.from(encodeConnectRequest(...args)).toString();

  test('the name as it is, an IPv6 address in brackets', () => {
    expect(text({ host: 'MiXed.example.', port: 443 }, { headers: [] })).toBe(
      'CONNECT MiXed.example.:443 HTTP/1.1\r\nHost: MiXed.example.:443\r\nProxy-Connection: Keep-Alive\r\n\r\n',
    );
    expect(text({ host: '2001:db8::1', port: 80 }, { headers: [] })).toMatch(
      /^CONNECT \[2001:db8::1\]:80 HTTP\/1\.1\r\nHost: \[2001:db8::1\]:80\r\n/,
    );
  });

  test('fields of the profile replace ours, but not a user name', () => {
    const headers = [
      ['host', 'other.example'],
      ['X-A', '1'],
      ['x-a', '2'],
      ['Proxy-Authorization', 'Bearer t'],
    ] as const;
    expect(text({ host: 'a', port: 1 }, { headers })).toBe(
      'CONNECT a:1 HTTP/1.1\r\nProxy-Connection: Keep-Alive\r\nhost: other.example\r\nX-A: 1\r\nx-a: 2\r\n' +
        'Proxy-Authorization: Bearer t\r\n\r\n',
    );
    expect(text({ host: 'a', port: 1 }, { headers, username: 'u' })).toMatch(
      /x-a: 2\r\nProxy-Authorization: Basic dTo=\r\n\r\n$/,
    );
  });

  test('our own mixed port reads what is written', () => {
    const name = fc.oneof(fc.domain(), fc.ipV6(), fc.ipV4());
    const secret = fc.string({ unit: 'grapheme', maxLength: 40 });
    fc.assert(
      fc.property(name, fc.integer({ min: 1, max: 65_535 }), secret, secret, (host, port, user, password) => {
        const username = user.replaceAll(':', '');
        const parsed = parseHttpRequest(encodeConnectRequest({ host, port }, { username, password, headers: [] }));
        if (parsed.kind !== 'ok') throw new Error(parsed.kind);
        expect(readHttpProxyRequest(parsed.value)).toEqual({
          kind: 'connect',
          destination: { host: parseHost(host), port },
        });
        expect(readBasicCredentials(parsed.value)).toEqual({ username, password });
      }),
    );
  });
});
