/** What an override does to a profile, and where its mistakes are told. */
import { expect, test } from 'vitest';
import { isAlias, parseDocument } from 'yaml';
import { parseOverrideKey } from '../../../core/contract/override-key.ts';
import { maxOverrideBytes } from '../../../core/contract/profile-editing.ts';
import { OverrideMerge } from '../../../core/profile/override-merge.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

const base = `mixed-port: 7890
mode: rule
dns:
  enhanced-mode: fake-ip
  nameserver: [192.0.2.1, 192.0.2.2]
  fake-ip-filter: ['*.lan']
proxies:
  - {name: a, type: socks5, server: 192.0.2.10, port: 1080}
  - {name: b, type: socks5, server: 192.0.2.11, port: 1080}
proxy-groups:
  - {name: G, type: select, proxies: [a, b]}
rules:
  - DOMAIN,one.example,a
  - DOMAIN,two.example,b
  - MATCH,G
`;
const merged = (override: string, profile = base) => {
  const { config, problems } = loadProfile(profile, undefined, { override });
  return { config: config ?? expect.unreachable(JSON.stringify(problems)), problems };
};
const rulesOf = (override: string, profile = base) =>
  merged(override, profile).config.rules.map(({ type, payload, policy }) => `${type} ${payload} ${policy}`);

test('maps are merged deep, lists are replaced, the rest stays', () => {
  const { config, problems } = merged('dns:\n  nameserver: [192.0.2.9]\n  fake-ip-ttl: 5\nlog-level: debug\n');
  const plain = merged('').config;
  expect(config.dns.nameserver).toEqual([{ kind: 'udp', address: '192.0.2.9', port: 53 }]);
  expect(config).toEqual({
    ...plain,
    logLevel: 'debug',
    dns: { ...plain.dns, nameserver: config.dns.nameserver, fakeIpTtl: 5 },
  });
  expect(problems).toEqual([]);
});

test.each(['+rules', 'prepend-rules'])('%s puts rules in front', (key) => {
  expect(rulesOf(`${key}:\n  - DOMAIN,new.example,REJECT\n  - DOMAIN,two.example,b\n`)).toEqual([
    'DOMAIN new.example REJECT',
    'DOMAIN two.example b',
    'DOMAIN one.example a',
    'MATCH  G',
  ]);
});

test.each(['rules+', 'append-rules'])('%s puts rules behind, each once', (key) => {
  const rest = base.replace('  - MATCH,G\n', '');
  expect(rulesOf(`${key}: ["DOMAIN,one.example,a", "MATCH,DIRECT"]\n`, rest)).toEqual([
    'DOMAIN one.example a',
    'DOMAIN two.example b',
    'MATCH  DIRECT',
  ]);
});

test('own nodes and groups stand beside those of the profile, or take the place of one with their name', () => {
  const { config, problems } = merged(`
+proxies:
  - {name: mine, type: socks5, server: 192.0.2.12, port: 1080}
proxy-groups+:
  - {name: G, type: select, proxies: [mine, a]}
  - {name: Own, type: fallback, proxies: [b]}
`);
  expect(config.proxies.map(({ name }) => name)).toEqual(['mine', 'a', 'b']);
  expect(config.groups.map(({ name, members }) => [name, members])).toEqual([
    ['G', ['mine', 'a']],
    ['Own', ['b']],
  ]);
  expect(problems).toEqual([]);
});

test('nothing behind a key takes it away; key! replaces a map whole', () => {
  expect(merged('mixed-port:\n').config.mixed).toBeNull();
  const { dns } = merged('dns!:\n  fake-ip-ttl: 7\n').config;
  expect(dns).toMatchObject({ fakeIpTtl: 7, nameserver: [{ kind: 'system' }], fakeIpFilter: { patterns: [] } });
});

test('a list may be written as one value, and be missing in the profile', () => {
  const { dns, proxies } = merged('dns:\n  +nameserver: 192.0.2.8\n  fallback+: [192.0.2.7]\n').config;
  expect(dns.nameserver).toHaveLength(3);
  expect(dns.fallback).toEqual([{ kind: 'udp', address: '192.0.2.7', port: 53 }]);
  expect(proxies).toHaveLength(2);
});

test('keys with marks of their own', () => {
  expect(parseOverrideKey('+.example.com', false)).toEqual({ key: '+.example.com', way: 'patch' });
  expect(parseOverrideKey('<+.example.com>+', false)).toEqual({ key: '+.example.com', way: 'append' });
  expect(parseOverrideKey('+<a!>', false)).toEqual({ key: 'a!', way: 'prepend' });
  expect(parseOverrideKey('dns!', true)).toEqual({ key: 'dns', way: 'replace' });
  expect(parseOverrideKey('prepend-rules', false)).toEqual({ key: 'prepend-rules', way: 'patch' });
  const { dns } = merged('dns:\n  nameserver-policy:\n    +.corp.example: 192.0.2.3\n').config;
  expect(dns.nameserverPolicy).toMatchObject([{ patterns: ['+.corp.example'] }]);
});

test('the profile may call its lists as the first versions of Clash did', () => {
  const old = base.replace('rules:', 'Rule:').replace('proxies:\n  -', 'Proxy:\n  -');
  expect(rulesOf('+rules: ["DOMAIN,new.example,a"]', old)).toHaveLength(4);
  expect(rulesOf('rules: ["MATCH,b"]', old)).toEqual(['MATCH  b']);
});

test('merge keys and aliases of either text are followed, and another use of an anchor stays as it is', () => {
  const profile = `x: &t {interval: 100}\ny: &u\n  <<: *t\n  url: https://u.example/\n${base}rule-providers:\n  one: {<<: *u, type: http, behavior: domain}\n  two: {<<: *u, type: http, behavior: domain}\n`;
  const override = `rule-providers:\n  one: {interval: 7}\nrules: ["RULE-SET,one,a", "RULE-SET,two,b", "MATCH,G"]\n`;
  const { wanted } = loadProfile(profile, undefined, { override });
  expect(wanted?.sets.map((set) => ('provider' in set ? set.provider.place : null))).toMatchObject([
    { interval: 60 },
    { interval: 100 },
  ]);
  const aliased = merged('x: &d {fake-ip-ttl: 9}\ndns: *d\n');
  expect(aliased.config.dns).toMatchObject({ fakeIpTtl: 9, nameserver: [{ address: '192.0.2.1' }, {}] });
});

test('a mistake is told in the text that it stands in', () => {
  const override = 'dns:\n  fake-ip-ttl: 99999\n+rules:\n  - DOMAIN,x.example,nobody\n';
  const { problems } = loadProfile(`${base}nonsense: 1\n`, undefined, { override });
  expect(problems.map(({ code, file, line, column }) => [code, file, line, column])).toEqual([
    ['KEY_UNKNOWN', undefined, 16, 1],
    ['OUT_OF_RANGE', 'override', 2, 16],
    ['RULE_POLICY_UNKNOWN', 'override', 4, 22],
  ]);
});

test.each([
  ['dns: [', 'CONFIG_SYNTAX'],
  ['- one\n', 'OVERRIDE_NOT_MAP'],
  ['just words', 'OVERRIDE_NOT_MAP'],
  ['+dns: [192.0.2.1]', 'OVERRIDE_NOT_LIST'],
  ['function main(config) {\n  return config;\n}', 'TEXT_IS_SCRIPT'],
  ['// Define main function\n\nconst main = (config) => {\n  return config;\n};', 'TEXT_IS_SCRIPT'],
  ['/* mine */\nexport default function (c) {}', 'TEXT_IS_SCRIPT'],
  ['#!/usr/bin/env python\ndef main(config):\n', 'TEXT_IS_SCRIPT'],
  [`a: ${'x'.repeat(maxOverrideBytes)}`, 'FILE_TOO_LARGE'],
])('%.20s is refused and says why, in the override', (override, code) => {
  const { config, failure, problems } = loadProfile(base, undefined, { override });
  expect(config).toBeUndefined();
  const errors = problems.filter(({ severity }) => severity === 'error');
  expect(errors.map((problem) => (code === 'CONFIG_SYNTAX' ? failure : problem.code))).toContain(code);
  expect(errors.every(({ file }) => file === 'override')).toBe(true);
});

test.each([
  ['dns: {}\ndns: {}', 'KEY_TWICE'],
  ['[a]: 1', 'YAML_KEY_TYPE'],
  ['<<: 1', 'YAML_MERGE'],
])('%s costs only the key, and is told in the override', (override, code) => {
  const { config, problems } = loadProfile(base, undefined, { override });
  expect(config).toBeDefined();
  expect(problems).toMatchObject([{ code, severity: 'error', leftOut: true, file: 'override' }]);
});

test('aliases that expand without end are bounded', () => {
  const levels = Array.from({ length: 40 }, (_, i) => `l${i + 1}: &l${i + 1} {x: *l${i}, y: *l${i}}`).join('\n');
  const bomb = `l0: &l0 {dns: {fake-ip-ttl: 1}}\n${levels}\n`;
  const circle = 'dns: &d\n  a: *d\n  b: *d\n  c: *d\n';
  for (const override of [bomb, circle]) {
    const { config, problems } = loadProfile(`${circle}\n${base.replace('dns:', 'dns2:')}`, undefined, { override });
    expect(config).toBeUndefined();
    expect(problems.some(({ code }) => code === 'YAML_EXPANDS')).toBe(true);
  }
});

/** Looks at nodes that a merge takes. */
function workOf(profile: string, override: string): number {
  const documents = [parseDocument(profile), parseDocument(override)];
  let looks = 0;
  const texts = {
    follow: (node: Parameters<OverrideMerge['merge']>[0]) => {
      looks += 1;
      return isAlias(node) ? documents.map((document) => node.resolve(document)).find((found) => found) : node;
    },
    spend: () => true,
    report: ({ message }: { message: string }) => expect.unreachable(message),
  };
  const [below, above] = documents;
  new OverrideMerge(texts).merge(below?.contents ?? null, above?.contents ?? null);
  return looks;
}

const keys = (count: number, word: string) => Array.from({ length: count }, (_, i) => `  ${word}${i}: ${i}\n`).join('');

test.each<[string, (count: number) => [string, string]]>([
  [
    'keys of a map that merges another one in',
    (n) => [`x: &x\n${keys(n, 'a')}hosts:\n  <<: *x\n`, `hosts:\n${keys(n, 'b')}`],
  ],
  ['keys of its own', (n) => [`hosts:\n${keys(n, 'a')}`, `hosts:\n${keys(n, 'b')}`]],
  ['keys that both have', (n) => [`x: &x\n${keys(n, 'a')}hosts:\n  <<: *x\n`, `hosts:\n${keys(n, 'a')}`]],
  ['keys that are taken out', (n) => [`hosts:\n${keys(n, 'a')}`, `hosts:\n${keys(n, 'b').replaceAll(/\d+$/gm, '')}`]],
  ['keys that an override merges in', (n) => ['', `x: &x\n${keys(n, 'a')}hosts:\n  <<: *x\n${keys(n, 'b')}`]],
])('%s: twice as many are twice the work', (_, texts) => {
  expect(workOf(...texts(800)) / workOf(...texts(400))).toBeLessThan(2.2);
});

test('a map that is merged in by a thousand million ways is looked into once', () => {
  const ways = (count: number) =>
    Array.from({ length: count }, (_, i) => `m${i + 1}: &m${i + 1}\n  <<: [*m${i}, *m${i}]\n`).join('');
  const rows = `m0: &m0\n  deep.example: 192.0.2.7\n${ways(30)}`;
  const { config } = merged(
    'hosts: {deep.example: null, own.example: 192.0.2.8}\n',
    `${rows}hosts:\n  <<: *m30\n${base}`,
  );
  expect(Object.keys(config.dns.hosts)).toEqual(['own.example']);
});
