import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { end, load, problemsOf } from './loader-ground.ts';

type DnsServers = Config['tun']['dnsHijack']['udp'];

const only = (...taken: string[]): DnsServers => ({ taken, spared: [] });
const everyone = only('0.0.0.0/0', '::/0');
const nobody = only();

describe('what a profile means', () => {
  test('the example is free of problems', () => {
    const config = load(readFileSync(new URL('../../../build/examples/profile.yaml', import.meta.url), 'utf8'));
    expect(config.rules.length).toBeGreaterThan(5);
    expect(config.proxies).toHaveLength(2);
  });

  test('an authority for nameservers with TLS, as text', () => {
    const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const block = pem
      .trim()
      .split('\n')
      .map((line) => `    ${line}`)
      .join('\n');
    const { dns } = load(`
dns:
  ca: |
${block}
  nameserver: [tls://dns.example, 192.0.2.53]
  fallback: [https://doh.example/q]
rules: ['MATCH,DIRECT']
`);
    expect(dns.nameserver).toMatchObject([{ kind: 'tls', ca: pem }, { kind: 'udp' }]);
    expect(dns.fallback).toMatchObject([{ kind: 'https', ca: pem }]);
  });

  test.each([
    ['', {}],
    ['geoip: true, geoip-code: CN', {}],
    ['ipcidr: [203.0.113.0/24]', { ipcidr: ['203.0.113.0/24'] }],
    ['domain: ["+.a.example"]', { domain: ['+.a.example'] }],
    ['ipcidr: []', { ipcidr: [] }],
  ])('fallback-filter {%s}: what is not written is as in the default', (filter, written) => {
    const { config } = loadProfile(
      `dns: {nameserver: [192.0.2.53], fallback-filter: {${filter}}}\nrules: ['MATCH,DIRECT']`,
    );
    const { fallbackFilter } = defaultConfig.dns;
    expect(fallbackFilter.ipcidr).toContain('127.0.0.0/8');
    expect(config?.dns.fallbackFilter).toEqual({ ...fallbackFilter, ...written });
  });

  test('#RULES and respect-rules: usual servers that name no way of their own are asked by the rules', () => {
    const text = (respect: string) => `
proxies: [{name: p, type: socks5, server: 192.0.2.1, port: 1}]
dns:
  ${respect}
  nameserver: [192.0.2.53, "192.0.2.54#RULES", "192.0.2.55#p", system]
  fallback: [tls://192.0.2.56]
  nameserver-policy: {a.example: 192.0.2.57}
  default-nameserver: [192.0.2.58]
  proxy-server-nameserver: [192.0.2.59]
  direct-nameserver: [192.0.2.60]
rules: ['MATCH,DIRECT']
`;
    const byRules = (respect: string) => {
      const { dns } = load(text(respect));
      const policy = dns.nameserverPolicy.flatMap(({ servers }) => servers);
      const { nameserver, fallback, bootstrap, proxyServerNameserver, directNameserver } = dns;
      const all = [...nameserver, ...fallback, ...policy, ...bootstrap, ...proxyServerNameserver, ...directNameserver];
      return all.map((server) => 'byRules' in server && server.byRules === true);
    };
    const [yes, no] = [true, false];
    expect(byRules('ipv6: true')).toEqual([no, yes, no, no, no, no, no, no, no]);
    expect(byRules('respect-rules: true')).toEqual([yes, yes, no, no, yes, yes, no, no, no]);
  });

  test('hosts, the own ones and those of the system, can be left out', () => {
    const text = (dns: string) =>
      `dns: {nameserver: [system], ${dns}}\nhosts: {a.example: 192.0.2.1}\nrules: ['MATCH,DIRECT']`;
    expect(load(text('use-hosts: false')).dns).toMatchObject({ hosts: {}, systemHosts: true });
    expect(load(text('use-system-hosts: false')).dns).toMatchObject({
      hosts: { 'a.example': ['192.0.2.1'] },
      systemHosts: false,
    });
  });

  test('every key', () => {
    const config = load(
      `
mixed-port: 7891
allow-lan: true
bind-address: '192.0.2.1'
authentication: ["me:pass:word", "you:"]
log-level: WARNING
mode: rule
ipv6: false
dns:
  enable: true
  ipv6: no
  enhanced-mode: fake-ip
  fake-ip-filter-mode: blacklist
  fake-ip-range: 198.18.0.1/16
  fake-ip-filter: ['*.lan', +.example.com, time.*.com, .below.example]
  fake-ip-ttl: 30
  nameserver: [192.0.2.53, udp://192.0.2.54:5353, '[2001:db8::53]:53', system]
hosts:
  a.example: 192.0.2.1
  '*.b.example': [192.0.2.1, 2001:DB8::1]
  c.example: A.Example.
tun:
  device: tun7
  mtu: 1500
  gso: off
  strict-route: on
  auto-route: true
  route-exclude-address: [192.168.1.7/16]
  inet6-route-exclude-address: [2001:db8::1/32]
  dns-hijack: ['any:53', '!203.0.113.80', '!udp://[2001:db8::/64]:53']
proxies:
  - {name: one, type: socks5, server: proxy.example, port: "1080"}
  - {name: 2, type: SOCKS5, server: '[2001:db8::1]', port: 1081, username: 007, password: true, udp: true, tls: false}
  - {name: web, type: http, server: proxy.example, port: 8080, username: me, headers: {X-T5-Auth: 683556433, Host: a.example}}
  - {name: out, type: direct, udp: true}
  - {name: no, type: reject}
  - {name: hole, type: reject-drop}
rules:
  - DOMAIN-SUFFIX,example.com,one
  - 'DST-PORT,22,2'
  - MATCH,REJECT-DROP
`,
      'warning: taken as it is written; Clash reads this as a number and would change it',
    );
    expect(config).toEqual({
      ipv6: 'never',
      sets: [],
      subRules: {},
      mode: 'rule',
      groups: [],
      checks: [],
      sniffer: defaultConfig.sniffer,
      logLevel: 'warning',
      mixed: {
        address: '192.0.2.1',
        port: 7891,
        users: [
          { username: 'me', password: 'pass:word' },
          { username: 'you', password: '' },
        ],
      },
      dns: {
        ...defaultConfig.dns,
        ipv6: false,
        fakeIpRange: '198.18.0.0/16',
        fakeIpFilter: { mode: 'blacklist', patterns: ['*.lan', '+.example.com', 'time.*.com', '.below.example'] },
        fakeIpTtl: 30,
        nameserver: [
          { kind: 'udp', address: '192.0.2.53', port: 53 },
          { kind: 'udp', address: '192.0.2.54', port: 5353 },
          { kind: 'udp', address: '2001:db8::53', port: 53 },
          { kind: 'system' },
        ],
        hosts: {
          'a.example': ['192.0.2.1'],
          '*.b.example': ['192.0.2.1', '2001:db8::1'],
          'c.example': 'a.example',
        },
      },
      tun: {
        device: 'tun7',
        mtu: 1500,
        gso: false,
        strictRoute: true,
        routeExclude: ['192.168.0.0/16', '2001:db8::/32'],
        dnsHijack: {
          udp: { taken: ['0.0.0.0/0', '::/0'], spared: ['203.0.113.80/32', '2001:db8::/64'] },
          tcp: { taken: ['0.0.0.0/0', '::/0'], spared: ['203.0.113.80/32'] },
        },
      },
      proxies: [
        { type: 'socks5', name: 'one', server: 'proxy.example', port: 1080, udp: false },
        { type: 'socks5', name: '2', server: '2001:db8::1', port: 1081, username: '007', password: 'true', udp: true },
        {
          type: 'http',
          name: 'web',
          server: 'proxy.example',
          port: 8080,
          username: 'me',
          headers: [
            ['X-T5-Auth', '683556433'],
            ['Host', 'a.example'],
          ],
        },
        { type: 'direct', name: 'out' },
        { type: 'reject', name: 'no', drop: false },
        { type: 'reject', name: 'hole', drop: true },
      ],
      rules: [
        { type: 'DOMAIN-SUFFIX', payload: 'example.com', policy: 'one', noResolve: false },
        { type: 'DST-PORT', payload: '22', policy: '2', noResolve: false },
        { type: 'MATCH', payload: '', policy: 'REJECT-DROP', noResolve: false },
      ],
    });
  });

  test('what is not said is as in the built-in default, but no port is opened', () => {
    expect(load('dns:\ntun:\nproxies:\nhosts:\nrules: ["MATCH,DIRECT"]')).toEqual({ ...defaultConfig, mixed: null });
    expect(load(`mixed-port: 0${end}`).mixed).toBeNull();
  });

  test.each<[string, DnsServers, DnsServers]>([
    ['[any:53]', everyone, everyone],
    ['["tcp://any:53"]', nobody, everyone],
    ['["udp://0.0.0.0:53"]', everyone, nobody],
    ['[]', nobody, nobody],
    ['[8.8.8.8, "[2001:db8::1]:53"]', only('8.8.8.8/32', '2001:db8::1/128'), only('8.8.8.8/32', '2001:db8::1/128')],
    ['[10.1.2.3/8]', only('10.0.0.0/8'), only('10.0.0.0/8')],
    ['["!tcp://ANY"]', nobody, { taken: [], spared: ['0.0.0.0/0', '::/0'] }],
  ])('dns-hijack: %s', (list, udp, tcp) => {
    expect(load(`tun:\n  dns-hijack: ${list}${end}`).tun.dnsHijack).toEqual({ udp, tcp });
  });

  test.each(['quic://any:53', 'dns.example:53', 'any:5353', '1.2.3.4/33', ''])(
    'dns-hijack: "%s" is warned of',
    (entry) => {
      const { config, problems } = loadProfile(`tun:\n  dns-hijack: ["${entry}", 9.9.9.9]${end}`);
      expect(config?.tun.dnsHijack.udp).toEqual(only('9.9.9.9/32'));
      expect(problems.filter(({ path }) => path?.startsWith('tun.dns-hijack'))).toHaveLength(1);
    },
  );

  test('the mixed port is on the loopback unless allow-lan says otherwise', () => {
    const address = (text: string) => load(`mixed-port: 7001\n${text}${end}`).mixed?.address;
    expect(address('')).toBe('127.0.0.1');
    expect(address('bind-address: "*"')).toBe('127.0.0.1');
    expect(address('allow-lan: true\nauthentication: ["a:b"]')).toBe('0.0.0.0');
    expect(address('allow-lan: true\nauthentication: ["a:b"]\nbind-address: "::"')).toBe('::');
  });

  test('anchors, aliases and merge keys: what stands there wins', () => {
    const config = load(
      `base: &base {type: socks5, port: 1080, udp: true}
proxies:
  - {<<: *base, name: one, server: 192.0.2.1}
  - {name: two, server: &host 192.0.2.2, udp: false, <<: [*base, {port: 1, server: no}]}
  - {name: three, server: *host, <<: *base}
rules: [&all "MATCH,one"]
`,
    );
    expect(config.proxies).toEqual([
      { type: 'socks5', name: 'one', server: '192.0.2.1', port: 1080, udp: true },
      { type: 'socks5', name: 'two', server: '192.0.2.2', port: 1080, udp: false },
      { type: 'socks5', name: 'three', server: '192.0.2.2', port: 1080, udp: true },
    ]);
  });

  test('an alias without anchor is told once, also where a value is needed', () => {
    expect(problemsOf(`proxies:\n  - {name: x, type: *socks5}${end}`)).toEqual([
      '2:21 warning proxies[0].type YAML_NO_ANCHOR',
    ]);
  });

  test('a byte order mark and Windows line ends are taken', () => {
    expect(load('\ufeffmixed-port: 7001\r\nrules:\r\n  - MATCH,REJECT\r\n').rules[0]?.policy).toBe('REJECT');
  });
});

test('where each rule stands is known, whatever is left out between them; of an override, its own line', () => {
  const text = `mixed-port: 7890
rules:
  - DOMAIN,a.example,DIRECT
  - NONSENSE,b.example,DIRECT
  - DOMAIN,c.example,nobody
  - { }
  - MATCH,DIRECT
`;
  const plain = loadProfile(text);
  expect(plain.config?.rules.map(({ payload }) => payload)).toEqual(['a.example', 'c.example', '']);
  expect(plain.ruleLines).toEqual([3, 5, 7]);
  const overridden = loadProfile(text, undefined, { override: '# mine\n+rules:\n  - DOMAIN,own.example,REJECT\n' });
  expect(overridden.ruleLines).toEqual([-3, 3, 5, 7]);
});
