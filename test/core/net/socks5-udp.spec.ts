import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeSocksDatagram, parseSocksDatagram } from '../../../core/net/socks5-udp.ts';

const data = Buffer.from('data');

test.each([
  ['an IPv4 address', { host: '192.0.2.1', port: 53 }],
  ['an IPv6 address', { host: '2001:db8::1', port: 65_535 }],
  ['a name', { host: 'a.example', port: 443 }],
])('%s there and back', (_what, peer) => {
  expect(parseSocksDatagram(encodeSocksDatagram({ peer, data }))).toEqual({ peer, data });
});

test.each([
  ['a fragment', [0, 0, 1, 1, 192, 0, 2, 1, 0, 53, 1]],
  ['the last fragment', [0, 0, 0x81, 1, 192, 0, 2, 1, 0, 53, 1]],
  ['port 0', [0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 1]],
  ['an unknown kind of address', [0, 0, 0, 9, 1, 1]],
  ['an empty name', [0, 0, 0, 3, 0, 0, 53]],
  ['half an address', [0, 0, 0, 4, 1, 2, 3]],
  ['nothing', []],
])('%s is dropped', (_what, bytes) => {
  expect(parseSocksDatagram(Uint8Array.from(bytes))).toBeUndefined();
});

test('reserved bytes do not matter, and an empty datagram is one', () => {
  expect(parseSocksDatagram(Uint8Array.of(1, 2, 0, 1, 192, 0, 2, 1, 0, 53))).toEqual({
    peer: { host: '192.0.2.1', port: 53 },
    data: new Uint8Array(),
  });
});

test('arbitrary bytes never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseSocksDatagram(bytes)));
});
