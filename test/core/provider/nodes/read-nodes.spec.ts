import { describe, expect, test } from 'vitest';
import { nameChange, parseNameFilters } from '../../../../core/profile/name-filter.ts';
import type { ProxyProvider } from '../../../../core/profile/provider-contents.ts';
import { FormatError } from '../../../../core/provider/formats/format-error.ts';
import { fromBase64 } from '../../../../core/provider/nodes/link-text.ts';
import { readNodes } from '../../../../core/provider/nodes/read-nodes.ts';

const filtersOf = (text: string) => {
  const parsed = parseNameFilters(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.filters;
};
const plain: ProxyProvider = {
  name: 'p',
  place: { kind: 'file', path: 'x' },
  filters: [],
  excludeFilters: [],
  excludeTypes: new Set(),
  override: { prefix: '', suffix: '', renames: [], keys: {} },
  text: '',
};
const read = (text: string, more: Partial<ProxyProvider> = {}) => readNodes(Buffer.from(text), { ...plain, ...more });
const yaml = `proxies:
  - { name: HK 1, type: socks5, server: 192.0.2.1, port: 1080 }
  - { name: JP 1, type: socks5, server: 192.0.2.2, port: 1080, udp: false }
  - { name: HK 2, type: snell, server: 192.0.2.3, port: 8388, psk: "01234" }
  - { name: HK 1, type: socks5, server: 192.0.2.4, port: 1080 }
`;

describe('every form', () => {
  test('yaml: kinds that are not spoken stay, the first of a name counts', () => {
    expect(read(yaml)).toEqual([
      { type: 'socks5', name: 'HK 1', server: '192.0.2.1', port: 1080, udp: false },
      { type: 'socks5', name: 'JP 1', server: '192.0.2.2', port: 1080, udp: false },
      { type: 'unspoken', name: 'HK 2', kind: 'snell' },
    ]);
  });

  const links = 'socks5://192.0.2.1:1080#HK%201\ntrojan://x@192.0.2.9:443#T\n';
  const nodes = [
    { type: 'socks5', name: 'HK 1', server: '192.0.2.1', port: 1080, udp: true },
    {
      type: 'trojan',
      name: 'T',
      server: '192.0.2.9',
      port: 443,
      password: 'x',
      udp: true,
      tls: { serverName: '192.0.2.9', alpn: ['h2', 'http/1.1'] },
    },
  ];
  test.each([
    ['links', links],
    ['links with comments', `# mine\n\n${links.replaceAll('\n', '\r\n')}`],
    ['base64', Buffer.from(links).toString('base64')],
    [
      'base64 in lines',
      Buffer.from(links)
        .toString('base64')
        .replaceAll(/(.{20})/g, '$1\n'),
    ],
    ['base64 for URLs', Buffer.from(links).toString('base64url')],
    ['a list that one cannot be read of', `${links}vmess://broken\n`],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual(nodes);
  });
});

describe('what the profile wants of them', () => {
  const names = (more: Partial<ProxyProvider>): string[] => read(yaml, more).map(({ name }) => name);
  const override = (over: Partial<ProxyProvider['override']>) => ({ override: { ...plain.override, ...over } });

  test('filters go by the names that the provider gave', () => {
    expect(names({ filters: filtersOf('HK'), ...override({ prefix: 'JP ' }) })).toEqual(['JP HK 1', 'JP HK 2']);
    expect(names({ filters: filtersOf('JP`2$') })).toEqual(['JP 1', 'HK 2']);
    expect(names({ excludeFilters: filtersOf('(?i)hk') })).toEqual(['JP 1']);
    expect(names({ excludeTypes: new Set(['snell']) })).toEqual(['HK 1', 'JP 1']);
  });

  test('names and keys are changed', () => {
    const changed = override({
      prefix: '[',
      suffix: ']',
      renames: [nameChange('HK', 'Hong Kong')].flatMap((change) => change ?? []),
      keys: { udp: true },
    });
    expect(read(yaml, changed).slice(0, 2)).toEqual([
      { type: 'socks5', name: '[Hong Kong 1]', server: '192.0.2.1', port: 1080, udp: true },
      { type: 'socks5', name: '[JP 1]', server: '192.0.2.2', port: 1080, udp: true },
    ]);
  });

  test('a rename that never ends, or makes names without end, changes nothing; names that are too long are left out', () => {
    const evil = ['(a+)+$', '(?:(?:a*)*)*c', '((?!(a|aa)+c).)*d'].map((pattern) => nameChange(pattern, ''));
    const endless = nameChange('', '$&'.repeat(20_000));
    const renames = [...evil, endless].flatMap((change) => change ?? []);
    expect(renames).toHaveLength(4);
    const named = (name: string) => `proxies:\n  - { name: "${name}", type: socks5, server: 192.0.2.1, port: 1080 }\n`;
    const long = 'a'.repeat(255);
    expect(read(named(`${long.slice(1)}!`), override({ renames })).map(({ name }) => name)).toEqual([
      `${long.slice(1)}!`,
    ]);
    const both = `${named(`${long}b`)}  - { name: c, type: direct }\n`;
    expect(read(both, { filters: filtersOf('.') }).map(({ name }) => name)).toEqual(['c']);
    expect(() => read(named('a'), override({ prefix: long }))).toThrow(FormatError);
  });

  test('all filtered away is no fault', () => {
    expect(names({ filters: filtersOf('nothing') })).toEqual([]);
  });
});

test.each([
  ['a web page', '<!DOCTYPE html><html></html>'],
  ['a list of rules', 'payload:\n  - DOMAIN,a.example\n'],
  ['a JSON error', '{"message":"token is wrong"}'],
  ['no YAML', 'a: [b'],
  ['nodes without an address', 'proxies:\n  - { name: a, type: socks5 }\n'],
  ['nothing', ''],
])('%s is refused', (_, text) => {
  expect(() => read(text)).toThrow(FormatError);
});

test('padding without end is read in one pass', () => {
  expect(fromBase64(`${'='.repeat(4_000_000)}x`)).toBeUndefined();
  expect(fromBase64('YWI=====')).toBe('ab');
});

test.each(['proxies: []', 'proxies:', 'proxies: [1, { type: ss }]', 'proxies: [{ name: x }]', 'vmess://broken\n'])(
  'a list without a node that is understood is none, with and without a filter: %s',
  (text) => {
    expect(() => read(text)).toThrow(FormatError);
    expect(() => read(text, { filters: filtersOf('.') })).toThrow(FormatError);
  },
);
