/** What a profile may ask for depends on where it comes from. */
import { expect, test } from 'vitest';
import { type ProfilePlace, readText } from '../../../core/profile/loaded-profile.ts';
import type { ProviderPlace } from '../../../core/profile/provider-contents.ts';

const file: ProfilePlace = { kind: 'file', path: '/p.yaml' };
const text: ProfilePlace = { kind: 'text', path: '/p.yaml' };
const from = (address: string): ProfilePlace => ({ kind: 'url', address, path: '/p.yaml' });
const outside = from('https://sub.example/…');

const profile = (host: string) => `proxy-providers:
  nodes: {type: http, url: 'http://${host}:8080/n'}
rule-providers:
  list: {type: http, behavior: domain, url: 'http://${host}/r'}
geox-url: {geosite: 'http://${host}/geosite.dat'}
proxy-groups: [{name: g, type: select, use: [nodes]}]
rules: ['RULE-SET,list,g', 'GEOSITE,cn,g', 'MATCH,g']
`;

/** The hosts that would be asked, and where it is told that one is not. */
function askedBy(place: ProfilePlace, of: string, override?: string) {
  const { wanted, problems } = readText(place, of, {}, override);
  const urlOf = (each: ProviderPlace) => (each.kind === 'http' ? each.url : '');
  const urls = [
    ...(wanted?.nodes ?? []).map((each) => urlOf(each.place)),
    ...(wanted?.sets ?? []).map((each) =>
      each.kind === 'geo' ? each.places.urls.geosite : urlOf(each.provider.place),
    ),
  ];
  return {
    hosts: urls.map((url) => (url === '' ? '' : new URL(url).hostname)),
    told: problems.flatMap(({ code, path }) => (code === 'PROVIDER_NEAR' ? [path] : [])),
  };
}

const near = [
  '127.0.0.1',
  'localhost',
  '[::1]',
  '0',
  '169.254.169.254',
  '192.168.1.1',
  '10.0.0.1',
  'nas.lan',
  'router',
];

test.each(near)('a file of the person may have us ask %s; what was downloaded or handed over may not', (host) => {
  const name = new URL(`http://${host}`).hostname;
  expect(askedBy(file, profile(host))).toEqual({ hosts: [name, name, name], told: [] });
  for (const place of [text, outside, from('not an address')])
    expect(askedBy(place, profile(host)), place.kind).toEqual({
      hosts: ['', '', 'github.com'],
      told: ['proxy-providers.nodes.url', 'rule-providers.list.url', 'geox-url.geosite'],
    });
});

test('a server may name what is as near as itself, and not what is nearer', () => {
  const asked = (server: string, host: string) =>
    askedBy(from(`http://${server}/sub`), profile(host)).told.length === 0;
  expect(asked('192.168.1.1:25500', '192.168.1.7')).toBe(true);
  expect(asked('nas.lan', '192.168.1.7')).toBe(true);
  expect(asked('127.0.0.1:25500', '127.0.0.1')).toBe(true);
  expect(asked('192.168.1.1:25500', '127.0.0.1')).toBe(false);
  expect(asked('sub.example', 'sub.example')).toBe(true);
});

test('what an override names is the word of the person', () => {
  const override = `proxy-providers: {nodes: {url: 'http://127.0.0.1/mine'}}\ngeox-url: {geosite: 'http://127.0.0.1/geo'}\n`;
  expect(askedBy(outside, profile('192.168.1.1'), override)).toEqual({
    hosts: ['127.0.0.1', '', '127.0.0.1'],
    told: ['rule-providers.list.url'],
  });
  const { wanted } = readText(outside, profile('sub.example'), {}, override);
  const [nodes, list, geo] = [
    wanted?.nodes[0]?.place,
    ...(wanted?.sets.map((each) => (each.kind === 'geo' ? each.places : each.provider.place)) ?? []),
  ];
  // A name that turns out to be near is refused when it is asked, unless the person has named it.
  expect([nodes, list, geo].map((place) => place !== undefined && 'from' in place)).toEqual([false, true, false]);
});

test('what was downloaded opens no port to the network, whatever it says; a file of the person does', () => {
  const open = 'mixed-port: 7890\nallow-lan: true\nallow-lan-without-users: true\nrules: ["MATCH,DIRECT"]\n';
  const ofUrl = readText(outside, open, {});
  expect(ofUrl.config?.mixed?.address).toBe('127.0.0.1');
  expect(ofUrl.problems.map(({ code }) => code)).toContain('LAN_OF_SUBSCRIPTION');
  expect(readText(file, open, {}).config?.mixed?.address).not.toBe('127.0.0.1');
});
