/** The `proxies` and `proxy-groups` of a profile, and what a rule may name as its policy. */
import { parseIp } from '../base/address.ts';
import { domainNameProblem } from '../base/domain-name.ts';
import type { ProxyConfig, Socks5ProxyConfig } from '../contract/config.ts';
import type { PolicyNames } from './policy-names.ts';
import { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

/** Types that Clash's users know and that a later version will carry. */
const laterTypes: readonly string[] = [
  'anytls',
  'dns',
  'http',
  'hysteria',
  'hysteria2',
  'masque',
  'mieru',
  'snell',
  'ss',
  'ssh',
  'ssr',
  'sudoku',
  'trojan',
  'trusttunnel',
  'tuic',
  'vless',
  'vmess',
  'wireguard',
];
const types: readonly string[] = ['socks5', 'direct', 'reject', 'reject-drop'];
const expectedType = `one of ${types.join(', ')}`;

const ignored: Readonly<Record<string, string>> = {
  'interface-name': 'ignored: the outward interface is found by the routes',
  'routing-mark': 'ignored: our sockets have their own mark',
  'ip-version': 'ignored: whichever address works is used',
  tfo: 'ignored: it only saves a round trip',
  mptcp: 'ignored: the proxy is reached by plain TCP',
  'skip-cert-verify': 'ignored: the connection has no TLS',
  fingerprint: 'ignored: the connection has no TLS',
  sni: 'ignored: the connection has no TLS',
  smux: 'ignored: every connection has its own',
};

/** Reads the list; every name, also of a proxy that is wrong or of a later type, is made known to `names`. */
export function readProxies(value: YamlValue, names: PolicyNames): ProxyConfig[] {
  const proxies: ProxyConfig[] = [];
  for (const item of value.list('a list of proxies') ?? []) {
    const map = YamlMap.of(item);
    if (map === undefined) continue;
    const name = readName(map, names);
    const proxy = readProxy(map, name ?? '', names);
    if (name !== undefined && proxy !== undefined) proxies.push(proxy);
  }
  if (proxies.length > 10_000) value.error('more than 10,000 proxies');
  return proxies;
}

/** Groups are understood by a later version: their names are made known, so that rules can say so. */
export function readGroups(value: YamlValue, names: PolicyNames): void {
  const items = value.list('a list of groups') ?? [];
  for (const item of items) {
    const map = YamlMap.of(item);
    const name = map?.need('name', 'the name of the group');
    const text = name?.text();
    if (text !== undefined && !names.add(text, { kind: 'group' }))
      name?.error(`the name "${clip(text)}" is taken`, 'another name');
  }
  if (items.length > 0) value.warning('groups are not supported yet: they are left out, and rules cannot name them');
}

function readName(map: YamlMap, names: PolicyNames): string | undefined {
  const value = map.need('name', 'the name that rules use');
  const name = value?.text();
  if (name === undefined) return undefined;
  const wrong =
    nameProblem(name) ?? (names.add(name, { kind: 'proxy' }) ? undefined : `the name "${clip(name)}" is taken`);
  if (wrong === undefined) return name;
  value?.error(wrong, 'another name');
  return undefined;
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'the name is empty';
  if (name.length > 255) return 'the name is longer than 255 characters';
  if (name.includes(',') || name !== name.trim()) return 'no rule could name it: a comma, or a space at its ends';
  return undefined;
}

function readProxy(map: YamlMap, name: string, names: PolicyNames): ProxyConfig | undefined {
  const value = map.need('type', expectedType);
  const type = value?.text(expectedType)?.toLowerCase();
  switch (type) {
    case undefined:
      return undefined;
    case 'socks5':
      return readSocks5(map, name);
    case 'direct': {
      const udp = map.take('udp');
      if (udp?.boolean() === false) udp.warning('ignored: direct connections carry UDP');
      map.warnOfRest(ignored);
      return { type, name };
    }
    case 'reject':
    case 'reject-drop':
      map.take('udp');
      map.warnOfRest(ignored);
      return { type: 'reject', name, drop: type === 'reject-drop' };
    default:
      if (laterTypes.includes(type)) {
        names.setLaterType(name, type);
        value?.warning(
          `proxies of type ${type} are not supported yet: "${clip(name)}" is left out, and rules cannot name it`,
        );
      } else value?.error(`"${clip(type)}" is no type of proxy`, expectedType);
      return undefined;
  }
}

function readSocks5(map: YamlMap, name: string): Socks5ProxyConfig | undefined {
  const server = readServer(map.need('server', 'the name or address of the proxy'));
  const port = map.need('port', 'a port from 1 to 65535')?.integer(1, 65_535);
  const username = readSecret(map.take('username'));
  const passwordValue = map.take('password');
  const password = readSecret(passwordValue);
  if (password !== undefined && username === undefined)
    passwordValue?.error('a password without a username', 'username: ...');
  const udp = map.take('udp')?.boolean() ?? false;
  refuse(map, 'tls', 'SOCKS5 over TLS is not supported yet');
  const chain = map.take('dialer-proxy');
  chain?.error('reaching a proxy through another one is not supported yet', 'no such key');
  map.warnOfRest(ignored);
  if (server === undefined || port === undefined) return undefined;
  return {
    type: 'socks5',
    name,
    server,
    port,
    udp,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

function refuse(map: YamlMap, key: string, message: string): void {
  const value = map.take(key);
  if (value?.boolean() === true) value.error(message, `${key}: false`);
}

function readServer(value: YamlValue | undefined): string | undefined {
  const expected = 'a name or an address, without port';
  const text = value?.text(expected);
  if (text === undefined) return undefined;
  const ip = parseIp(text.replace(/^\[(.*)\]$/, '$1'));
  if (ip !== undefined) return ip;
  const wrong = domainNameProblem(text);
  if (wrong === undefined) return text;
  value?.error(wrong, expected);
  return undefined;
}

/** At most 255 bytes (RFC 1929); the text appears in no message. */
function readSecret(value: YamlValue | undefined): string | undefined {
  const text = value?.text();
  if (text === undefined || Buffer.byteLength(text) <= 255) return text;
  value?.error('longer than 255 bytes', 'at most 255 bytes');
  return undefined;
}
