import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseHost } from '../../../core/net/host.ts';

test.each([
  ['Example.COM.', 'example.com'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['192.0.2.1', '192.0.2.1'],
  ['[2001:DB8::1]', '2001:db8::1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['_dmarc.example.com', '_dmarc.example.com'],
])('%s is %s', (text, host) => expect(parseHost(text)).toBe(host));

test.each(['', '.', 'a b', 'a:1', 'a/b', 'u@h', '[x]', 'a\r\nb', 'a'.repeat(254)])('%j is no host', (text) =>
  expect(parseHost(text)).toBeUndefined(),
);

test('reading a host again changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const host = parseHost(text);
      if (host !== undefined) expect(parseHost(host)).toBe(host);
    }),
  );
});
