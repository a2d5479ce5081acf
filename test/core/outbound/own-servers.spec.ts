/** Which proxy servers are ours to look up and to leave alone. */
import { expect, test } from 'vitest';
import { ownServersOf } from '../../../core/outbound/own-servers.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';

function hosts(lines: string): string[] {
  const { config, problems } = loadProfile(`${lines}\nrules: ["MATCH,DIRECT"]\n`);
  return ownServersOf(config ?? expect.unreachable(JSON.stringify(problems))).map(({ host }) => host);
}
const node = (name: string, keys = '') =>
  `  - {name: ${name}, type: socks5, server: ${name}.example, port: 1${keys}}\n`;
const nodes = `proxies:\n${node('a')}  - {name: plain, type: direct}\n`;

test.each([
  ['no other proxy', '', true],
  ['a node', 'a', false],
  ['DIRECT', 'DIRECT', true],
  ['a node that dials by itself', 'plain', true],
  ['a group of nodes', 'far', false],
  ['a group in which DIRECT may be chosen', 'near', true],
  ['a group of groups', 'outer', true],
  ['what refuses', 'REJECT', false],
])('reached through %s', (_, via, isOurs) => {
  const groups = `proxy-groups:
  - {name: far, type: select, proxies: [a]}
  - {name: near, type: select, proxies: [a, DIRECT]}
  - {name: outer, type: fallback, proxies: [far, near]}`;
  const found = hosts(`${nodes}${node('b', via === '' ? '' : `, dialer-proxy: ${via}`)}${groups}`);
  expect(found).toEqual(isOurs ? ['a.example', 'b.example'] : ['a.example']);
});

test('circles have an end', () => {
  const text = `${nodes}${node('b', ', dialer-proxy: g')}${node('c', ', dialer-proxy: b')}proxy-groups: [{name: g, type: select, proxies: [c]}]`;
  expect(hosts(text)).toEqual(['a.example']);
});
