import { describe, expect, test } from 'vitest';
import { maxProfileBytes } from '../../../core/contract/profile-import.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { end, load, problemsOf } from './loader-ground.ts';

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
