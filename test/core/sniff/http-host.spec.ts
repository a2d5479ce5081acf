import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sniffHttp } from '../../../core/sniff/http-host.ts';
import { fairClock } from '../../support/fair-clock.ts';

const sniff = (text: string) => sniffHttp(Buffer.from(text, 'latin1'));
const found = { kind: 'name', name: 'web.example', protocol: 'http' };

describe('the host', () => {
  test.each([
    ['of the header', 'GET / HTTP/1.1\r\nAccept: */*\r\nHost: web.example\r\n'],
    ['with a port, in any case', 'POST /a?b=c HTTP/1.1\r\nhOsT:WEB.example:8080 \r\n'],
    ['of any method', 'M-SEARCH * HTTP/1.1\r\nHost: web.example\r\n'],
    ['of HTTP/1.0, with bare line feeds', 'HEAD / HTTP/1.0\nHost: web.example\n'],
    ['of an absolute target, before the header', 'GET http://web.example:80/a HTTP/1.1\r\nHost: other.example\r\n'],
    ['behind an empty line', '\r\nGET / HTTP/1.1\r\nHost: web.example\r\n'],
    ['behind two, with bare line feeds', '\n\nGET / HTTP/1.1\nHost: web.example\n'],
    ['behind a folded header', 'GET / HTTP/1.1\r\nA: b\r\n Host: other.example\r\n\tc\r\nHost: web.example\r\n'],
    ['folded itself', 'GET / HTTP/1.1\r\nHost:\r\n \r\n\tweb.example:80\r\n'],
    ['of an upgrade', 'GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nHost: web.example\r\n\r\n'],
  ])('%s', (_what, text) => expect(sniff(text)).toEqual(found));
});

describe('none, at the first byte that tells', () => {
  test.each([
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2'],
    ['TLS', '\x16\x03\x01'],
    ['SSH', 'SSH-2.'],
    ['SMTP', 'EHLO me\r'],
    ['a word', 'h'],
    ['a space first', ' GET'],
    ['a version of its own', 'GET / HTTQ'],
    ['what is asked of a proxy', 'CONNECT web.example:443 HTTP/1.1\r\nHost: web.example:443\r\n\r\n'],
    ['an address', 'GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n'],
    ['an IPv6 address', 'GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n'],
    ['user information', 'GET http://me@web.example/ HTTP/1.1\r\n'],
    ['an empty host', 'GET / HTTP/1.1\r\nHost:\r\nA: b\r\n'],
    ['an empty host at the end', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['a folded line without a header', 'GET / HTTP/1.1\r\n\r\n Host: web.example\r\n'],
    ['TLS behind an empty line', '\r\n\x16\x03\x01'],
    ['empty lines without end', '\r\n\r\n\r\n\r\n\r\n'],
    ['no host', 'GET / HTTP/1.0\r\nAccept: */*\r\n\r\n'],
    ['a head that never ends', `GET / HTTP/1.1\r\nCookie: ${'a'.repeat(16_400)}`],
  ])('%s', (_what, text) => expect(sniff(text)).toEqual({ kind: 'none' }));
});

test('cut anywhere: one more byte is asked for until the line of the host is whole', () => {
  const text = 'OPTIONS http:/x HTTP/1.1\r\nAccept: text/html\r\nHost: web.example:81\r\n\r\nbody';
  const whole = text.indexOf(':81\r\n') + 5;
  for (let cut = 0; cut < whole; cut++) {
    expect(sniff(text.slice(0, cut)), text.slice(0, cut)).toEqual({ kind: 'more', atLeast: cut + 1 });
  }
  for (let cut = whole; cut <= text.length; cut++) expect(sniff(text.slice(0, cut))).toEqual(found);
});

test('an empty line in front, cut anywhere', () => {
  const text = '\r\nGET / HTTP/1.1\r\nA: b\r\n c\r\nHost: web.example\r\n';
  for (let cut = 0; cut < text.length; cut++) {
    expect(sniff(text.slice(0, cut)), text.slice(0, cut)).toEqual({ kind: 'more', atLeast: cut + 1 });
  }
  expect(sniff(text)).toEqual(found);
});

test('any bytes are read without harm and in little time', () => {
  const words = fc.constantFrom(
    'GET',
    ' ',
    '/',
    'HTTP/1.1',
    '\r\n',
    '\n',
    'Host',
    ':',
    'a.b',
    '\t',
    'http://',
    '@',
    '\0',
  );
  const texts = fc.oneof(
    fc.array(words, { maxLength: 60 }).map((parts) => parts.join('')),
    fc.string({ maxLength: 500 }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const sniffed = sniff(text);
      if (sniffed.kind === 'more') expect(sniffed.atLeast).toBeGreaterThan(Buffer.from(text, 'latin1').length);
    }),
  );
  const started = fairClock.monotonic();
  for (const unit of ['A', ' ', 'A ', '\n', 'A:\n', 'GET a\t']) sniff(unit.repeat(16_000));
  sniff(`GET ${'H'.repeat(16_000)}`);
  sniff(`GET / HTTP/1.1\r\nA:${'\t a'.repeat(5000)}\r\n`);
  expect(fairClock.monotonic() - started).toBeLessThan(500);
});
