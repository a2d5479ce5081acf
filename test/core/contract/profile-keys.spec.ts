/** The table of keys says what the readers do: each of its keys is read as it says, and no other is. */
import { describe, expect, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { exampleLines, fateOfKey, keyParts, type ProfileKey } from '../../../core/contract/profile-key.ts';
import { profileKeys } from '../../../core/contract/profile-keys.ts';
import { explainKey } from '../../../core/profile/explain-key.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { YamlMap } from '../../../core/profile/yaml-map.ts';

type Tree = Record<string, unknown>;

/** What must stand beside a key so that it is read. */
function surroundings({ path, only }: ProfileKey): Tree {
  const kind = path.endsWith('.path') ? 'file' : path.endsWith('.payload') ? 'inline' : 'http';
  const isWeb = path.startsWith('proxies[].ws-opts');
  const web = { type: 'trojan', password: 'p', network: 'ws' };
  const provider = { type: kind, url: 'https://a.example/x', path: './x.yaml', behavior: 'domain' };
  return {
    proxies: [{ name: 'A', ...(isWeb ? web : { type: 'socks5', username: 'u' }), server: '192.0.2.1', port: 1080 }],
    'proxy-groups': [{ name: 'G', type: only ?? 'url-test', proxies: ['A'] }],
    'proxy-providers': { provider, NAME: provider },
    'rule-providers': { NAME: provider },
    rules: ['MATCH,G'],
  };
}

/** A profile with the key in its place. */
function profileWith(key: ProfileKey, value: unknown): string {
  const root = surroundings(key);
  let at = root;
  const parts = key.path.split('.').map((part) => (part === '*' ? 'NAME' : part));
  for (const [i, part] of parts.entries()) {
    const name = part.replace('[]', '');
    if (i === parts.length - 1) at[name] = value;
    else {
      at[name] ??= part.endsWith('[]') ? [{}] : {};
      const below = at[name];
      at = (Array.isArray(below) ? below[0] : below) as Tree;
    }
  }
  return stringify(root);
}

/** Codes of what is said of the key and what is below it. */
function saidOf(key: ProfileKey, value: unknown): string[] {
  const parts = keyParts(key.path);
  return loadProfile(profileWith(key, value))
    .problems.filter(({ path }) => {
      const told = keyParts(path);
      return parts.every((part, i) => part === '*' || told[i] === part);
    })
    .map(({ code }) => code);
}

const read = profileKeys.filter(({ note, harmless }) => harmless === undefined && note === undefined);
const named = (keys: readonly ProfileKey[]) => keys.map((key) => [key.path, key] as const);
/** What is right to say of an example. */
const toldAnyway: Readonly<Record<string, readonly string[]>> = {
  port: ['PORT_IS_MIXED'],
  'socks-port': ['PORT_IS_MIXED'],
  'allow-lan': ['LAN_NEEDS_USERS'],
};

test.each(named(read.filter(({ path }) => path !== 'dns.ca')))('%s is read as its example says', (path, key) => {
  expect(saidOf(key, parse(key.example)).filter((code) => toldAnyway[path]?.includes(code) !== true)).toEqual([]);
  expect(exampleLines(key).at(-1)).toContain(key.example);
});

describe('the values that it names are those that are taken', () => {
  test.each(named(read.filter(({ value }) => value.kind === 'integer')))('%s', (_, key) => {
    if (key.value.kind !== 'integer') return;
    const { min, max } = key.value;
    for (const right of [min, max]) expect(saidOf(key, right)).not.toContain('OUT_OF_RANGE');
    for (const wrong of [min - 1, max + 1])
      if (Number.isSafeInteger(wrong)) expect([wrong, ...new Set(saidOf(key, wrong))]).toEqual([wrong, 'OUT_OF_RANGE']);
    expect(saidOf(key, 'many')).not.toEqual([]);
  });

  test.each(named(read.filter(({ value }) => value.kind === 'words')))('%s', (_, key) => {
    const all = key.value.kind === 'words' ? key.value.words : [];
    for (const word of all) expect(saidOf(key, word)).not.toContain('UNKNOWN_WORD');
    expect(saidOf(key, 'another')).toContain('UNKNOWN_WORD');
  });

  test.each(named(read.filter(({ value }) => value.kind === 'boolean')))('%s', (_, key) => {
    for (const right of [true, false]) expect(saidOf(key, right)).not.toContain('FOUND_BOOLEAN');
    expect(saidOf(key, 'maybe')).not.toEqual([]);
  });
});

test.each(named(profileKeys.filter(({ note }) => note !== undefined)))('%s is told with its note', (path, key) => {
  const value = { 'dns.enable': false, 'tun.auto-route': false }[path] ?? 'x';
  expect(saidOf({ ...key, path: path.replace('*', 'x').replace('.x.', '.*.') }, value)).toContain(key.note);
});

test('every key that a reader takes is in the table', () => {
  const taken = new Set<string>();
  const spy = vi.spyOn<YamlMap, 'take'>(YamlMap.prototype, 'take');
  for (const key of read) loadProfile(profileWith(key, key.path === 'dns.ca' ? 'x' : parse(key.example)));
  for (const [i, [name]] of spy.mock.calls.entries()) {
    const map: unknown = spy.mock.contexts[i];
    const at = map instanceof YamlMap ? map.path : expect.unreachable();
    const parts = keyParts(at === '' ? name : `${at}.${name}`);
    const isNamed = ['proxy-providers', 'rule-providers'].includes(parts[0] ?? '') && parts.length > 1;
    taken.add((isNamed ? [parts[0], '*', ...parts.slice(2)] : parts).join('.'));
  }
  spy.mockRestore();
  const known = new Set(profileKeys.map(({ path }) => keyParts(path).join('.').toLowerCase()));
  // Each protocol has keys of its own, and so have entries that are lists of maps.
  const others = [...taken].filter(
    (path) =>
      !known.has(path.toLowerCase()) && !/^proxies\.|override\.proxy-name\.|\.payload\.|^sub-rules\./.test(path),
  );
  expect(others).toEqual([]);
});

test('a key is found however much of its path is said', () => {
  const found = (asked: string) => {
    const answer = explainKey(asked);
    return answer.kind === 'found' ? answer.keys.map(({ path }) => path) : answer.near;
  };
  expect(found('dns.fake-ip-filter')).toEqual(['dns.fake-ip-filter']);
  expect(found('fake-ip-filter')).toEqual(['dns.fake-ip-filter']);
  expect(found('proxy-groups.url-test.tolerance')).toEqual(['proxy-groups[].tolerance']);
  expect(found('proxy-groups[3].tolerance')).toEqual(['proxy-groups[].tolerance']);
  expect(found('proxy-groups.select.interval')).toEqual(['proxy-groups[].interval']);
  expect(found('rule-providers.mine.behavior')).toEqual(['rule-providers.*.behavior']);
  expect(found('rule-providers.behavior')).toEqual(['rule-providers.*.behavior']);
  expect(found('cfw-bypass')).toEqual(['cfw-*']);
  expect(found('interval')).toContain('proxy-providers.*.interval');
  expect(explainKey('proxy-groups.select.tolerance').kind).toBe('unknown');
  expect(explainKey('dns.fake-ip-fliter')).toEqual({ kind: 'unknown', near: ['dns.fake-ip-filter'] });
  expect(found('rules.fake-ip-range')[0]).toBe('dns.fake-ip-range');
  expect(explainKey('x'.repeat(100_000))).toEqual({ kind: 'unknown', near: [] });
  expect(explainKey('')).toEqual({ kind: 'unknown', near: [] });
});

test('the fates', () => {
  const fate = (wanted: string) =>
    fateOfKey(profileKeys.find(({ path }) => path === wanted) ?? expect.unreachable(wanted));
  const paths = ['mixed-port', 'tun.stack', 'tun.include-uid', 'proxies[].udp-over-tcp', 'geodata-loader'];
  expect(paths.map(fate)).toEqual(['supported', 'ignored', 'later', 'differently', 'ignored']);
});
