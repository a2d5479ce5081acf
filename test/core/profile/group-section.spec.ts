/** Policy groups as a profile has them: their members in Clash's order, and what is said of what is not there. */
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../core/contract/config.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

const nodes = `proxies:
  - {name: zHK, type: socks5, server: 192.0.2.1, port: 1}
  - {name: aHK, type: ss, server: 192.0.2.1, port: 1, cipher: aes-128-gcm, password: x}
  - {name: bTW, type: http, server: 192.0.2.1, port: 1}
  - {name: BUS, type: snell, server: 192.0.2.1, port: 1, psk: a-secret}
  - {name: mine, type: direct}
`;

function load(groups: string): { config: Config; problems: string[] } {
  const { config, problems } = loadProfile(`${nodes}proxy-groups:\n${groups}\nrules: ["MATCH,DIRECT"]\n`);
  if (config === undefined) return expect.unreachable(JSON.stringify(problems));
  const told = problems
    .filter(({ code }) => code !== 'PROXY_TYPE_LATER')
    .map(({ severity, leftOut, path, code }) => `${leftOut === true ? 'left-out' : severity} ${path} ${code}`);
  return { config, problems: told };
}
const membersOf = (keys: string) => load(`  - {name: g, ${keys}}`).config.groups[0]?.members;

test('nodes of every kind are kept, by the word for what is not spoken', () => {
  const { proxies } = load('  []').config;
  expect(proxies.filter(({ type }) => type === 'unspoken')).toContainEqual({
    type: 'unspoken',
    name: 'BUS',
    kind: 'snell',
  });
  expect(proxies).toHaveLength(5);
  expect(JSON.stringify(proxies)).not.toContain('a-secret');
});

describe('the health check of a provider', () => {
  const nodesOf = (name: string) => `[{name: ${name}, type: socks5, server: 192.0.2.9, port: 9}]`;
  const loaded = (checks: readonly string[], groups: string) => {
    const providers = checks.map((check, i) => `  p${i}: {type: inline, payload: ${nodesOf(`n${i}`)}, ${check}}\n`);
    const text = `proxy-providers:\n${providers.join('')}proxy-groups: [${groups}]\nrules: ["MATCH,DIRECT"]\n`;
    const { config, problems } = loadProfile(text);
    return { config: config ?? expect.unreachable(), problems: problems.map(({ path, code }) => `${path} ${code}`) };
  };

  test('is kept with the nodes that it is for, with what is usual in Clash', () => {
    const { config, problems } = loaded(
      [
        'health-check: {enable: true}',
        'health-check: {enable: true, url: "http://t.example/", interval: 60, timeout: 900, lazy: false, expected-status: 204}',
        'health-check: {enable: false, interval: 60}',
        'health-check: {enable: true, interval: 0, expected-status: x}',
      ],
      '{name: g, type: select, use: [p0, p1]}',
    );
    const usual = { interval: 300, timeout: 5000, tolerance: 0, lazy: true, expectedStatus: '*' };
    const usualUrl = 'https://www.gstatic.com/generate_204';
    expect(config.checks).toEqual([
      { name: 'p0', members: ['n0'], test: { url: usualUrl, ...usual } },
      {
        name: 'p1',
        members: ['n1'],
        test: { ...usual, url: 'http://t.example/', interval: 60, timeout: 900, lazy: false, expectedStatus: '204' },
      },
      { name: 'p3', members: ['n3'], test: { url: usualUrl, ...usual } },
    ]);
    expect(problems).toEqual(['proxy-providers.p3.health-check.expected-status GROUP_STATUS']);
  });

  test('is what a group shows in which a person chooses, if it has no address of its own', () => {
    const check = 'health-check: {enable: true, url: "http://p.example/", interval: 60, timeout: 900}';
    const groups = ['{name: a, type: select, use: [p0]}', '{name: b, type: url-test, use: [p0]}'];
    const own = '{name: c, type: select, use: [p0], url: "http://c.example/", timeout: 70}';
    const { config } = loaded([check], [...groups, own].join(', '));
    expect(config.groups.map(({ test: of }) => [of?.url, of?.timeout, of?.interval])).toEqual([
      ['http://p.example/', 900, 0],
      ['https://www.gstatic.com/generate_204', 5000, 300],
      ['http://c.example/', 70, 0],
    ]);
  });
});

// As mihomo 1.19 answers for the same keys.
describe('members', () => {
  test.each([
    ['type: select, include-all: true', 'BUS aHK bTW mine zHK'],
    ['type: select, include-all-proxies: true', 'BUS aHK bTW mine zHK'],
    ['type: select, include-all-proxies: true, proxies: [DIRECT, bTW], filter: "US`HK"', 'DIRECT bTW BUS aHK zHK'],
    ['type: select, include-all: true, exclude-type: "ss|http"', 'BUS aHK mine zHK'],
    ['type: select, include-all: true, exclude-type: "Shadowsocks|Http"', 'BUS mine zHK'],
    ['type: select, proxies: [zHK, aHK, bTW, BUS], exclude-type: "Socks5`Http"', 'zHK aHK bTW BUS'],
    ['type: select, proxies: [zHK, aHK, BUS, DIRECT, REJECT], exclude-type: "shadowsocks|direct"', 'zHK BUS REJECT'],
    ['type: select, proxies: [bTW, zHK], filter: "HK"', 'bTW zHK'],
    ['type: select, proxies: [bTW, zHK], exclude-filter: "HK"', 'bTW'],
    ['type: select, proxies: [PASS, COMPATIBLE, REJECT-DROP]', 'PASS COMPATIBLE REJECT-DROP'],
    ['type: select, include-all: true, filter: "nothing"', ''],
    ['type: select, proxies: [zHK, zHK, DIRECT]', 'zHK DIRECT'],
  ])('%s', (keys, members) => {
    expect(membersOf(keys)?.join(' ')).toBe(members);
  });
});

test('settings, and what is usual', () => {
  const { config, problems } = load(`
  - {name: a, type: url-test, proxies: [zHK]}
  - {name: b, Type: Fallback, proxies: [zHK], url: "http://t.example/", interval: 60, timeout: 900, lazy: false, expected-status: 200/204, tolerance: 30, hidden: true, icon: "https://i.example/x.png", disable-udp: true, max-failed-times: 3}
  - {name: c, type: load-balance, proxies: [zHK], strategy: round-robin}
  - {name: d, type: select, proxies: [zHK]}`);
  expect(config.groups).toEqual([
    {
      name: 'a',
      type: 'url-test',
      members: ['zHK'],
      test: {
        url: 'https://www.gstatic.com/generate_204',
        interval: 300,
        timeout: 5000,
        tolerance: 0,
        lazy: true,
        expectedStatus: '*',
      },
      udp: true,
      hidden: false,
    },
    {
      name: 'b',
      type: 'fallback',
      members: ['zHK'],
      test: {
        url: 'http://t.example/',
        interval: 60,
        timeout: 900,
        tolerance: 30,
        lazy: false,
        expectedStatus: '200/204',
      },
      udp: false,
      hidden: true,
      icon: 'https://i.example/x.png',
    },
    expect.objectContaining({ name: 'c', strategy: 'round-robin' }),
    expect.objectContaining({ name: 'd', test: expect.objectContaining({ interval: 0 }) }),
  ]);
  expect(problems).toEqual(['warning proxy-groups[1].max-failed-times NOTE_FAILED_TIMES']);
});

test('what is not there is left out and named; the rest is used', () => {
  const { config, problems } = load(`
  - {name: a, type: select, proxies: [gone, zHK], use: [nothing]}
  - {name: b, type: select}
  - {name: c, type: url-test, proxies: [gone]}
  - {name: d, type: relay, proxies: [zHK, BUS]}
  - {name: e, type: select, include-all: true, filter: "("}
  - {name: zHK, type: select, proxies: [DIRECT]}`);
  expect(config.groups.map(({ name, members }) => [name, ...members].join(' '))).toEqual([
    'a zHK',
    'b',
    'c',
    'd zHK BUS',
    'e',
  ]);
  expect(problems).toEqual([
    'left-out proxy-groups[0].proxies[0] GROUP_MEMBER',
    'left-out proxy-groups[0].use[0] GROUP_PROVIDER',
    'left-out proxy-groups[1].name GROUP_WITHOUT_MEMBERS',
    'left-out proxy-groups[2].proxies[0] GROUP_MEMBER',
    'left-out proxy-groups[4].filter GROUP_FILTER',
    'left-out proxy-groups[5].name NAME_TAKEN',
  ]);
});

test('a circle is named, and cut where it closes', () => {
  const text = `${nodes}proxy-groups:
  - {name: a, type: select, proxies: [b, zHK]}
  - {name: b, type: select, proxies: [c, c2]}
  - {name: c, type: select, proxies: [zHK, a]}
  - {name: c2, type: select, proxies: [c2, zHK]}
rules: ["MATCH,a"]
`;
  const { config, problems } = loadProfile(text);
  expect(config?.groups.map(({ members }) => members)).toEqual([['b', 'zHK'], ['c', 'c2'], ['zHK'], ['zHK']]);
  expect(problems.filter(({ code }) => code === 'GROUP_CYCLE').map(({ values }) => values?.['cycle'])).toEqual([
    'a -> b -> c -> a',
    'c2 -> c2',
  ]);
});

test('rules and nameservers may name groups', () => {
  const text = `dns: {nameserver: ["tcp://192.0.2.1#g"]}\n${nodes}proxy-groups: [{name: g, type: select, proxies: [zHK]}]\nrules: ["MATCH,g"]\n`;
  const { config } = loadProfile(text);
  expect(config?.rules[0]?.policy).toBe('g');
  expect(config?.dns.nameserver[0]).toMatchObject({ via: 'g' });
});

test('the member before a choice, and what takes the place of nobody', () => {
  const { config, problems } = load(`
  - {name: a, type: select, proxies: [zHK, DIRECT], default-selected: DIRECT}
  - {name: b, type: url-test, proxies: [zHK, DIRECT], default-selected: DIRECT}
  - {name: c, type: select, include-all: true, filter: nothing, empty-fallback: DIRECT}
  - {name: d, type: select, proxies: [zHK], empty-fallback: DIRECT}
  - {name: e, type: select, include-all: true, filter: nothing, empty-fallback: a}
  - {name: f, type: select, include-all: true, filter: nothing, empty-fallback: gone}
  - {name: g, type: select, include-all: true, filter: nothing, empty-fallback: g}`);
  expect(config.groups.map(({ initial }) => initial)).toEqual([
    'DIRECT',
    ...Array.from({ length: 6 }, () => undefined),
  ]);
  expect(config.groups.map(({ members }) => members.join(' '))).toEqual([
    'zHK DIRECT',
    'zHK DIRECT',
    'DIRECT',
    'zHK',
    'a',
    '',
    '',
  ]);
  expect(problems).toEqual([
    'left-out proxy-groups[5].empty-fallback GROUP_MEMBER',
    'left-out proxy-groups[6].name GROUP_CYCLE',
  ]);
});
