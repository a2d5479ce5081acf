/**
 * What Clash loads, loads. Every profile of the tables was tried with mihomo v1.19 (`mihomo -t`), which takes it; here it must
 * load too, or say nothing but what is not supported yet.
 */
import { describe, expect, test } from 'vitest';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

/** Each word in place of the `@` of a profile. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  'mixed-port: @': ['0x1ED2', '7_890', '+7890', '7890.0', '1e3', '0o17', '!!int "7890"', '70000', '-1', '80.5', '~'],
  'allow-lan: @': ['true', 'yes', 'on', 'y', 'TRUE', '"true"', '"yes"', 'n', 'Off', '~', '!!bool "true"'],
  'log-level: @': ['Info', 'WARNING', '!!str info', '!mine info', '!!binary aW5mbw==', '~'],
  'mode: @': ['Rule', 'RULE', 'direct', '~'],
  'bind-address: @': ['here', '"*"', '"[::]"', '""', '0'],
  'authentication: @': ['[~]', '[abc, "a:b"]', '[":b", "a:b", "a:c"]', '~'],
  'lan-allowed-ips: @': ['[0.0.0.0/0, "::/0"]', '[10.0.0.0/8]'],
  'rules: @': ['[~, "MATCH,DIRECT"]', '!!seq ["MATCH,DIRECT"]', '!mine ["MATCH,DIRECT"]', '[]', '~'],
  'rules: ["@,DIRECT"]': [
    'DOMAIN-SUFFIX,.x',
    'DOMAIN-SUFFIX,*.x',
    'DOMAIN-SUFFIX,+.x',
    'DOMAIN,*.x',
    'DOMAIN,a b',
    'DOMAIN,a_b.c',
    'DOMAIN-KEYWORD,a b',
    'DOMAIN-KEYWORD,*a*',
    'DOMAIN,1.2.3.4',
    'DOMAIN,http://a/',
    'DOMAIN,.',
    'Domain,x',
    'IP-CIDR6,1.2.3.4/8',
    'IP-CIDR,::1/128',
    'IP-CIDR, 1.2.3.4/8',
    'IP-CIDR,::ffff:1.2.3.4/128',
    'MATCH',
    'DST-PORT,90-80',
    'DST-PORT,0',
    'DST-PORT,0-65535',
    'DST-PORT,65536',
    'DST-PORT,80/',
    'dst-port,80',
  ],
  'rules: ["@"]': [
    'MATCH,DIRECT,no-resolve',
    'DOMAIN,a,DIRECT,no-resolve',
    'DOMAIN,a,DIRECT,foo',
    'DOMAIN,a,DIRECT,',
    'DOMAIN,a,DIRECT,src',
    'IP-CIDR,1.1.1.1/32,DIRECT,NO-RESOLVE',
    ' MATCH , DIRECT ',
    'DOMAIN,a,REJECT-DROP',
  ],
  'proxies: [{name: a, type: direct}, {name: @, type: direct}]': [
    '"a, b"',
    '" a "',
    "''",
    'GLOBAL',
    '1',
    'true',
    '1.5',
    '~',
  ],
  'proxies: [{name: a, type: socks5, server: s, port: @}]': [
    '"1080"',
    '1080.0',
    '0x438',
    '1_080',
    '"0x438"',
    '02070',
    '70000',
    '0',
    '-1',
    '1080.5',
    '~',
  ],
  'proxies: [{name: a, type: socks5, server: s, port: 1, @}]': [
    'udp: 1',
    'udp: 0',
    'udp: true',
    'password: p',
    'dialer-proxy: ""',
    'tls: true',
    'password: 0123',
    'Udp: true',
    'skip_cert_verify: true',
    'username: !!binary aGVsbG8=',
    'password: true',
    'smux: {enabled: true}',
  ],
  'proxies: [{name: a, type: socks5, port: 1, SERVER: @}]': ['s', '""', '"a b"', '"::1"'],
  'dns: {enable: true, nameserver: [1.1.1.1], @}': [
    'enhanced-mode: normal',
    'enhanced-mode: Fake-IP',
    'fake-ip-ttl: 99999',
    'fake-ip-ttl: -1',
    'fallback: ~',
    'fake-ip-range: 127.0.0.1/8',
    'fake-ip-range: 10.0.0.0/7',
    'fake-ip-range: 28.0.0.1/8',
    'fake-ip-range: ""',
    'cache-max-size: -1',
    'cache-algorithm: arc',
    'listen: "0.0.0.0:1053"',
    'fallback: [quic://1.1.1.1]',
    'fallback-filter: {geoip: true, geoip-code: CN}',
    'fallback-filter: {domain: ["a b"]}',
    'unknown: 1',
    'nameserver-policy: {a.b: [1.1.1.1, "quic://8.8.8.8"]}',
    'nameserver-policy: {"a.b,c.d": 1.1.1.1}',
    'nameserver-policy: {a.b: []}',
    'default-nameserver: [1.1.1.1, system]',
    'fake-ip-filter: [~, a.b]',
    'fake-ip-filter: ["", a.b]',
    'fake-ip-filter-mode: rule, fake-ip-filter: ["DOMAIN-SUFFIX,.a,real-ip", "GEOSITE,cn,real-ip"]',
  ],
  'dns: {enable: true, nameserver: [1.1.1.1, "@"]}': [
    'dhcp://eth0',
    'dhcp://system',
    'DHCP://system#disable-ipv6=true',
    'system#x',
    'quic://1.1.1.1',
    'dns.google',
    'udp://dns.google',
    '',
    '1.1.1.1:99999',
    'https://1.1.1.1/dns-query#skip-cert-verify=true',
    'https://1.1.1.1/dns-query#foo=bar',
    '1.1.1.1#',
    'https://u:p@1.1.1.1/dns-query',
    'http://1.1.1.1/dns-query',
    'localhost',
    '192.168.1.1:',
    '1.1.1.1 ',
    'HTTPS://1.1.1.1/dns-query',
    'https://dns.google/dns-query#h3=true',
    'tls://8.8.8.8#disable-ipv6=true',
  ],
  'dns: {enable: true, nameserver: [1.1.1.1], fake-ip-filter: ["@"]}': [
    'geosite:cn',
    'rule-set:x',
    'geo:cn',
    'a b',
    'Mijia Cloud',
    'a,b',
    'http://a',
    'a/b',
    'a:1',
    '*.*',
    '+.a',
    'A.B',
    '中文.com',
    'stun.*.*.*',
    '+.stun.*.*',
    '*',
    '-a',
  ],
  'dns: {enable: true, nameserver: [1.1.1.1], nameserver-policy: {"@": 1.1.1.1}}': [
    'geo:cn',
    'a b',
    'Mijia Cloud',
    'http://a',
    'a:1',
    'A.B',
    '+.a',
  ],
  'hosts: {"@": 1.1.1.1}': ['a*.b', '**.b', '+.', '.', '', 'a..b', 'a,b', 'a.', '+', 'Mijia Cloud', 'a:1', '*.a'],
  'hosts: {a.example: @}': [
    '[b.example]',
    '[1.1.1.1, "::1"]',
    'b.example',
    'lan',
    'a.example',
    '192.0.2.1/24',
    '"192.0.2.1:80"',
    '"fe80::1%eth0"',
    'http://b.example/',
    'a b',
  ],
  'tun: {@}': [
    'device: 0tun',
    'device: "a b"',
    'device: averyveryverylongname0',
    'device: ""',
    'mtu: 576',
    'mtu: 65536',
    'mtu: 0',
    'mtu: 9_000',
    'route-exclude-address: [198.18.0.0/15]',
    'route-exclude-address: [~]',
    'stack: gvisor',
    'dns-hijack: any:53',
    'exclude-uid: [0]',
    'loopback-address: [10.7.0.1]',
    'auto-route: false',
  ],
  'sniffer: {enable: true, @}': [
    'sniff: {TLS: {ports: [99999]}}',
    'sniff: {TLS: {ports: [0]}}',
    'sniff: {TLS: {ports: [443, 8443]}}',
    'skip-src-address: ["geoip:cn"]',
    'skip-domain: ["Mijia Cloud"]',
    'sniffing: [tls]',
  ],
  '@': [
    'port: 7890\nsocks-port: 7891',
    'secret: 123',
    'profile: {store-selected: true}',
    'clash-for-android: {}',
    '---\nmixed-port: 1\n...',
    'mixed-port: 1\n---\nmixed-port: 2',
    'mixed-port: 1\n...\ngarbage: [\n',
    '\ufeff---\r\nmixed-port: 1\r\n...\r\n',
    '%YAML 1.1\n---\nmixed-port: 1',
    'mixed-port:\t1',
    '-: 1\nx: 2',
    'rules:\n  - "MATCH,DIRECT"#c',
    'rules:\n-\tMATCH,DIRECT\t',
    '"mixed-port": 1',
    'rules: [\n  "MATCH,DIRECT"\n]',
    'rules: [\n"MATCH,DIRECT",\n"MATCH,DIRECT"\n]\nmixed-port: 1',
    'dns: {\nenable: true,\nnameserver: [\n1.1.1.1\n]\n}',
    'proxies:\n  - {name: a,\n type: direct}\n  - {name: b,\ntype: direct}',
    'a: [\n\tb\n]\nrules: [\n\t"MATCH,DIRECT" # c\n\t]',
    '{\n\t"mixed-port": 1,\n\t"rules": [\n\t\t"MATCH,DIRECT"\n\t]\n}',
    'mixed-port: 1\rrules: []\r',
    'mixed-port: 1\u0085rules: []',
    'mixed-port: 1\u2028rules: []\u2029',
    'a: &a {type: direct}\nb: &b {udp: true}\nproxies:\n- {<<: [*a, *b], name: x}',
    'x: &x\n  <<: &y {type: direct}\nproxies:\n- {<<: *x, name: z}',
  ],
};

describe('what Clash takes is no error', () => {
  test.each(Object.entries(harmless))('%s', (template, words) => {
    for (const word of words) {
      const { problems, config } = loadProfile(template.replace('@', word));
      const errors = problems.filter(({ severity }) => severity === 'error');
      expect({ word, errors }).toEqual({ word, errors: [] });
      expect(config).toBeDefined();
    }
  });
});

describe('keys of other clients are known as such', () => {
  test.each([
    ['name: x\ndesc: y\nicon: z\nhttp: {mitm: [a.example]}\ntiles: [{name: a}]', 'NOTE_OTHER_CLIENT'],
    ['cron: {script: []}\nscript-providers: {a: {url: b}}\nscript: {shortcuts: {quic: x}}', 'NOTE_SCRIPTS'],
    ['prepend-rules: [a]\nappend-proxies: [b]\nmixin: {}\nparsers: []', 'NOTE_OTHER_CLIENT'],
    ['tun: {macOS-auto-route: true, macOS-auto-detect-interface: true}', 'NOTE_TUN_NO_EFFECT'],
  ])('%s', (text, code) => {
    const { problems } = loadProfile(`${text}\nrules: ["MATCH,DIRECT"]\n`);
    expect(new Set(problems.map((problem) => problem.code))).toEqual(new Set([code]));
  });
});

describe('what it means', () => {
  const config = (text: string): Config =>
    loadProfile(text).config ?? expect.unreachable(JSON.stringify(loadProfile(text).problems));
  const codes = (text: string) => loadProfile(text).problems.map(({ code }) => code);
  const secrets = (written: string) =>
    config(`proxies: [{name: a, type: socks5, server: s, port: 1, username: u, password: ${written}}]`).proxies[0];

  test.each([
    ['!!binary aGVsbG8=', 'hello'],
    ['!!binary "5a+G56CB"', '密码'],
    ['!!str 0123', '0123'],
    ['0123', '0123'],
    ['1e5', '1e5'],
    ['0x1F', '0x1F'],
    ['1_000', '1_000'],
    ['yes', 'yes'],
    ['Off', 'Off'],
    ['true', 'true'],
    ['2024-01-01', '2024-01-01'],
    ['12:30:45', '12:30:45'],
    ['.inf', '.inf'],
    ['"a\\tb"', 'a\tb'],
    ['!mine p@ss', 'p@ss'],
    ['+86', '+86'],
    ['1.0', '1.0'],
  ])('the password %s is %s', (written, password) => {
    expect(secrets(written)).toMatchObject({ password });
  });

  test('a number that Clash would write otherwise is told, any other is not', () => {
    const told = (written: string) =>
      codes(
        `proxies: [{name: a, type: socks5, server: s, port: 1, username: u, password: ${written}}]\nrules: ["MATCH,a"]`,
      );
    for (const written of ['0123', '1e5', '0x1F', '1_000', '1.0', '+86'])
      expect(told(written)).toEqual(['YAML_NUMBER_AS_TEXT']);
    for (const written of ['123', '1.5', '"0123"', 'yes', '!!str 0123']) expect(told(written)).toEqual([]);
  });

  test('flow collections at the beginning of a line keep their places', () => {
    const text = 'proxies: [\n{name: a, type: direct},\n{name: b,\ntype: nothing}\n]\nrules: [\n"MATCH,a"\n]\n';
    expect(config(text).rules).toEqual([{ type: 'MATCH', payload: '', policy: 'a', noResolve: false }]);
    expect(loadProfile(text).problems).toMatchObject([{ code: 'PROXY_UNKNOWN_TYPE', line: 4, column: 7 }]);
    expect(loadProfile('rules: [\n"MATCH,DIRECT"\n').failure).toBe('CONFIG_SYNTAX');
  });

  test('base64 that holds no text is no password', () => {
    expect(
      codes('proxies: [{name: a, type: socks5, server: s, port: 1, username: u, password: !!binary /w==}]'),
    ).toContain('YAML_BINARY');
    expect(secrets('!!binary /w==')).toEqual({ type: 'unspoken', name: 'a', kind: 'socks5' });
  });

  test.each([
    ['1080', 1080],
    ['0x438', 1080],
    ['02070', 1080],
    ['"0o2070"', 1080],
    ['1_080', 1080],
    ['"1080"', 1080],
  ])('the port %s', (written, port) => {
    expect(config(`mixed-port: ${written}`).mixed).toMatchObject({ port });
  });

  test('the keys of the first versions are understood, and everything does not go DIRECT', () => {
    const text = `Proxy:
  - {name: s, type: socks5, server: 192.0.2.1, port: 1080}
Proxy Group:
  - {name: g, type: select, proxies: [s]}
Rule:
  - DOMAIN-SUFFIX,.example,s
  - FINAL,,s
`;
    const { proxies, groups, rules } = config(text);
    expect(proxies).toHaveLength(1);
    expect(groups).toMatchObject([{ name: 'g', type: 'select', members: ['s'] }]);
    expect(rules).toEqual([
      { type: 'DOMAIN-SUFFIX', payload: 'example', policy: 's', noResolve: false },
      { type: 'MATCH', payload: '', policy: 's', noResolve: false },
    ]);
    expect(codes(text)).toEqual(['KEY_LEGACY', 'KEY_LEGACY', 'KEY_LEGACY', 'RULE_SUFFIX_DOT', 'RULE_FINAL']);
    expect(codes('Rule: ["MATCH,g"]\nProxy Group: [{name: g, type: select}]')).toContain('GROUP_WITHOUT_MEMBERS');
  });

  test.each([
    ['rule', 'KEY_MISSPELT'],
    ['Rules', 'KEY_MISSPELT'],
    ['RULES', 'KEY_MISSPELT'],
    ['Rule', 'KEY_LEGACY'],
  ])('%s are the rules', (key, code) => {
    expect(config(`${key}: ["MATCH,REJECT"]`).rules[0]?.policy).toBe('REJECT');
    expect(codes(`${key}: ["MATCH,REJECT"]`)).toEqual([code]);
    expect(config(`rules: []\n${key}: ["MATCH,REJECT"]`).rules[0]?.policy).toBe('REJECT');
    expect(config(`${key}: ["MATCH,REJECT"]\nrules: ["MATCH,REJECT-DROP"]`).rules[0]?.policy).toBe('REJECT-DROP');
    expect(codes(`${key}: ["MATCH,REJECT"]\nrules: ["MATCH,REJECT-DROP"]`)).toEqual(['KEY_REPLACED']);
  });

  test.each(['Proxies', 'proxy', 'Proxy', 'PROXIES'])('%s are the proxies', (key) => {
    expect(config(`${key}: [{name: x, type: direct}]\nrules: ["MATCH,x"]`).proxies).toHaveLength(1);
  });

  test.each(['Proxy Group', 'Proxy-Group', 'proxy_groups', 'Proxy Groups', 'proxy-group'])(
    '%s are the groups',
    (key) => {
      expect(codes(`${key}: [{name: g, type: select}]\nrules: ["MATCH,g"]`)).toContain('GROUP_WITHOUT_MEMBERS');
    },
  );

  test('a key that only holds anchors is not unknown, unless a key of ours may have been meant', () => {
    const text = (more: string) =>
      `x-base: {a: &a {type: direct}}\n${more}\nproxies: [{<<: *a, name: d}]\nrules: ["MATCH,d"]`;
    expect(codes(text(''))).toEqual([]);
    expect(codes(text('y: &unused {type: direct}'))).toEqual([]);
    expect(codes(text('y: {type: direct}'))).toEqual(['KEY_UNKNOWN']);
    expect(codes(text('snifer: &unused {enable: true}'))).toEqual(['KEY_UNKNOWN']);
    expect(codes(text('cfw-anything: 1'))).toEqual(['NOTE_OTHER_CLIENT']);
  });

  test('in the modes direct and global no rule is asked, and wrong ones do no harm', () => {
    for (const mode of ['direct', 'global']) {
      const { rules, ...rest } = config(`mode: ${mode}\nrules: ["GEOIP,CN,g", "MATCH,REJECT"]`);
      expect(rules).toHaveLength(1);
      expect(rest.mode).toBe(mode);
    }
  });

  test('rules behind a MATCH do no harm, and are not taken', () => {
    expect(config('rules: ["MATCH,REJECT", "GEOIP,CN,g", "DOMAIN,a.example,g"]').rules).toHaveLength(1);
  });

  test('an exclusion that holds the fake range excludes the rest', () => {
    const { routeExclude } = config('tun: {route-exclude-address: [198.16.0.0/14, 10.0.0.1]}').tun;
    expect(routeExclude).toEqual(['198.16.0.0/15', '10.0.0.1/32']);
  });

  test('the mode normal has names all the same; a range that cannot be one is the usual one', () => {
    expect(config('dns: {enhanced-mode: normal}').dns.mode).toBe('redir-host');
    expect(config('dns: {fake-ip-range: 198.18.0.0/30}').dns.fakeIpRange).toBe(defaultConfig.dns.fakeIpRange);
  });

  test('of a name that stands twice in the policy the last servers are asked', () => {
    const text =
      'dns:\n  nameserver-policy:\n    +.a: 192.0.2.1\n    b: 192.0.2.2\n    +.a: 192.0.2.3\nrules: ["MATCH,DIRECT"]';
    expect(loadProfile(text).problems).toMatchObject([{ severity: 'warning', code: 'KEY_TWICE_LAST', line: 5 }]);
    expect(config(text).dns.nameserverPolicy).toMatchObject([
      { patterns: ['+.a'], servers: [{ address: '192.0.2.3' }] },
      { patterns: ['b'] },
    ]);
    expect(codes('hosts: {a: 192.0.2.1, a: 192.0.2.2}\nrules: ["MATCH,DIRECT"]')).toEqual(['KEY_TWICE']);
  });

  test('a name that hosts lead to what is no address and no name does not exist', () => {
    expect(config('hosts: {a.example: 192.0.2.1/24}').dns.hosts).toEqual({ 'a.example': 'invalid' });
    expect(codes('hosts: {a.example: 192.0.2.1/24}\nrules: ["MATCH,DIRECT"]')).toEqual(['HOST_TARGET']);
  });

  test("dhcp://system is the system's own servers", () => {
    expect(config('dns: {nameserver: ["dhcp://system"]}').dns.nameserver).toEqual([{ kind: 'system' }]);
  });

  test('an empty list in the policy asks nobody, and not the usual servers', () => {
    const text = 'dns: {nameserver-policy: {a.b: []}}\nrules: ["MATCH,DIRECT"]';
    expect(config(text).dns.nameserverPolicy).toEqual([
      { patterns: ['a.b'], servers: [{ kind: 'rcode', rcode: 'SERVFAIL' }] },
    ]);
    expect(codes(text)).toEqual(['NAMESERVER_NOBODY']);
  });

  test('servers that cannot be asked are left out; where nobody is left it is an error', () => {
    const servers = (list: string) => loadProfile(`dns: {nameserver: [${list}]}\nrules: ["MATCH,DIRECT"]`);
    expect(servers('"ts://x", 192.0.2.2, "ftp://192.0.2.1"').config?.dns.nameserver).toHaveLength(1);
    expect(servers('"ts://x"').failure).toBe('CONFIG_INVALID');
    expect(servers('"ftp://192.0.2.1"').failure).toBe('CONFIG_INVALID');
    expect(servers('').config?.dns.nameserver).toEqual([{ kind: 'system' }]);
    for (const list of ['', '"ts://x"']) {
      expect(config(`dns: {enable: false, nameserver: [${list}]}`).dns.nameserver).toEqual([{ kind: 'system' }]);
    }
    expect(servers('"192.0.2.1#gone proxy", 192.0.2.2').config?.dns.nameserver).toHaveLength(1);
  });
});
