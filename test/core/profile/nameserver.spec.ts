import { expect, test } from 'vitest';
import { parseNameserver } from '../../../core/profile/nameserver.ts';

test.each([
  ['192.0.2.53', '192.0.2.53', 53],
  ['192.0.2.53:5353', '192.0.2.53', 5353],
  ['udp://192.0.2.53', '192.0.2.53', 53],
  ['UDP://192.0.2.53:54', '192.0.2.53', 54],
  ['2001:DB8::53', '2001:db8::53', 53],
  ['[2001:db8::53]', '2001:db8::53', 53],
  ['udp://[2001:db8::53]:5353', '2001:db8::53', 5353],
])('%s', (text, address, port) => {
  expect(parseNameserver(text)).toEqual({ ok: true, upstream: { kind: 'udp', address, port } });
});

test.each(['system', 'system://'])('%s: the servers of before', (text) => {
  expect(parseNameserver(text)).toEqual({ ok: true, upstream: { kind: 'system' } });
});

test.each([
  ['https://dns.example/dns-query', 'DNS over HTTPS (https://) is not supported yet'],
  ['tls://192.0.2.1:853', 'DNS over TLS (tls://) is not supported yet'],
  ['tcp://192.0.2.1', 'DNS over TCP (tcp://) is not supported yet'],
  ['rcode://success', 'a fixed answer code (rcode://) is not supported yet'],
  ['ftp://192.0.2.1', '"ftp://" is no kind of nameserver'],
  ['192.0.2.1#proxy', 'parameters after "#" are not supported yet'],
  ['dns.example', '"dns.example" is no address'],
  ['dns.example:53', '"dns.example" is no address; a nameserver\'s name could not be looked up'],
  ['192.0.2.1:0', 'port 0 is out of range'],
  ['192.0.2.1:70000', '"192.0.2.1:70000" is no address'],
  ['[192.0.2.1', '"[192.0.2.1" is no address'],
  ['', '"" is no address'],
])('%s is refused', (text, message) => {
  expect(parseNameserver(text)).toEqual({ ok: false, message });
});
