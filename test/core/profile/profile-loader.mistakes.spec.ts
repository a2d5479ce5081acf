/** What is wrong with a profile: the code and the exact place of each mistake, and whether it forbids the profile's use. */
import { describe, expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { noContents, type ProviderSource } from '../../../core/profile/provider-contents.ts';

/** `line:column severity path CODE`, one a problem; an error that costs only its part is `left-out`. */
function problemsOf(text: string): string[] {
  return loadProfile(text).problems.map(
    ({ line, column, severity, leftOut, path, code }) =>
      `${line}:${column} ${leftOut === true ? 'left-out' : severity} ${path === '' ? '-' : path} ${code}`,
  );
}

const end = '\nrules: ["MATCH,DIRECT"]\n';

describe('keys and values', () => {
  test.each([
    ['mixed-port: 99999', ['1:13 warning mixed-port OUT_OF_RANGE']],
    ['mixed-port: http', ['1:13 warning mixed-port FOUND_TEXT']],
    ['mixed-port: [1]', ['1:13 warning mixed-port FOUND_LIST']],
    ['mixed-port: 80.5', ['1:13 warning mixed-port FOUND_NUMBER']],
    ['log-level: loud', ['1:12 warning log-level UNKNOWN_WORD']],
    ['ipv6: maybe', ['1:7 left-out ipv6 FOUND_TEXT']],
    ['mode: script', ['1:7 left-out mode MODE_LATER']],
    ['mode: fast', ['1:7 left-out mode UNKNOWN_WORD']],
    ['allow-lan: true', []],
    ['bind-address: here\nallow-lan: true\nauthentication: [a:b]', ['1:15 warning bind-address NOT_AN_ADDRESS']],
    [
      'allow-lan: true\nauthentication: [a:b]\nlan-allowed-ips: [10.0.0.0/8, 10.0.0.0/99]',
      ['3:18 warning lan-allowed-ips LAN_LIST_UNREADABLE', '3:31 warning lan-allowed-ips[1] NOT_A_PREFIX'],
    ],
    ['authentication: [secret]', ['1:18 warning authentication[0] USER_WITHOUT_COLON']],
    ['authentication: ["a:1", "a:2"]', ['1:25 warning authentication[1] USER_TWICE']],
    ['mixed-port: 7001\nlog-level: info\nmixed-port: 7002', ['3:1 left-out mixed-port KEY_TWICE']],
    ['dns: fake-ip', ['1:6 left-out dns FOUND_TEXT']],
    ['dns:\n  enhanced-mode: normal', ['2:18 warning dns.enhanced-mode DNS_NORMAL']],
    [
      'dns:\n  fake-ip-filter-mode: rule\n  fake-ip-filter: ["DOMAIN,a.example,direct"]',
      ['3:20 warning dns.fake-ip-filter[0] FILTER_RULE'],
    ],
    ['dns:\n  fake-ip-filter-mode: rule\n  fake-ip-filter: ["DOMAIN-SUFFIX,.a.example,real-ip"]', []],
    [
      'dns:\n  fake-ip-filter-mode: rule\n  fake-ip-filter: ["DOMAIN-KEYWORD,a b,real-ip"]',
      ['3:20 warning dns.fake-ip-filter[0] FILTER_RULE'],
    ],
    ['dns:\n  fake-ip-filter: ["https://a.example/"]', ['2:20 warning dns.fake-ip-filter[0] BAD_PATTERN']],
    ['dns:\n  nameserver-policy: { "geosite:cn": 192.0.2.1 }', ['1:1 warning dns SET_MISSING']],
    [
      'dns:\n  nameserver-policy: { "rule-set:a,b": 192.0.2.1 }\nrule-providers: { a: { behavior: domain, url: "https://a.example/" } }',
      ['3:1 warning rule-providers PROVIDER_UNKNOWN', '3:1 warning rule-providers SET_MISSING'],
    ],
    ['dns:\n  default-nameserver: ["tls://dns.example"]', ['2:23 warning dns.default-nameserver BOOTSTRAP_NAME']],
    ['dns:\n  fake-ip-range: 198.18.0.0', ['2:18 warning dns.fake-ip-range RANGE']],
    ['dns:\n  fake-ip-range: 198.18.0.0/30', ['2:18 warning dns.fake-ip-range RANGE']],
    ['dns:\n  fake-ip-range: 10.0.0.0/7', ['2:18 warning dns.fake-ip-range RANGE']],
    ['dns:\n  fake-ip-range: 127.0.0.0/16', ['2:18 warning dns.fake-ip-range RANGE']],
    ['dns:\n  fake-ip-range: fc00::/18', ['2:18 warning dns.fake-ip-range RANGE']],
    [
      'dns:\n  nameserver: ["192.0.2.53#no proxy"]',
      ['2:15 error dns.nameserver NAMESERVER_NONE', '2:16 warning dns.nameserver[0] NAMESERVER_WAY'],
    ],
    ['dns:\n  fake-ip-range6: 198.18.0.0/15', ['2:19 warning dns.fake-ip-range6 RANGE_LEFT_OUT']],
    ['dns:\n  fake-ip-range6: fdfe:dcba:9876::/97', ['2:19 warning dns.fake-ip-range6 RANGE_LEFT_OUT']],
    ['dns:\n  fake-ip-range6: 64:ff9b::/32', ['2:19 warning dns.fake-ip-range6 RANGE_LEFT_OUT']],
    [
      'dns:\n  fake-ip-range6: fdfe:dcba:9876::1/64\ntun:\n  inet6-route-exclude-address: [fdfe::/16]',
      ['4:33 warning tun.inet6-route-exclude-address[0] TUN_EXCLUDES_FAKE'],
    ],
    [
      'dns:\n  fake-ip-range6: fdfe:dcba:9876::1/64\n  nameserver: ["[fdfe:dcba:9876::c612:2]"]',
      ['3:15 error dns.nameserver NAMESERVER_NONE', '3:16 warning dns.nameserver[0] NAMESERVER_FAKE'],
    ],
    ['dns:\n  fake-ip-ttl: 3601', ['2:16 warning dns.fake-ip-ttl OUT_OF_RANGE']],
    ["dns:\n  fake-ip-filter:\n    - a.lan\n    - '..dev'", ['4:7 warning dns.fake-ip-filter[1] BAD_PATTERN']],
    ['dns:\n  fake-ip-filter: [a*.lan]', ['2:20 warning dns.fake-ip-filter[0] BAD_PATTERN']],
    ['dns:\n  fake-ip-filter:\n    - *.lan', ['3:7 warning dns.fake-ip-filter[0] YAML_NO_ANCHOR']],
    ['dns:\n  nameserver: []', ['2:15 left-out dns.nameserver NAMESERVER_NONE_WRITTEN']],
    [
      'dns:\n  nameserver: { a: b }',
      ['2:15 error dns.nameserver NAMESERVER_NONE', '2:15 warning dns.nameserver FOUND_MAP'],
    ],
    ['dns:\n  nameserver: [192.0.2.1, "quic://192.0.2.1"]', ['2:27 warning dns.nameserver[1] NAMESERVER_READ_AS']],
    [
      'dns:\n  nameserver: [198.18.0.2]',
      ['2:15 error dns.nameserver NAMESERVER_NONE', '2:16 warning dns.nameserver[0] NAMESERVER_FAKE'],
    ],
    ['hosts:\n  "a..b": 192.0.2.1', ['2:3 warning hosts["a..b"] BAD_PATTERN']],
    ['hosts:\n  a.example: 192.0.2.256/3', ['2:14 warning hosts["a.example"] HOST_TARGET']],
    ['hosts:\n  a.example: [b.example]', []],
    ['hosts:\n  a.example: b.example\n  b.example: a.example', ['3:14 left-out hosts["b.example"] HOST_CIRCLE']],
    ['hosts:\n  B.example: a.example\n  a.example: b.example', ['3:14 left-out hosts["a.example"] HOST_CIRCLE']],
    ['hosts:\n  "*.w.example": b.example\n  b.example: x.w.example', ['3:14 left-out hosts["b.example"] HOST_CIRCLE']],
    ['tun:\n  device: 0tun', ['2:11 warning tun.device TUN_DEVICE']],
    ['tun:\n  mtu: 576', ['2:8 warning tun.mtu OUT_OF_RANGE']],
    ['tun:\n  route-exclude-address: [10.0.0.1]', []],
    ['tun:\n  route-exclude-address: ["::/0"]', ['2:27 left-out tun.route-exclude-address[0] TUN_EXCLUDES_ALL']],
    ['tun:\n  route-exclude-address: [10.1.2.3/0]', ['2:27 left-out tun.route-exclude-address[0] TUN_EXCLUDES_ALL']],
    ['tun:\n  route-exclude-address: [198.19.0.0/24]', ['2:27 warning tun.route-exclude-address[0] TUN_EXCLUDES_FAKE']],
    ['proxies: one', ['1:10 left-out proxies FOUND_TEXT']],
    ['proxies: [one]', ['1:11 warning proxies[0] FOUND_TEXT']],
    ['proxies:\n  - name: one\n    type: socks5\n    port: 1', ['2:5 warning proxies[0] KEY_MISSING']],
    ['proxies:\n  - {type: direct}', ['2:5 warning proxies[0] KEY_MISSING']],
    ['proxies:\n  - {name: x}', ['2:5 warning proxies[0] KEY_MISSING']],
    ['proxies:\n  - {name: x, type: socks}', ['2:21 warning proxies[0].type PROXY_UNKNOWN_TYPE']],
    [
      'proxies:\n  - {name: x, type: direct}\n  - {name: x, type: reject}',
      ['3:12 left-out proxies[1].name NAME_TAKEN'],
    ],
    ['proxies:\n  - {name: DIRECT, type: direct}', ['2:12 left-out proxies[0].name NAME_TAKEN']],
    ['proxies:\n  - {name: "a,b", type: direct}', []],
    [
      'proxies:\n  - {name: x, type: socks5, server: 192.0.2.1, port: 0}',
      ['2:54 warning proxies[0].port OUT_OF_RANGE'],
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: "fe80::1%2", port: 1}',
      ['2:37 warning proxies[0].server BAD_NAME'],
    ],
    ['proxies:\n  - {name: x, type: socks5, server: "fe80::1%eth0", port: 1}', []],
    ['proxies:\n  - {name: x, type: socks5, server: "a b", port: 1}', ['2:37 warning proxies[0].server BAD_NAME']],
    [
      'proxies:\n  - {name: x, type: socks5, server: a, port: 1, tls: true, skip-cert-verify: true}',
      ['2:78 warning proxies[0].skip-cert-verify PROXY_TLS_INSECURE'],
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: a, port: 1, password: p}',
      ['2:59 warning proxies[0].password PROXY_PASSWORD_ALONE'],
    ],
    [
      'proxies:\n  - {name: x, type: socks5, server: a, port: 1, dialer-proxy: y}',
      ['2:63 warning proxies[0].dialer-proxy PROXY_CHAIN_UNKNOWN'],
    ],
    ['proxies:\n  - {name: x, type: socks5, server: a, port: 1, udp: 1}', []],
    ['proxies:\n  - {name: x, type: http, server: a, port: 1, headers: {X-A: b, Accept: }}', []],
    [
      'proxies:\n  - {name: x, type: http, server: a, port: 1, tls: true, fingerprint: chrome}',
      ['2:71 warning proxies[0].fingerprint PROXY_FINGERPRINT'],
    ],
    [
      'proxies:\n  - {name: x, type: http, server: a, port: 1, udp: true}',
      ['2:52 warning proxies[0].udp PROXY_HTTP_UDP'],
    ],
    [
      'proxies:\n  - {name: x, type: http, server: a, port: 1, headers: {"a b": c, d: "e\\nf", g: [h]}}',
      [
        '2:64 warning proxies[0].headers["a b"] PROXY_HEADER',
        '2:70 warning proxies[0].headers.d PROXY_HEADER',
        '2:81 warning proxies[0].headers.g FOUND_LIST',
      ],
    ],
    [
      'proxies:\n  - {name: x, type: http, server: a, port: 1, headers: none}',
      ['2:56 warning proxies[0].headers FOUND_TEXT'],
    ],
    ['hosts:\n  __proto__: 192.0.2.1', ['2:3 warning hosts.__proto__ BAD_PATTERN']],
    ['? [a]\n: 1', ['1:3 left-out - YAML_KEY_TYPE']],
    ['tun: *nothing', ['1:6 error tun YAML_NO_ANCHOR']],
    ['tun: {<<: 7}', ['1:11 left-out tun YAML_MERGE']],
    ['port: 7890', ['1:7 warning port PORT_IS_MIXED']],
    ['mixed_port: 7890', ['1:1 warning mixed_port KEY_UNKNOWN']],
    ['mode: global', ['1:7 warning mode MODE_GLOBAL']],
    ['external-controller: 127.0.0.1:9090', ['1:1 warning external-controller NOTE_CONTROLLER']],
    ['bind-address: 192.0.2.1', ['1:15 warning bind-address BIND_WITHOUT_LAN']],
    ['dns:\n  enable: false', ['2:11 warning dns.enable NOTE_DNS_ENABLE']],
    ['dns:\n  prefer-h3: true', ['2:3 warning dns.prefer-h3 NOTE_DNS_H2']],
    ['dns:\n  fake-ip-filter: ["geosite:cn"]', ['1:1 warning dns SET_MISSING']],
    ['dns:\n  fake-ip-range: 11.0.0.0/16', ['2:18 warning dns.fake-ip-range RANGE_REAL']],
    ['dns:\n  nameserver: [192.0.2.53#wg0]', ['2:16 warning dns.nameserver[0] NAMESERVER_DEVICE']],
    ['dns:\n  fake-ip-range6: 2001:4860::/32', ['2:19 warning dns.fake-ip-range6 RANGE_REAL']],
    ['dns:\n  ipv6: false\n  fake-ip-range6: fdfe:dcba:9876::1/64', ['3:19 warning dns.fake-ip-range6 RANGE6_USELESS']],
    ['tun:\n  enable: true', ['2:3 warning tun.enable NOTE_TUN_ENABLE']],
    ['tun:\n  auto-route: false', ['2:15 warning tun.auto-route NOTE_TUN_ROUTING']],
    [
      'proxies:\n  - {name: x, type: vmess, server: a, port: 1, uuid: u}',
      ['2:21 warning proxies[0].type PROXY_TYPE_LATER'],
    ],
    ['proxies:\n  - {name: x, type: direct, colour: red}', ['2:29 warning proxies[0].colour KEY_UNKNOWN']],
    ['proxy-groups:\n  - {name: g, type: select, proxies: [DIRECT]}', []],
    [
      'proxy-groups:\n  - {name: g, type: select, proxies: []}',
      ['2:12 left-out proxy-groups[0].name GROUP_WITHOUT_MEMBERS'],
    ],
    ['a: !lamp 1', ['1:1 warning a KEY_UNKNOWN', '1:4 warning - YAML_LOOSE']],
  ])('%s', (text, expected) => {
    expect(problemsOf(text + end)).toEqual(expected);
    expect(loadProfile(text + end).config === undefined).toBe(expected.some((each) => each.includes(' error ')));
  });
});

describe('rules', () => {
  test.each([
    ['- DOMAIN,a.example,nowhere', ['2:22 left-out rules[0] RULE_POLICY_UNKNOWN']],
    ['- DOMAIN,a.example,direct', ['2:22 left-out rules[0] RULE_POLICY_UNKNOWN']],
    ['- DOMAIN,a.example,PASS-RULE', []],
    ['- DOMAINS,a.example,DIRECT', ['2:5 left-out rules[0] RULE_UNKNOWN_TYPE']],
    ['- URL-REGEX,x,DIRECT', ['2:5 left-out rules[0] RULE_TYPE_OTHER']],
    ['- "AND,((DOMAIN,a.example),(DST-PORT,x)),DIRECT"', ['2:40 left-out rules[0] RULE_NOT_A_NUMBER']],
    ['- "NOT,((DOMAIN,a.example),(NETWORK,udp)),DIRECT"', ['2:10 left-out rules[0] RULE_LOGIC_ONE']],
    ['- "SUB-RULE,(NETWORK,udp),nowhere"', ['2:29 left-out rules[0] SUB_RULE_UNKNOWN']],
    ['- SRC-MAC,00:11:22:33:44:55,DIRECT', ['2:13 warning rules[0] RULE_NEVER']],
    ['- "IP-CIDR, 10.0.0.0/33, DIRECT"', ['2:15 left-out rules[0] NOT_A_PREFIX']],
    ["- 'DST-PORT,80/99999,DIRECT'", ['2:18 warning rules[0] RULE_NUMBER_LEFT_OUT']],
    ['- "DOMAIN,\\u0061..b,DIRECT"', ['2:5 warning rules[0] RULE_NEVER']],
    ['- MATCH', ['2:10 left-out rules[0] RULE_NO_POLICY', '3:5 warning rules[1] RULE_UNREACHED']],
    ['- {DOMAIN: x}', ['2:5 left-out rules[0] FOUND_MAP']],
    ['-', ['2:4 warning rules[0] ITEM_EMPTY']],
  ])('%s', (rule, expected) => {
    expect(problemsOf(`rules:\n  ${rule}\n  - MATCH,DIRECT\n`)).toEqual(expected);
  });

  test.each(['rules: MATCH,x', 'rules: {a: b}', 'rules: [DOMIAN]', 'rules: [{a: b}, "MTACH,x"]', 'rules: *none'])(
    '%s: without rules everything would go DIRECT',
    (text) => {
      const { config, problems } = loadProfile(text);
      expect(config).toBeUndefined();
      expect(problems.at(-1)?.code ?? '').toMatch(/^(FOUND_|RULE|YAML_NO)/);
    },
  );
});

test('rules of sets, as often as they are named, have a bound that is told before the helper refuses them', () => {
  const contents = (others?: number): ProviderSource => ({
    ...noContents,
    setsOf: (wanted) =>
      new Map(
        wanted.map(({ name }) => {
          const set = { behavior: 'classical' as const, blob: 'a'.repeat(64), needs: [] };
          return [name, others === undefined ? set : { ...set, others }];
        }),
      ),
  });
  const text = (rules: number, rule = 'RULE-SET,p,DIRECT'): string =>
    `rule-providers:\n  p: { type: file, behavior: classical, path: p.yaml }\nrules:\n${`  - "${rule}"\n`.repeat(rules)}`;
  const codes = (written: string, others?: number): string[] =>
    loadProfile(written, contents(others)).problems.flatMap(({ severity, code }) =>
      severity === 'error' ? [code] : [],
    );
  expect(codes(text(41), 50_000)).toEqual(['RULES_TOGETHER']);
  expect(codes(text(21, 'OR,((RULE-SET,p),(NOT,((RULE-SET,p)))),DIRECT'), 50_000)).toEqual(['RULES_TOGETHER']);
  expect(codes(text(39), 50_000)).toEqual([]);
  expect(codes(text(41))).toEqual([]);
  expect(codes(text(41, 'DST-PORT,80,DIRECT'), 50_000)).toEqual([]);
});
