import { expect, test } from 'vitest';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

function load(text: string) {
  const { config, problems } = loadProfile(`${text}\nrules: ["MATCH,DIRECT"]\n`);
  return {
    proxies: config?.proxies.map((proxy) =>
      'dialerProxy' in proxy ? `${proxy.name} < ${proxy.dialerProxy}` : `${proxy.name} ${proxy.type}`,
    ),
    problems: problems
      .filter(({ code }) => code.startsWith('PROXY_CHAIN'))
      .map(({ path, code, values }) => `${path} ${code} ${values?.['node']}: ${values?.['proxy']}`),
  };
}
const node = (name: string, via: string, type = 'socks5'): string =>
  `  - {name: ${name}, type: ${type}, server: ${name}.example, port: 1${via === '' ? '' : `, dialer-proxy: ${via}`}}`;

test('a node before or behind it in the profile, a group; DIRECT adds nothing', () => {
  const text = `proxies:
${node('a', 'z')}
${node('b', 'G', 'http')}
${node('c', 'DIRECT')}
${node('z', '')}
proxy-groups:
  - {name: G, type: select, proxies: [a, z]}`;
  expect(load(text)).toEqual({ proxies: ['a < z', 'b < G', 'c socks5', 'z socks5'], problems: [] });
});

test('what is not there is named, and its node refuses', () => {
  expect(load(`proxies:\n${node('a', 'gone')}\n${node('b', 'a')}`)).toEqual({
    proxies: ['a unspoken', 'b < a'],
    problems: ['proxies[0].dialer-proxy PROXY_CHAIN_UNKNOWN a: gone'],
  });
});

test('circles are named, also through groups; what only leads into one is none', () => {
  const text = `proxies:
${node('a', 'b')}
${node('b', 'a')}
${node('c', 'G')}
${node('d', 'c')}
${node('e', 'e')}
proxy-groups:
  - {name: G, type: select, proxies: [H]}
  - {name: H, type: select, proxies: [DIRECT, c]}`;
  expect(load(text)).toEqual({
    proxies: ['a < b', 'b < a', 'c < G', 'd < c', 'e < e'],
    problems: [
      'proxies[0].dialer-proxy PROXY_CHAIN_CIRCLE a: a -> b -> a',
      'proxies[1].dialer-proxy PROXY_CHAIN_CIRCLE b: b -> a -> b',
      'proxies[2].dialer-proxy PROXY_CHAIN_CIRCLE c: c -> G -> H -> c',
      'proxies[4].dialer-proxy PROXY_CHAIN_CIRCLE e: e -> e',
    ],
  });
});

test.each([
  'override: {dialer-proxy: front}',
  'dialer-proxy: front',
  'dialer-proxy: other\n    override: {dialer-proxy: front}',
])('%s of a provider gives it to all of its nodes; one circle is told once', (keys) => {
  const text = `proxy-providers:
  p:
    type: inline
    ${keys}
    payload:
${node('x', '')}
${node('y', '')}
proxies:
${node('a', '')}
proxy-groups:
  - {name: front, type: select, proxies: [a], use: [p]}`.replaceAll(/^ {2}- \{name: ([xy])/gm, '      - {name: $1');
  const { proxies, problems } = load(text);
  expect(proxies).toEqual(['a socks5', 'x < front', 'y < front']);
  expect(problems).toEqual([' PROXY_CHAIN_CIRCLE x: x -> front -> x']);
});

test('of circles of very many nodes only some are searched for', () => {
  // Each is in the circle of all, and searching for it passes all: 4 million steps.
  const count = 2_000;
  const nodes = Array.from({ length: count }, (_, i) => node(`n${i}`, `n${(i + 1) % count}`));
  const { config, problems } = loadProfile(`proxies:\n${nodes.join('\n')}\nrules: ["MATCH,DIRECT"]\n`);
  expect(config?.proxies).toHaveLength(count);
  const told = problems.filter(({ code }) => code === 'PROXY_CHAIN_CIRCLE').length;
  expect(told).toBeGreaterThan(100);
  expect(told).toBeLessThan(500);
});

test("Surge's word for it means the same, and gives way to Clash's", () => {
  const other = (name: string, keys: string) => node(name, '').replace(/\}$/, `, ${keys}}`);
  const { proxies, problems } = load(
    `proxies:\n${node('a', '')}\n${other('b', 'underlying-proxy: a')}\n${other('c', 'underlying-proxy: b, dialer-proxy: a')}`,
  );
  expect(proxies).toEqual(['a socks5', 'b < a', 'c < a']);
  expect(problems).toEqual([]);
});
