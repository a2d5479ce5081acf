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
  expect(parseNameserver(text)).toEqual({ ok: true, upstream: { kind: 'udp', address, port }, notes: [] });
});

test.each(['system', 'system://'])('%s: the servers of before', (text) => {
  expect(parseNameserver(text)).toEqual({ ok: true, upstream: { kind: 'system' }, notes: [] });
});

test.each([
  ['tcp://192.0.2.1', { kind: 'tcp', host: '192.0.2.1', port: 53 }],
  ['tls://DNS.example', { kind: 'tls', host: 'dns.example', port: 853 }],
  ['tls://B\u00FCcher.example', { kind: 'tls', host: 'xn--bcher-kva.example', port: 853 }],
  ['tls://192.0.2.1:8853', { kind: 'tls', host: '192.0.2.1', port: 8853 }],
  ['https://dns.example', { kind: 'https', host: 'dns.example', port: 443, path: '/dns-query', method: 'POST' }],
  [
    'https://dns.example/q{?dns}#method=get',
    { kind: 'https', host: 'dns.example', port: 443, path: '/q', method: 'GET' },
  ],
  [
    'https://[2001:db8::1]:444/q#m&method=get',
    { kind: 'https', host: '2001:db8::1', port: 444, path: '/q', method: 'GET', via: 'm' },
  ],
  ['rcode://name_error', { kind: 'rcode', rcode: 'NXDOMAIN' }],
  ['fe80::53%eth0', { kind: 'udp', address: 'fe80::53', port: 53, device: 'eth0' }],
  ['[fe80::53%wlan0]:5353', { kind: 'udp', address: 'fe80::53', port: 5353, device: 'wlan0' }],
  ['udp://[FE80::53%25eth0]', { kind: 'udp', address: 'fe80::53', port: 53, device: 'eth0' }],
  ['tcp://fe80::53%eth0#eth0', { kind: 'tcp', host: 'fe80::53', port: 53, device: 'eth0' }],
  ['tls://[fe80::53%br-lan.2]:853', { kind: 'tls', host: 'fe80::53', port: 853, device: 'br-lan.2' }],
  ['2001:db8::53%eth0', { kind: 'udp', address: '2001:db8::53', port: 53 }],
  ['192.0.2.1#My Proxy', { kind: 'udp', address: '192.0.2.1', port: 53, via: 'My Proxy' }],
  [
    '192.0.2.1#ecs=192.0.2.0/24&disable-ipv6=true',
    { kind: 'udp', address: '192.0.2.1', port: 53, ecs: '192.0.2.0/24', disableIpv6: true },
  ],
  [
    '192.0.2.1#p&ecs=192.0.2.7&dns64=64:ff9b::/96',
    { kind: 'udp', address: '192.0.2.1', port: 53, via: 'p', ecs: '192.0.2.7/32', dns64: '64:ff9b::/96' },
  ],
  ['192.0.2.1#RULES', { kind: 'udp', address: '192.0.2.1', port: 53, via: 'RULES' }],
  [
    '192.0.2.1#disable-qtype-65=true&disable-qtype-64=false&disable-qtype-16=TRUE',
    { kind: 'udp', address: '192.0.2.1', port: 53, disableTypes: [65, 16] },
  ],
])('%s', (text, upstream) => {
  expect(parseNameserver(text)).toEqual({ ok: true, upstream, notes: [] });
});

test.each([
  ['https://dns.example#p&h3=true', 'https', 'NAMESERVER_PARAMETER'],
  ['192.0.2.1#p&wat=1', 'udp', 'NAMESERVER_PARAMETER'],
  ['192.0.2.1#p&q', 'udp', 'NAMESERVER_PARAMETER'],
  ['192.0.2.1#disable-qtype-0=true', 'udp', 'NAMESERVER_PARAMETER'],
  ['192.0.2.1#disable-qtype-70000=true', 'udp', 'NAMESERVER_PARAMETER'],
  ['https://dns.example#skip-cert-verify=true', 'https', 'NAMESERVER_VERIFIED'],
  ['dns.example', 'tcp', 'NAMESERVER_BY_NAME'],
  ['udp://dns.example:5353', 'tcp', 'NAMESERVER_BY_NAME'],
])('%s is asked, and something is told', (text, kind, code) => {
  expect(parseNameserver(text)).toMatchObject({ ok: true, upstream: { kind }, notes: [{ code }] });
});

test.each(['192.0.2.1#', '192.0.2.1:', 'udp://192.0.2.1:/'])('%s: nothing behind the mark means nothing', (text) => {
  expect(parseNameserver(text)).toEqual({
    ok: true,
    upstream: { kind: 'udp', address: '192.0.2.1', port: 53 },
    notes: [],
  });
});

test.each([
  ['quic://dns.example', 'tls', 'dns.example', 853],
  ['quic://dns.example:784', 'tls', 'dns.example', 853],
  ['QUIC://192.0.2.1:8853#proxy', 'tls', '192.0.2.1', 853],
  ['quic://[2001:db8::1]:853', 'tls', '2001:db8::1', 853],
  ['quic://2001:db8::853', 'tls', '2001:db8::853', 853],
  ['quic://dns.example:5353', 'tls', 'dns.example', 5353],
  ['h3://dns.example/dns-query', 'https', 'dns.example', 443],
  ['h3://192.0.2.1:8443', 'https', '192.0.2.1', 8443],
  ['dns.example/dns-query', 'https', 'dns.example', 443],
  ['dns.example:8443/dns-query#ecs=192.0.2.0/24', 'https', 'dns.example', 8443],
])('%s is asked in a way that is spoken here, and that is told', (text, kind, host, port) => {
  const parsed = parseNameserver(text);
  expect(parsed).toMatchObject({ ok: true, upstream: { kind, host, port } });
  expect(parsed.ok && parsed.notes[0]).toMatchObject({ code: 'NAMESERVER_READ_AS' });
});

test('the servers of one network interface are those of the system', () => {
  expect(parseNameserver('dhcp://eth0')).toEqual({
    ok: true,
    upstream: { kind: 'system' },
    notes: [{ code: 'NAMESERVER_READ_AS', values: { now: 'system' } }],
  });
});

test.each([
  ['ts://x', 'NAMESERVER_LATER'],
  ['rcode://perhaps', 'NAMESERVER_UNKNOWN'],
  ['ftp://192.0.2.1', 'NAMESERVER_UNKNOWN'],
  ['192.0.2.1#ecs=nowhere', 'NAMESERVER_UNKNOWN'],
  ['192.0.2.1#dns64=64:ff9b::/64', 'NAMESERVER_UNKNOWN'],
  ['tls://dns.example/path', 'NAMESERVER_UNKNOWN'],
  ['localhost', 'NAMESERVER_UNKNOWN'],
  ['192.0.2.1:0', 'NAMESERVER_UNKNOWN'],
  ['fe80::53%2', 'NAMESERVER_UNKNOWN'],
  ['fe80::53%eth0#proxy', 'NAMESERVER_UNKNOWN'],
  ['fe80::53%', 'NAMESERVER_UNKNOWN'],
  ['[fe80::53%eth0]:0', 'NAMESERVER_UNKNOWN'],
  ['192.0.2.1:70000', 'NAMESERVER_UNKNOWN'],
  ['[192.0.2.1', 'NAMESERVER_UNKNOWN'],
  ['https://u:p@192.0.2.1/dns-query', 'NAMESERVER_UNKNOWN'],
  ['', 'NAMESERVER_UNKNOWN'],
  ['192.0.2', 'NAMESERVER_UNKNOWN'],
  ['tls://01.1.1.1', 'NAMESERVER_UNKNOWN'],
  ['https://dns.0x7f/dns-query', 'NAMESERVER_UNKNOWN'],
  ['tcp://dns..example', 'NAMESERVER_UNKNOWN'],
  ['224.0.0.251', 'NAMESERVER_UNKNOWN'],
  ['tcp://255.255.255.255', 'NAMESERVER_UNKNOWN'],
  ['[ff02::fb]:5353', 'NAMESERVER_UNKNOWN'],
])('%s cannot be asked', (text, code) => {
  expect(parseNameserver(text)).toMatchObject({ ok: false, note: { code } });
});
