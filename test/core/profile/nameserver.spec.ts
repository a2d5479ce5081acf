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
  ['tcp://192.0.2.1', { kind: 'tcp', host: '192.0.2.1', port: 53 }],
  ['tls://DNS.example', { kind: 'tls', host: 'dns.example', port: 853 }],
  ['tls://B\u00FCcher.example', { kind: 'tls', host: 'xn--bcher-kva.example', port: 853 }],
  ['tls://192.0.2.1:8853', { kind: 'tls', host: '192.0.2.1', port: 8853 }],
  ['https://dns.example', { kind: 'https', host: 'dns.example', port: 443, path: '/dns-query', method: 'POST' }],
  [
    'https://[2001:db8::1]:444/q#m&method=get',
    { kind: 'https', host: '2001:db8::1', port: 444, path: '/q', method: 'GET', via: 'm' },
  ],
  ['rcode://name_error', { kind: 'rcode', rcode: 'NXDOMAIN' }],
  ['192.0.2.1#My Proxy', { kind: 'udp', address: '192.0.2.1', port: 53, via: 'My Proxy' }],
  [
    '192.0.2.1#ecs=192.0.2.0/24&disable-ipv6=true',
    { kind: 'udp', address: '192.0.2.1', port: 53, ecs: '192.0.2.0/24', disableIpv6: true },
  ],
  [
    '192.0.2.1#p&ecs=192.0.2.7&dns64=64:ff9b::/96',
    { kind: 'udp', address: '192.0.2.1', port: 53, via: 'p', ecs: '192.0.2.7/32', dns64: '64:ff9b::/96' },
  ],
])('%s', (text, upstream) => {
  expect(parseNameserver(text)).toEqual({ ok: true, upstream });
});

test('a parameter that changes nothing is told', () => {
  expect(parseNameserver('https://dns.example#p&h3=true')).toMatchObject({ ok: true, ignored: 'h3' });
});

test.each([
  ['quic://192.0.2.1', 'DNS over QUIC (quic://) is not supported yet'],
  [
    'rcode://perhaps',
    '"perhaps" is no answer code; known are success, server_failure, name_error, not_implemented, refused',
  ],
  ['ftp://192.0.2.1', '"ftp://" is no kind of nameserver'],
  ['192.0.2.1#p&wat=1', 'the parameter "wat" is not known'],
  ['192.0.2.1#p&q', '"q" is no parameter'],
  ['192.0.2.1#ecs=nowhere', 'ecs: "nowhere" is no prefix'],
  ['192.0.2.1#dns64=64:ff9b::/64', 'dns64: "64:ff9b::/64" is no IPv6 /96 prefix'],
  [
    'https://dns.example#skip-cert-verify=true',
    'skip-cert-verify is refused: an unproven server could answer anything',
  ],
  ['tls://dns.example/path', '"/path" is no port'],
  ['dns.example', '"dns.example" is no address; a UDP nameserver is given by address'],
  ['192.0.2.1:0', 'port 0 is out of range'],
  ['192.0.2.1:70000', '"192.0.2.1:70000" is no address'],
  ['[192.0.2.1', '"[192.0.2.1" is no address'],
  ['', '"" is no address'],
])('%s is refused', (text, message) => {
  expect(parseNameserver(text)).toEqual({ ok: false, message });
});
