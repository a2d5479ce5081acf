import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Config, configSchema, defaultConfig } from '../../../core/contract/config.ts';
import { loadProfile, maxProfileBytes } from '../../../core/profile/profile-loader.ts';

/** The configuration of a profile that must have nothing but the given warnings. */
function load(text: string, ...warnings: string[]): Config {
  const { config, problems } = loadProfile(text);
  expect(problems.map((problem) => `${problem.severity}: ${problem.message}`)).toEqual(warnings);
  return configSchema.parse(config);
}

/** `line:column severity path: message`, one a problem. */
function problemsOf(text: string): string[] {
  return loadProfile(text).problems.map(
    ({ line, column, severity, path, message }) => `${line}:${column} ${severity} ${path}: ${message}`,
  );
}

type DnsServers = Config['tun']['dnsHijack']['udp'];
const only = (...taken: string[]): DnsServers => ({ taken, spared: [] });
const everyone = only('0.0.0.0/0', '::/0');
const nobody = only();

const end = '\nrules: ["MATCH,DIRECT"]\n';

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
    const config = load(`
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
  auto-route: true
  route-exclude-address: [192.168.1.7/16]
  inet6-route-exclude-address: [2001:db8::1/32]
  dns-hijack: ['any:53', '!203.0.113.80', '!udp://[2001:db8::/64]:53']
proxies:
  - {name: one, type: socks5, server: proxy.example, port: "1080"}
  - {name: 2, type: SOCKS5, server: '[2001:db8::1]', port: 1081, username: 007, password: true, udp: true, tls: false}
  - {name: out, type: direct, udp: true}
  - {name: no, type: reject}
  - {name: hole, type: reject-drop}
rules:
  - DOMAIN-SUFFIX,example.com,one
  - 'DST-PORT,22,2'
  - MATCH,REJECT-DROP
`);
    expect(config).toEqual({
      ipv6: 'never',
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
        routeExclude: ['192.168.0.0/16', '2001:db8::/32'],
        dnsHijack: {
          udp: { taken: ['0.0.0.0/0', '::/0'], spared: ['203.0.113.80/32', '2001:db8::/64'] },
          tcp: { taken: ['0.0.0.0/0', '::/0'], spared: ['203.0.113.80/32'] },
        },
      },
      proxies: [
        { type: 'socks5', name: 'one', server: 'proxy.example', port: 1080, udp: false },
        { type: 'socks5', name: '2', server: '2001:db8::1', port: 1081, username: '007', password: 'true', udp: true },
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
    const address = (text: string) => load(`mixed-port: 1\n${text}${end}`).mixed?.address;
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
      'warning: the key "base" is not known here and is ignored',
    );
    expect(config.proxies).toEqual([
      { type: 'socks5', name: 'one', server: '192.0.2.1', port: 1080, udp: true },
      { type: 'socks5', name: 'two', server: '192.0.2.2', port: 1080, udp: false },
      { type: 'socks5', name: 'three', server: '192.0.2.2', port: 1080, udp: true },
    ]);
  });

  test('an alias without anchor is told once, also where a value is needed', () => {
    expect(problemsOf(`proxies:\n  - {name: x, type: *socks5}${end}`)).toEqual([
      '2:21 error proxies[0].type: YAML takes *socks5 for an alias, and nothing has the anchor &socks5',
    ]);
  });

  test('a byte order mark and Windows line ends are taken', () => {
    expect(load('\ufeffmixed-port: 1\r\nrules:\r\n  - MATCH,REJECT\r\n').rules[0]?.policy).toBe('REJECT');
  });
});

describe('mistakes, each with its exact place', () => {
  test.each([
    ['mixed-port: 99999', '1:13 error mixed-port: 99999 is out of range'],
    ['mixed-port: http', '1:13 error mixed-port: text cannot stand here'],
    ['mixed-port: [1]', '1:13 error mixed-port: a list cannot stand here'],
    ['mixed-port: 80.5', '1:13 error mixed-port: a number cannot stand here'],
    ['log-level: loud', '1:12 error log-level: "loud" is not known here'],
    ['ipv6: maybe', '1:7 error ipv6: text cannot stand here'],
    ['mode: fast', '1:7 error mode: "fast" is not known here'],
    [
      'allow-lan: true',
      '1:12 error allow-lan: everybody on the network could use the mixed port, so allow-lan needs users',
    ],
    ['bind-address: here\nallow-lan: true\nauthentication: [a:b]', '1:15 error bind-address: "here" is no address'],
    [
      'allow-lan: true\nauthentication: [a:b]\nlan-allowed-ips: [10.0.0.0/8]',
      '3:18 error lan-allowed-ips: restricting allow-lan by address is not supported yet',
    ],
    ['authentication: [secret]', '1:18 error authentication[0]: user and password must be separated by ":"'],
    ['authentication: ["a:1", "a:2"]', '1:25 error authentication[1]: the user "a" stands here a second time'],
    [
      'mixed-port: 1\nlog-level: info\nmixed-port: 2',
      '3:1 error mixed-port: the key "mixed-port" stands here a second time',
    ],
    ['dns: fake-ip', '1:6 error dns: text cannot stand here'],
    [
      'dns:\n  enhanced-mode: normal',
      '2:18 error dns.enhanced-mode: the mode normal would leave connections without names',
    ],
    [
      'dns:\n  fake-ip-filter-mode: rule\n  fake-ip-filter: ["DOMAIN,a.example,direct"]',
      '3:20 error dns.fake-ip-filter[0]: "DOMAIN,a.example,direct" says neither fake-ip nor real-ip',
    ],
    [
      'dns:\n  fake-ip-filter-mode: rule\n  fake-ip-filter: ["DOMAIN-SUFFIX,.a.example,real-ip"]',
      '3:20 error dns.fake-ip-filter[0]: "DOMAIN-SUFFIX,.a.example,real-ip": the name ".a.example" has an empty label',
    ],
    [
      'dns:\n  fake-ip-filter-mode: rule\n  fake-ip-filter: ["DOMAIN-KEYWORD,a b,real-ip"]',
      '3:20 error dns.fake-ip-filter[0]: "DOMAIN-KEYWORD,a b,real-ip": no name contains " "',
    ],
    [
      'dns:\n  fake-ip-filter: ["https://a.example/"]',
      '2:20 error dns.fake-ip-filter[0]: "https://a.example/": no name contains ":"',
    ],
    [
      'dns:\n  nameserver-policy: { "geosite:cn": 192.0.2.1 }',
      '2:24 error dns.nameserver-policy["geosite:cn"]: "geosite:cn": sets of names are not supported yet',
    ],
    [
      'dns:\n  default-nameserver: ["tls://dns.example"]',
      '2:23 error dns.default-nameserver: "dns.example" is a name, which nobody could look up',
    ],
    ['dns:\n  fake-ip-range: 198.18.0.0', '2:18 error dns.fake-ip-range: "198.18.0.0" is no IP prefix'],
    [
      'dns:\n  fake-ip-range: 198.18.0.0/30',
      '2:18 error dns.fake-ip-range: the range is too small: a /30 has 4 addresses',
    ],
    ['dns:\n  fake-ip-range: 10.0.0.0/7', '2:18 error dns.fake-ip-range: the range is too large'],
    [
      'dns:\n  fake-ip-range: 127.0.0.0/16',
      '2:18 error dns.fake-ip-range: the range contains addresses of the loopback (127.0.0.0/8)',
    ],
    ['dns:\n  fake-ip-range: fc00::/18', '2:18 error dns.fake-ip-range: the range of fake addresses must be IPv4'],
    ['dns:\n  nameserver: ["192.0.2.53#no proxy"]', '2:16 error dns.nameserver[0]: there is no proxy "no proxy"'],
    ['dns:\n  nameserver: ["192.0.2.53#PASS"]', '2:16 error dns.nameserver[0]: the policy PASS is not supported yet'],
    [
      'dns:\n  fake-ip-range6: 198.18.0.0/15',
      '2:19 error dns.fake-ip-range6: the range of fake IPv6 addresses must be IPv6',
    ],
    [
      'dns:\n  fake-ip-range6: fdfe:dcba:9876::/97',
      '2:19 error dns.fake-ip-range6: the range is too small: no IPv4 address has room in a /97',
    ],
    [
      'dns:\n  fake-ip-range6: 64:ff9b::/32',
      '2:19 error dns.fake-ip-range6: the range contains addresses of IPv4 hosts behind NAT64 (64:ff9b::/96)',
    ],
    [
      'dns:\n  fake-ip-range6: fdfe:dcba:9876::1/64\ntun:\n  inet6-route-exclude-address: [fdfe::/16]',
      '4:33 error tun.inet6-route-exclude-address[0]: fdfe::/16 overlaps the fake-ip-range6 fdfe:dcba:9876::/96, which must enter the TUN',
    ],
    [
      'dns:\n  fake-ip-range6: fdfe:dcba:9876::1/64\n  nameserver: ["[fdfe:dcba:9876::c612:2]"]',
      '3:16 error dns.nameserver[0]: fdfe:dcba:9876::c612:2 is in the fake-ip-range6, so we would ask ourselves',
    ],
    ['dns:\n  fake-ip-ttl: 3601', '2:16 error dns.fake-ip-ttl: 3601 is out of range'],
    [
      "dns:\n  fake-ip-filter:\n    - a.lan\n    - '..dev'",
      '4:7 error dns.fake-ip-filter[1]: "..dev": the pattern has an empty label',
    ],
    [
      'dns:\n  fake-ip-filter: [a*.lan]',
      '2:20 error dns.fake-ip-filter[0]: "a*.lan": the label "a*" mixes a wildcard with text; "*" stands for one whole label, "+." only at the front',
    ],
    [
      'dns:\n  fake-ip-filter:\n    - *.lan',
      '3:7 error dns.fake-ip-filter[0]: YAML takes *.lan for an alias, and nothing has the anchor &.lan',
    ],
    ['dns:\n  nameserver: []', '2:15 error dns.nameserver: the list is empty, so no name could be looked up'],
    ['dns:\n  nameserver: { a: b }', '2:15 error dns.nameserver: a map cannot stand here'],
    [
      'dns:\n  nameserver: [192.0.2.1, "quic://192.0.2.1"]',
      '2:27 error dns.nameserver[1]: DNS over QUIC (quic://) is not supported yet',
    ],
    [
      'dns:\n  nameserver: [198.18.0.2]',
      '2:16 error dns.nameserver[0]: 198.18.0.2 is in the fake-ip-range, so we would ask ourselves',
    ],
    ['hosts:\n  "a..b": 192.0.2.1', '2:3 error hosts["a..b"]: "a..b": the pattern has an empty label'],
    ['hosts:\n  a.example: 192.0.2.256/3', '2:14 error hosts["a.example"]: the name "192.0.2.256/3" contains "/"'],
    ['hosts:\n  a.example: [b.example]', '2:15 error hosts["a.example"][0]: "b.example" is no address'],
    [
      'hosts:\n  a.example: b.example\n  b.example: a.example',
      '3:14 error hosts["b.example"]: the aliases lead from "b.example" back to it',
    ],
    [
      'hosts:\n  B.example: a.example\n  a.example: b.example',
      '3:14 error hosts["a.example"]: the aliases lead from "a.example" back to it',
    ],
    [
      'hosts:\n  "*.w.example": b.example\n  b.example: x.w.example',
      '3:14 error hosts["b.example"]: the aliases lead from "b.example" back to it',
    ],
    ['tun:\n  device: 0tun', '2:11 error tun.device: "0tun" cannot be the name of the device'],
    ['tun:\n  mtu: 576', '2:8 error tun.mtu: 576 is out of range'],
    [
      'tun:\n  route-exclude-address: [10.0.0.1]',
      '2:27 error tun.route-exclude-address[0]: "10.0.0.1" is no IP prefix',
    ],
    [
      'tun:\n  route-exclude-address: [198.19.0.0/24]',
      '2:27 error tun.route-exclude-address[0]: 198.19.0.0/24 overlaps the fake-ip-range 198.18.0.0/15, which must enter the TUN',
    ],
    ['proxies: one', '1:10 error proxies: text cannot stand here'],
    ['proxies: [one]', '1:11 error proxies[0]: text cannot stand here'],
    ['proxies:\n  - name: one\n    type: socks5\n    port: 1', '2:5 error proxies[0]: the key server is missing'],
    ['proxies:\n  - {type: direct}', '2:5 error proxies[0]: the key name is missing'],
    ['proxies:\n  - {name: x}', '2:5 error proxies[0]: the key type is missing'],
    ['proxies:\n  - {name: x, type: socks}', '2:21 error proxies[0].type: "socks" is no type of proxy'],
    [
      'proxies:\n  - {name: x, type: direct}\n  - {name: x, type: reject}',
      '3:12 error proxies[1].name: the name "x" is taken',
    ],
    ['proxies:\n  - {name: DIRECT, type: direct}', '2:12 error proxies[0].name: the name "DIRECT" is taken'],
    [
      'proxies:\n  - {name: "a,b", type: direct}',
      '2:12 error proxies[0].name: no rule could name it: a comma, or a space at its ends',
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: 192.0.2.1, port: 0}',
      '2:54 error proxies[0].port: 0 is out of range',
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: "a b", port: 1}',
      '2:37 error proxies[0].server: the name "a b" contains a space',
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: a, port: 1, tls: true}',
      '2:54 error proxies[0].tls: SOCKS5 over TLS is not supported yet',
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: a, port: 1, password: p}',
      '2:59 error proxies[0].password: a password without a username',
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: a, port: 1, dialer-proxy: y}',
      '2:63 error proxies[0].dialer-proxy: reaching a proxy through another one is not supported yet',
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: a, port: 1, udp: 1}',
      '2:54 error proxies[0].udp: a number cannot stand here',
    ],
    ['hosts:\n  __proto__: 192.0.2.1', '2:3 error hosts.__proto__: "__proto__": not a possible name'],
    ['? [a]\n: 1', '1:3 error : a key must be text'],
    ['tun: *nothing', '1:6 error tun: YAML takes *nothing for an alias, and nothing has the anchor &nothing'],
    ['tun: {<<: 7}', '1:11 error tun: "<<" needs an alias of a map, or a list of them'],
  ])('%s', (text, expected) => {
    expect(problemsOf(text + end)).toEqual([expected]);
    expect(loadProfile(text + end)).not.toHaveProperty('config');
  });

  test.each([
    ['- DOMAIN,a.example,nowhere', '2:22 error rules[0]: there is no proxy "nowhere"'],
    ['- DOMAIN,a.example,direct', '2:22 error rules[0]: there is no proxy "direct"'],
    ['- DOMAIN,a.example,PASS', '2:22 error rules[0]: the policy PASS is not supported yet'],
    ['- DOMAINS,a.example,DIRECT', '2:5 error rules[0]: "DOMAINS" is no rule type'],
    ['- GEOIP,CN,DIRECT', '2:5 error rules[0]: rules of type GEOIP are not supported yet'],
    ['- "IP-CIDR, 10.0.0.0/33, DIRECT"', '2:15 error rules[0]: "10.0.0.0/33" is no IP prefix'],
    ["- 'DST-PORT,80/99999,DIRECT'", '2:18 error rules[0]: "99999" is out of range'],
    ['- "DOMAIN,\\u0061..b,DIRECT"', '2:5 error rules[0]: the name "a..b" has an empty label'],
    ['- MATCH', '2:10 error rules[0]: the policy is missing'],
    ['- {DOMAIN: x}', '2:5 error rules[0]: a map cannot stand here'],
    ['-', '2:4 error rules[0]: nothing stands here'],
  ])('rule %s', (rule, expected) => {
    expect(problemsOf(`rules:\n  ${rule}\n  - MATCH,DIRECT\n`)).toEqual([expected]);
  });

  test('all of them at once, in the order of the text', () => {
    const text = `rules:
  - DOMAIN,a.example,nowhere
  - MATCH,DIRECT
dns:
  fake-ip-range: x/y
mixed-port: -1
`;
    expect(problemsOf(text)).toEqual([
      '2:22 error rules[0]: there is no proxy "nowhere"',
      '5:18 error dns.fake-ip-range: "x/y" is no IP prefix',
      '6:13 error mixed-port: -1 is out of range',
    ]);
    expect(loadProfile(text).failure).toBe('CONFIG_INVALID');
  });

  test('a proxy with a mistake is still known to the rules', () => {
    const text = 'proxies:\n  - {name: x, type: socks5, server: a}\nrules: ["MATCH,x"]';
    expect(problemsOf(text)).toEqual(['2:5 error proxies[0]: the key port is missing']);
  });

  test('no message repeats a password', () => {
    const long = 'hunter2'.repeat(50);
    const text = `authentication: ["${long}", "u:${long}"]
proxies:
  - {name: x, type: socks5, server: a, port: 1, username: u, password: ${long}}
  - {name: y, type: socks5, server: a, port: 1, password: hunter2}
rules: ["MATCH,x"]`;
    const { problems } = loadProfile(text);
    expect(problems).toHaveLength(4);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});

describe('broken YAML', () => {
  test.each([
    ['a: "b\n', '2:1'],
    ['mixed-port: 1\nrules:\n\t- MATCH,DIRECT\n', '3:1'],
    ['dns: {enable: true\nrules: []\n', '2:1'],
    ['log-level: info: debug\n', '1:12'],
    ['secret: @home\n', '1:9'],
    ['mixed-port: 1\n---\nmixed-port: 2\n', '2:1'],
    [`a: ${'['.repeat(20_000)}`, '1:'],
  ])('%#: reported at its place, and nothing else', (text, place) => {
    const { failure, problems } = loadProfile(text);
    expect(failure).toBe('CONFIG_SYNTAX');
    expect(problems.every((problem) => problem.message.startsWith('YAML: '))).toBe(true);
    expect(`${problems[0]?.line}:${problems[0]?.column}`).toMatch(new RegExp(`^${place}`));
  });

  test.each([
    ['', '1:1 error : the profile is empty'],
    ['# nothing\n', '1:1 error : the profile is empty'],
    ['just text', '1:1 error : text cannot stand here'],
    ['- a\n- b', '1:1 error : a list cannot stand here'],
    ['<html>404</html>', '1:1 error : text cannot stand here'],
  ])('%j is no profile', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });
});

describe('warnings: usable all the same', () => {
  test.each([
    ['port: 7890', '1:1 warning port: not opened: use mixed-port, which takes HTTP and SOCKS5'],
    ['mixed_port: 7890', '1:1 warning mixed_port: the key "mixed_port" is not known here and is ignored'],
    ['mode: global', '1:7 warning mode: the mode global is not supported yet: the rules decide'],
    [
      'external-controller: 127.0.0.1:9090',
      '1:1 warning external-controller: not supported yet: no controller listens',
    ],
    [
      'bind-address: 192.0.2.1',
      '1:15 warning bind-address: ignored: without allow-lan the mixed port listens on 127.0.0.1 only',
    ],
    ['dns:\n  enable: false', '2:11 warning dns.enable: ignored: Enhanced Mode always answers DNS itself'],
    ['dns:\n  prefer-h3: true', '2:3 warning dns.prefer-h3: ignored: DNS over HTTPS uses HTTP/2'],
    [
      'dns:\n  fake-ip-filter: ["geosite:cn"]',
      '2:20 warning dns.fake-ip-filter[0]: "geosite:cn": sets are not supported yet; its names get fake addresses',
    ],
    [
      'dns:\n  fake-ip-range: 11.0.0.0/16',
      '2:18 warning dns.fake-ip-range: hosts that really have addresses in 11.0.0.0/16 cannot be reached',
    ],
    [
      'dns:\n  nameserver: [192.0.2.53#wg0]',
      '2:16 warning dns.nameserver[0]: no proxy is named "wg0", so it is taken for a network interface',
    ],
    [
      'dns:\n  fake-ip-range6: 2001:4860::/32',
      '2:19 warning dns.fake-ip-range6: hosts that really have addresses in 2001:4860::/96 cannot be reached',
    ],
    [
      'dns:\n  ipv6: false\n  fake-ip-range6: fdfe:dcba:9876::1/64',
      '3:19 warning dns.fake-ip-range6: ignored: dns.ipv6 is false, so no name gets an IPv6 address',
    ],
    [
      'tun:\n  enable: true',
      '2:3 warning tun.enable: ignored: Enhanced Mode is a switch of the app, not of the profile',
    ],
    [
      'tun:\n  auto-route: false',
      '2:15 warning tun.auto-route: ignored: routing is a switch of the app, not of the profile',
    ],
    [
      'proxies:\n  - {name: x, type: vmess, server: a, port: 1, uuid: u}',
      '2:21 warning proxies[0].type: proxies of type vmess are not supported yet: "x" is left out, and rules cannot name it',
    ],
    [
      'proxies:\n  - {name: x, type: direct, colour: red}',
      '2:29 warning proxies[0].colour: the key "colour" is not known here and is ignored',
    ],
    [
      'proxy-groups:\n  - {name: g, type: select, proxies: [DIRECT]}',
      '2:3 warning proxy-groups: groups are not supported yet: they are left out, and rules cannot name them',
    ],
    ['a: !lamp 1', '1:4 warning : YAML: Unresolved tag: !lamp'],
  ])('%s', (text, expected) => {
    expect(problemsOf(text + end)).toContain(expected);
    expect(loadProfile(text + end).config).toBeDefined();
  });

  test('a key nearly right is told what it may have been', () => {
    const { problems } = loadProfile(`dns:\n  namserver: [system]${end}`);
    expect(problems).toMatchObject([{ path: 'dns.namserver', expected: 'perhaps nameserver' }]);
  });

  test('rules: none, none for the rest, none reached, an option without effect', () => {
    expect(problemsOf('mixed-port: 1')).toEqual(['1:1 warning : no rules: everything goes DIRECT']);
    expect(problemsOf('rules:\n  - DOMAIN,a.example,DIRECT,no-resolve')).toEqual([
      '2:3 warning rules: no MATCH rule: what no rule matches goes DIRECT',
      '2:29 warning rules[0]: no-resolve has no effect on DOMAIN',
    ]);
    expect(problemsOf('rules:\n  - MATCH,DIRECT\n  - MATCH,REJECT\n  - MATCH,REJECT')).toEqual([
      '3:5 warning rules[1]: no rule from here on is reached: rules[0] matches everything',
    ]);
  });

  test('what is left out becomes an error when a rule names it', () => {
    const text = `proxies:
  - {name: v, type: vmess}
proxy-groups:
  - {name: g, type: select}
  - {name: v, type: select}
rules:
  - DOMAIN,a.example,v
  - MATCH,g
`;
    expect(problemsOf(text).filter((problem) => problem.includes('error'))).toEqual([
      '5:12 error proxy-groups[1].name: the name "v" is taken',
      '7:22 error rules[0]: "v" is of type vmess, which is not supported yet',
      '8:11 error rules[1]: "g" is a group; groups are not supported yet',
    ]);
  });
});

describe('limits', () => {
  test('a text that is too large is not read', () => {
    const result = loadProfile(`# ${'x'.repeat(maxProfileBytes)}`);
    expect(result.failure).toBe('CONFIG_TOO_LARGE');
    expect(result.problems).toHaveLength(1);
  });

  test('aliases that expand to billions are not expanded', () => {
    const bomb = ['a0: &a0 [x, x]', ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)];
    const { problems } = loadProfile(`${bomb.join('\n')}\nproxies: *a40\nrules: *a40`);
    expect(problems.filter((problem) => problem.severity === 'error')).toHaveLength(4);
  });

  test('many aliases of a long list end at the budget', () => {
    const list = `big: &big {${Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join(', ')}}`;
    const { problems } = loadProfile(`${list}\nproxies: [${'*big,'.repeat(20_000)}]`);
    expect(problems.map((problem) => problem.message)).toContain('the aliases of this profile expand to too much');
  });

  test('a wildcard may cover its own target, and a closer entry may end what looks like a circle', () => {
    const hosts = (...lines: string[]) => problemsOf(`hosts:\n${lines.map((line) => `  ${line}`).join('\n')}${end}`);
    expect(hosts('"+.search.example": safe.search.example')).toEqual([]);
    expect(hosts('"*.w.example": b.example', 'b.example: x.w.example', 'x.w.example: 192.0.2.1')).toEqual([]);
  });

  test('a chain of aliases has an end', () => {
    const chain = Array.from({ length: 19 }, (_, i) => `  h${i}.example: h${i + 1}.example`).toReversed();
    expect(problemsOf(`hosts:\n${chain.slice(0, 17).join('\n')}${end}`)).toEqual([
      '18:15 error hosts["h2.example"]: more than 8 names follow one another',
    ]);
    expect(problemsOf(`hosts:\n${chain.slice(0, 7).join('\n')}${end}`)).toEqual([]);
  });

  test('as many users as the helper takes', () => {
    const users = (count: number) =>
      `authentication: [${Array.from({ length: count }, (_, i) => `u${i}:p`).join(', ')}]${end}`;
    expect(problemsOf(users(256))).toEqual([]);
    expect(problemsOf(users(257))).toEqual(['1:17 error authentication: more than 256 users']);
  });

  test('a merge key that leads to itself ends', () => {
    expect(problemsOf(`tun: &t\n  <<: *t\n  mtu: 1500${end}`)).toEqual([
      '2:7 error tun: "<<" needs an alias of a map, or a list of them',
    ]);
  });

  test('50,000 rules load', () => {
    const rules = Array.from({ length: 50_000 }, (_, i) => `  - DOMAIN-SUFFIX,n${i}.example,DIRECT`);
    expect(load(`rules:\n${rules.join('\n')}\n  - MATCH,DIRECT`).rules).toHaveLength(50_001);
  });
});
