import fs from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHost } from '../../../core/net/host.ts';
import { readBasicCredentials, readHttpProxyRequest } from '../../../core/net/http-connect.ts';
import {
  encodeConnectRequest,
  HttpConnectClient,
  type HttpConnectFailure,
} from '../../../core/net/http-connect-client.ts';
import { parseHttpRequest } from '../../../core/net/http-request.ts';

const request = Uint8Array.of(1);
const words: Record<HttpConnectFailure['why'], string> = {
  auth: 'proxy-auth',
  denied: 'proxy-denied',
  unreachable: 'host-unreachable',
  timeout: 'timeout',
  protocol: 'proxy-failed',
};

/** What comes of these bytes when the connection then ends, and how many of them were not taken. */
function play(bytes: Uint8Array): { outcome: string; message: string; left: number } {
  const client = new HttpConnectClient(request);
  let step = client.start();
  let at = 0;
  while (step.kind === 'want' && at + step.bytes <= bytes.length) {
    step = client.take(bytes.subarray(at, at + step.bytes));
    at += step.kind === 'want' ? step.bytes : 1;
  }
  const left = bytes.length - at;
  if (step.kind === 'connected') return { outcome: 'connected', message: '', left };
  const failure = step.kind === 'failed' ? step.failure : client.ended(bytes.subarray(at));
  return { outcome: words[failure.why], message: failure.message, left };
}

function unescaped(text: string): Buffer {
  const plain = text.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_all, hex: string | undefined, letter: string) =>
    hex === undefined
      ? ({ r: '\r', n: '\n', t: '\t', 0: '\0' }[letter] ?? letter)
      : String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(plain, 'latin1');
}

const rows = fs
  .readFileSync(new URL('../../../native/src/http_connect/answers.txt', import.meta.url), 'latin1')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, outcome = '', left = '', answer = ''] = /^(\S+) (\d+) ?(.*)$/.exec(line) ?? [];
    return { outcome, left: Number(left), answer };
  });

describe('answers', () => {
  test.each(rows)('$answer', ({ outcome, left, answer }) => {
    const played = play(unescaped(answer));
    expect(played.outcome).toBe(outcome);
    if (outcome === 'connected') expect(played.left).toBe(left);
  });

  test('there are as many as the engine has', () => expect(rows.length).toBeGreaterThan(50));

  test.each([
    ['HTTP/1.1 200 ', 'x'],
    ['HTTP/1.1 200 OK\r\n', 'a: b\r\n'],
    ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['', '\r\n'],
    ['', '\n'],
  ])('a head without end is given up: %j', (head, filler) => {
    const played = play(Buffer.from(head + filler.repeat(20_000)));
    expect(played.outcome).toBe('proxy-failed');
    expect(played.left).toBeGreaterThan(0);
  });

  test('what people are told is short and printable', () => {
    const { message } = play(Buffer.from(`HTTP/1.1 503 ${'y'.repeat(500)}\u{1b}[31m\u{202e}\r\n`));
    expect(message).toMatch(/^the proxy answered 503 y{80}$/);
    expect(play(Buffer.from('HTTP/1.1 502\r\n')).message).toBe('the proxy answered 502');
  });

  test('any bytes come to an end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('', 'HTTP/1.1 200 OK\r\n'), (bytes, head) => {
        const whole = Buffer.concat([Buffer.from(head), bytes]);
        expect(play(whole).left).toBeLessThanOrEqual(whole.length);
      }),
    );
  });
});

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
