/** What is told of a change, and that it is bounded and holds no secrets. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { configDiffSchema, maxTold } from '../../../core/contract/config-diff.ts';
import { isSame } from '../../../core/contract/diff-parts.ts';
import { diffConfigs } from '../../../core/profile/config-diff.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { runs } from '../../support/runs.ts';

const read = (text: string): Config => loadProfile(text).config ?? expect.unreachable(text);
const none = { count: 0, first: [] };
const rule = (name: string): Config['rules'][number] => ({
  type: 'DOMAIN',
  payload: name,
  policy: 'DIRECT',
  noResolve: false,
});
const withRules = (names: readonly string[]): Config => ({ ...defaultConfig, rules: names.map(rule) });

const base = `mixed-port: 7890
dns: {nameserver: [192.0.2.1, 192.0.2.2], fake-ip-filter: ['*.lan']}
proxies:
  - {name: a, type: socks5, server: 192.0.2.10, port: 1080, username: u, password: first-secret}
  - {name: b, type: socks5, server: 192.0.2.11, port: 1080}
proxy-groups: [{name: G, type: select, proxies: [a, b]}]
rules: ["DOMAIN,one.example,a", "DOMAIN,two.example,b", "MATCH,G"]
`;

test('nothing changes', () => {
  expect(isSame(diffConfigs(read(base), read(base)))).toBe(true);
});

test('rules, nodes, groups, servers and ports', () => {
  const next = base
    .replace('7890', '7891')
    .replace('192.0.2.2]', 'tls://dns.example]')
    .replace('first-secret', 'second-secret')
    .replace('{name: b,', '{name: c,')
    .replace('[a, b]', '[a, c]')
    .replace('"DOMAIN,one.example,a", "DOMAIN,two.example,b"', '"DOMAIN,new.example,c", "DOMAIN,one.example,a"');
  const diff = diffConfigs(read(base), read(next));
  expect(diff).toEqual({
    rules: {
      added: { count: 1, first: ['DOMAIN,new.example,c'] },
      removed: { count: 1, first: ['DOMAIN,two.example,b'] },
      changed: none,
    },
    subRules: { added: none, removed: none, changed: none },
    nodes: {
      added: { count: 1, first: ['c'] },
      removed: { count: 1, first: ['b'] },
      changed: { count: 1, first: ['a'] },
    },
    groups: { added: none, removed: none, changed: { count: 1, first: ['G'] } },
    sets: { added: none, removed: none, changed: none },
    keys: [
      {
        key: 'dns.nameserver',
        added: { count: 1, first: ['tls://dns.example:853'] },
        removed: { count: 1, first: ['udp://192.0.2.2:53'] },
      },
      { key: 'mixed-port', before: '7890', after: '7891' },
    ],
    moreKeys: 0,
  });
});

test('a moved rule is one, wherever it goes', () => {
  const names = Array.from({ length: 50 }, (_, i) => `n${i}.example`);
  const moved = [...names.slice(1, 30), 'n0.example', ...names.slice(30)];
  const { rules } = diffConfigs(withRules(names), withRules(moved));
  expect(rules).toEqual({ added: none, removed: none, changed: { count: 1, first: ['DOMAIN,n0.example,DIRECT'] } });
});

test('no password is told', () => {
  const users = (...pairs: string[]) => read(`${base}authentication: [${pairs.map((pair) => `"${pair}"`).join(', ')}]`);
  const diff = diffConfigs(users('me:first-secret'), users('me:second-secret', 'you:third-secret'));
  expect(JSON.stringify(diff)).not.toContain('secret');
  expect(diff.keys).toMatchObject([
    { key: 'authentication', added: { first: ['me', 'you'] }, removed: { first: ['me'] } },
  ]);
});

test('a list in another order, and a key that is there in one of them only', () => {
  const swapped = base.replace('[192.0.2.1, 192.0.2.2]', '[192.0.2.2, 192.0.2.1]').replace('mixed-port: 7890', '');
  expect(diffConfigs(read(base), read(swapped)).keys).toMatchObject([
    { key: 'dns.nameserver', before: 'udp://192.0.2.1:53 udp://192.0.2.2:53' },
    { key: 'mixed-port', before: '7890', after: 'off' },
  ]);
});

test('filters, hosts and other maps are told item by item', () => {
  const next = base
    .replace("['*.lan']", "['*.lan', '+.corp.example']")
    .replace('dns: {', 'dns: {fake-ip-filter-mode: whitelist, ');
  const { keys } = diffConfigs(read(base), read(`${next}hosts: {nas.example: [192.0.2.5, 192.0.2.6]}\n`));
  expect(keys).toMatchObject([
    {
      key: 'dns.fake-ip-filter',
      added: { first: ['mode: whitelist', '+.corp.example'] },
      removed: { first: ['mode: blacklist'] },
    },
    { key: 'hosts', added: { first: ['nas.example: 192.0.2.5', 'nas.example: 192.0.2.6'] } },
  ]);
});

test('whatever the lists: the counts add up, the output is bounded, and the moved ones are the fewest', () => {
  const names = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'x'.repeat(300)), { maxLength: 40 });
  fc.assert(
    fc.property(names, names, (before, after) => {
      const diff = diffConfigs(withRules(before), withRules(after));
      const { added, removed, changed } = diff.rules;
      expect(configDiffSchema.parse(diff)).toEqual(diff);
      expect(before.length - removed.count).toBe(after.length - added.count);
      expect(isSame(diff)).toBe(before.join() === after.join());
      expect(changed.first.length).toBe(Math.min(maxTold, changed.count));
      expect(changed.count).toBeLessThanOrEqual(Math.max(0, after.length - added.count - 1));
    }),
    runs(150),
  );
});

test('100,000 rules are compared', () => {
  const names = Array.from({ length: 100_000 }, (_, i) => `n${i}.example`);
  const { rules } = diffConfigs(withRules(names), withRules(names.toReversed()));
  expect([rules.added.count, rules.removed.count, rules.changed.count]).toEqual([0, 0, 99_999]);
});
