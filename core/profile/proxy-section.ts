/**
 * The `proxies` of a profile. One of a protocol that is not spoken yet, or whose place is not known, is kept and told; one with
 * another mistake is left out with a warning: it does no harm until a rule names it.
 */

import { profileNotes } from '../contract/profile-notes.ts';
import type { ProxyConfig, Socks5ProxyConfig } from '../contract/proxy-config.ts';
import { clip } from './clip.ts';
import type { WrittenProxies } from './dialer-proxies.ts';
import { type DialerPlaces, readDialerProxy, readPlace, readSecret } from './node-keys.ts';
import type { PolicyNames } from './policy-names.ts';
import { readShadowsocks } from './shadowsocks-section.ts';
import { readTls } from './tls-keys.ts';
import { readTrojan } from './trojan-section.ts';
import { readHeaders } from './web-transport.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** Types that Clash's users know and that a later version will speak. */
const laterTypes: readonly string[] = [
  'anytls',
  'dns',
  'hysteria',
  'hysteria2',
  'masque',
  'mieru',
  'openvpn',
  'snell',
  'ssh',
  'ssr',
  'sudoku',
  'tailscale',
  'trusttunnel',
  'tuic',
  'vless',
  'vmess',
  'wireguard',
];
const types: readonly string[] = ['socks5', 'http', 'ss', 'trojan', 'direct', 'reject', 'reject-drop'];
const expectedType = { code: 'PROXY_TYPES', values: { types: types.join(', ') } } as const;

const maxProxies = 10_000;

/** Reads the list; every name, also of a proxy that is left out, is made known to `names`. */
export function readProxies(value: YamlValue, names: PolicyNames): WrittenProxies {
  const proxies = new Map<string, ProxyConfig>();
  const places: DialerPlaces = new Map();
  for (const item of value.list('PROXIES') ?? []) {
    const map = YamlMap.of(item.lenient, 'any');
    const name = map && readName(map);
    if (map === undefined || name === undefined) continue;
    if (!names.add(name.text, { kind: 'left-out' })) {
      name.value.strict.leftOut('NAME_TAKEN', { name: clip(name.text) }, 'ANOTHER_NAME');
      continue;
    }
    if (proxies.size === maxProxies) {
      value.leftOut('TOO_MANY_CUT', { limit: String(maxProxies) });
      break;
    }
    const proxy = readProxy(map, name.text, places);
    if (proxy === undefined) continue;
    names.change(name.text, { kind: 'proxy' });
    proxies.set(name.text, proxy);
  }
  return { proxies: [...proxies.values()], places };
}

function readName(map: YamlMap): { readonly value: YamlValue; readonly text: string } | undefined {
  const value = map.need('name', 'PROXY_NAME');
  const text = value?.exactText();
  if (value === undefined || text === undefined) return undefined;
  if (text !== '' && text.length <= 255) return { value, text };
  value.warning(text === '' ? 'NAME_EMPTY' : 'NAME_TOO_LONG', {}, 'ANOTHER_NAME');
  return undefined;
}

/** Undefined for one that is left out; why is reported. */
function readProxy(map: YamlMap, name: string, places: DialerPlaces): ProxyConfig | undefined {
  const value = map.need('type', expectedType);
  const type = value?.text(expectedType)?.trim().toLowerCase();
  switch (type) {
    case undefined:
      return undefined;
    case 'socks5':
      return readSocks5(map, name, places);
    case 'http':
      return readHttp(map, name, places);
    case 'ss':
      return readShadowsocks(map, name, places);
    case 'trojan':
      return readTrojan(map, name, places);
    case 'direct': {
      const udp = map.take('udp');
      if (udp?.boolean() === false) udp.warning('PROXY_DIRECT_UDP');
      map.warnOfRest(profileNotes['proxies[]']);
      return { type, name };
    }
    case 'reject':
    case 'reject-drop':
      map.take('udp');
      map.warnOfRest(profileNotes['proxies[]']);
      return { type: 'reject', name, drop: type === 'reject-drop' };
    default:
      if (laterTypes.includes(type)) value?.warning('PROXY_TYPE_LATER', { type });
      else value?.warning('PROXY_UNKNOWN_TYPE', { found: clip(type) }, expectedType);
      return type === '' || type.length > 32 ? undefined : { type: 'unspoken', name, kind: type };
  }
}

function readSocks5(map: YamlMap, name: string, places: DialerPlaces): ProxyConfig | undefined {
  const udp = map.take('udp')?.boolean() ?? false;
  const access = readAccess(map);
  const through = readDialerProxy(map, name, places);
  map.warnOfRest(profileNotes['proxies[]']);
  if (access === 'unspoken' || through === 'unspoken') return { type: 'unspoken', name, kind: 'socks5' };
  return access && { type: 'socks5', name, ...access, udp, ...through };
}

function readHttp(map: YamlMap, name: string, places: DialerPlaces): ProxyConfig | undefined {
  const udp = map.take('udp');
  if (udp?.boolean() === true) udp.warning('PROXY_HTTP_UDP');
  const headers = readHeaders(map.take('headers'));
  const access = readAccess(map);
  const through = readDialerProxy(map, name, places);
  map.warnOfRest(profileNotes['proxies[]']);
  if (access === 'unspoken' || through === 'unspoken') return { type: 'unspoken', name, kind: 'http' };
  return access && { type: 'http', name, ...access, headers, ...through };
}

type Access = Pick<Socks5ProxyConfig, 'server' | 'port' | 'username' | 'password' | 'tls'>;

/**
 * A place or a proof that cannot be used is as good as one that is not spoken: Clash has such a node in its groups as well. All else
 * is only told. Undefined where nothing says its place.
 */
function readAccess(map: YamlMap): Access | 'unspoken' | undefined {
  const place = readPlace(map);
  const username = readSecret(map.take('username'));
  const password = readSecret(map.take('password'));
  if (place === undefined || place === 'unspoken') return place;
  if (username === 'unusable' || password === 'unusable') return 'unspoken';
  if (password !== undefined && (username?.text ?? '') === '') password.value.warning('PROXY_PASSWORD_ALONE');
  const tls = map.take('tls')?.boolean() === true ? readTls(map, place.server) : undefined;
  if (tls === 'unusable') return 'unspoken';
  return {
    ...place,
    ...(tls === undefined ? {} : { tls }),
    ...(username === undefined || username.text === '' ? {} : { username: username.text }),
    ...(username === undefined || username.text === '' || password === undefined ? {} : { password: password.text }),
  };
}
