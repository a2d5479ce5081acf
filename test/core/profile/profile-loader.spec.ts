import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Config, configSchema, defaultConfig } from '../../../core/contract/config.ts';
import { maxProfileBytes } from '../../../core/contract/profile-import.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

/** The configuration of a profile that must have nothing but the given warnings. */
function load(text: string, ...warnings: string[]): Config {
  const { config, problems } = loadProfile(text);
  expect(problems.map((problem) => `${problem.severity}: ${problem.message}`)).toEqual(warnings);
  return configSchema.parse(config);
}

/** `line:column severity path CODE`, one a problem. */
function problemsOf(text: string): string[] {
  return loadProfile(text).problems.map(
    ({ line, column, severity, path, code }) => `${line}:${column} ${severity} ${path === '' ? '-' : path} ${code}`,
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

describe('mistakes, each with its exact place', () => {
  test('all of them at once, in the order of the text', () => {
    const text = `rules:
  - DOMAIN,a.example,nowhere
  - MATCH,DIRECT
dns:
  fake-ip-range: x/y
mixed-port: -1
proxies: 5
`;
    expect(problemsOf(text)).toEqual([
      '2:22 error rules[0] RULE_POLICY_UNKNOWN',
      '5:18 warning dns.fake-ip-range RANGE',
      '6:13 warning mixed-port OUT_OF_RANGE',
      '7:10 error proxies FOUND_NUMBER',
    ]);
    expect(
      loadProfile(text).problems.filter(({ severity, leftOut }) => severity === 'error' && leftOut !== true),
    ).toEqual([]);
    expect(loadProfile(text).config).toBeDefined();
  });

  test('a proxy with a mistake does no harm until a rule names it', () => {
    const text = (rule: string) => `proxies:\n  - {name: x, type: socks5, server: a}\nrules: ["${rule}"]`;
    expect(problemsOf(text('MATCH,DIRECT'))).toEqual(['2:5 warning proxies[0] KEY_MISSING']);
    expect(loadProfile(text('MATCH,DIRECT')).config?.proxies).toEqual([]);
    expect(problemsOf(text('MATCH,x'))).toEqual([
      '2:5 warning proxies[0] KEY_MISSING',
      '3:16 error rules[0] POLICY_LEFT_OUT',
    ]);
  });

  test('of two proxies with one name the first is used', () => {
    const text = (rule: string) =>
      `proxies: [{name: x, type: direct}, {name: x, type: reject}, {name: y, type: direct}]\nrules: ["${rule}"]`;
    expect(loadProfile(text('MATCH,x')).config?.proxies).toEqual([
      { type: 'direct', name: 'x' },
      { type: 'direct', name: 'y' },
    ]);
    expect(problemsOf(text('MATCH,x'))).toEqual(['1:43 error proxies[1].name NAME_TAKEN']);
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

describe('warnings: usable all the same', () => {
  test('a key nearly right is told what it may have been', () => {
    const { problems } = loadProfile(`dns:\n  namserver: [system]${end}`);
    expect(problems).toMatchObject([{ path: 'dns.namserver', expected: 'perhaps nameserver' }]);
  });

  test('rules: none, none for the rest, none reached, an option without effect', () => {
    expect(problemsOf('mixed-port: 7001')).toEqual(['1:1 warning - NO_RULES']);
    expect(problemsOf('rules:\n  - DOMAIN,a.example,DIRECT,no-resolve')).toEqual([
      '2:3 warning rules NO_MATCH',
      '2:29 warning rules[0] RULE_OPTION_IGNORED',
    ]);
    expect(problemsOf('rules:\n  - MATCH,DIRECT\n  - MATCH,REJECT\n  - MATCH,REJECT')).toEqual([
      '3:5 warning rules[1] RULE_UNREACHED',
    ]);
  });

  test('what is left out becomes an error when a rule names it', () => {
    const text = `proxies:
  - {name: s, type: socks5}
proxy-groups:
  - {name: g, type: unheard}
rules:
  - DOMAIN,a.example,s
  - MATCH,g
`;
    expect(problemsOf(text).filter((problem) => problem.includes('error'))).toEqual([
      '6:22 error rules[0] POLICY_LEFT_OUT',
      '7:11 error rules[1] POLICY_LEFT_OUT',
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
    const errors = problems.filter((problem) => problem.severity === 'error').map(({ code }) => code);
    expect(errors).toEqual(['FOUND_LIST', 'FOUND_LIST', 'RULES_LOST']);
  });

  test('many aliases of a long list end at the budget', () => {
    const list = `big: &big {${Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join(', ')}}`;
    const { problems } = loadProfile(`${list}\nproxies: [${'*big,'.repeat(20_000)}]`);
    expect(problems.map((problem) => problem.message)).toContain('the aliases of this profile expand to too much');
  });

  test.each([
    ['empty maps', 'e: &e {}\n', '*e,'],
    ['aliases of nothing', '', '*e,'],
    ['maps with no more than a merge', 'e: &e {}\nf: &f {<<: *e}\n', '*f,'],
    ['empty lists', '', '[],'],
  ])('many aliases of a map that merges many %s end at the budget', (_, anchors, merged) => {
    const map = `${anchors}m: &m {<<: [${merged.repeat(2_000)}]}`;
    const { problems } = loadProfile(`${map}\nproxies: [${'{<<: *m},'.repeat(2_000)}]`);
    expect(problems.map(({ code }) => code)).toContain('YAML_EXPANDS');
  });

  test('a wildcard may cover its own target, and a closer entry may end what looks like a circle', () => {
    const hosts = (...lines: string[]) => problemsOf(`hosts:\n${lines.map((line) => `  ${line}`).join('\n')}${end}`);
    expect(hosts('"+.search.example": safe.search.example')).toEqual([]);
    expect(hosts('"*.w.example": b.example', 'b.example: x.w.example', 'x.w.example: 192.0.2.1')).toEqual([]);
  });

  test('a chain of aliases has an end', () => {
    const chain = Array.from({ length: 19 }, (_, i) => `  h${i}.example: h${i + 1}.example`).toReversed();
    expect(problemsOf(`hosts:\n${chain.slice(0, 17).join('\n')}${end}`)).toEqual([
      '5:16 error hosts["h15.example"] HOST_TOO_FAR',
      '12:15 error hosts["h8.example"] HOST_TOO_FAR',
    ]);
    expect(problemsOf(`hosts:\n${chain.slice(0, 7).join('\n')}${end}`)).toEqual([]);
  });

  test('as many users as the helper takes', () => {
    const users = (count: number) =>
      `authentication: [${Array.from({ length: count }, (_, i) => `u${i}:p`).join(', ')}]${end}`;
    expect(problemsOf(users(256))).toEqual([]);
    expect(problemsOf(users(257))).toEqual(['1:17 warning authentication TOO_MANY']);
  });

  test('a merge key that leads to itself ends', () => {
    expect(problemsOf(`tun: &t\n  <<: *t\n  mtu: 1500${end}`)).toEqual(['2:7 error tun YAML_MERGE']);
  });

  test('50,000 rules load', () => {
    const rules = Array.from({ length: 50_000 }, (_, i) => `  - DOMAIN-SUFFIX,n${i}.example,DIRECT`);
    expect(load(`rules:\n${rules.join('\n')}\n  - MATCH,DIRECT`).rules).toHaveLength(50_001);
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
