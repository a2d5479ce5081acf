/**
 * What Clash loads, loads. Every profile of the tables was tried with mihomo v1.19 (`mihomo -t`), which takes it; here it must
 * load too, or say nothing but what is not supported yet.
 */
import { describe, expect, test } from 'vitest';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

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
