/**
 * The `proxies` and `proxy-groups` of a profile, and what a rule may name as its policy. A proxy that cannot be used is left out
 * with a warning: it does no harm until a rule names it.
 */

import { domainNameProblem } from '../base/domain-name.ts';
import { formatScopedIp, parseScopedIp } from '../base/scoped-address.ts';
import type { ProxyConfig, Socks5ProxyConfig } from '../contract/config.ts';
import type { ProblemCode } from '../contract/problem-texts.ts';
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
  'openvpn',
  'snell',
  'ss',
  'ssh',
  'ssr',
  'sudoku',
  'tailscale',
  'trojan',
  'trusttunnel',
  'tuic',
  'vless',
  'vmess',
  'wireguard',
];
const types: readonly string[] = ['socks5', 'direct', 'reject', 'reject-drop'];
const expectedType = { code: 'PROXY_TYPES', values: { types: types.join(', ') } } as const;

const notes: Readonly<Record<string, ProblemCode>> = {
  'interface-name': 'NOTE_INTERFACE',
  'routing-mark': 'NOTE_MARK',
  'ip-version': 'NOTE_IP_VERSION',
  tfo: 'NOTE_ROUND_TRIP',
  mptcp: 'NOTE_PLAIN_TCP',
  'skip-cert-verify': 'NOTE_NO_TLS',
  fingerprint: 'NOTE_NO_TLS',
  sni: 'NOTE_NO_TLS',
  smux: 'NOTE_OWN_CONNECTION',
};

/** Reads the list; every name, also of a proxy that is left out, is made known to `names`. */
export function readProxies(value: YamlValue, names: PolicyNames): ProxyConfig[] {
  const proxies = new Map<string, ProxyConfig>();
  for (const item of value.list('PROXIES') ?? []) {
    const map = YamlMap.of(item.lenient, 'any');
    const name = map && readName(map);
    if (map === undefined || name === undefined) continue;
    if (!names.add(name.text, { kind: 'left-out' })) {
      // Which of the two is meant nobody can tell.
      name.value.warning('NAME_TAKEN', { name: clip(name.text) }, 'ANOTHER_NAME');
      names.change(name.text, { kind: 'left-out' });
      proxies.delete(name.text);
      continue;
    }
    const proxy = readProxy(map, name.text, names);
    if (proxy === undefined) continue;
    names.change(name.text, { kind: 'proxy' });
    proxies.set(name.text, proxy);
  }
  if (proxies.size > 10_000) value.error('TOO_MANY', { limit: '10,000' });
  return [...proxies.values()];
}

/** Groups are understood by a later version: their names are made known, so that rules can say so. */
export function readGroups(value: YamlValue, names: PolicyNames): void {
  const items = value.lenient.list('GROUPS') ?? [];
  for (const item of items) {
    const map = YamlMap.of(item, 'any');
    const name = map?.need('name', 'GROUP_NAME');
    const text = name?.text();
    if (text === undefined || names.add(text, { kind: 'group' })) continue;
    name?.warning('NAME_TAKEN', { name: clip(text) }, 'ANOTHER_NAME');
    names.change(text, { kind: 'group' });
  }
  if (items.length > 0) value.warning('GROUPS_LATER');
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
function readProxy(map: YamlMap, name: string, names: PolicyNames): ProxyConfig | undefined {
  const value = map.need('type', expectedType);
  const type = value?.text(expectedType)?.trim().toLowerCase();
  switch (type) {
    case undefined:
      return undefined;
    case 'socks5':
      return readSocks5(map, name);
    case 'direct': {
      const udp = map.take('udp');
      if (udp?.boolean() === false) udp.warning('PROXY_DIRECT_UDP');
      map.warnOfRest(notes);
      return { type, name };
    }
    case 'reject':
    case 'reject-drop':
      map.take('udp');
      map.warnOfRest(notes);
      return { type: 'reject', name, drop: type === 'reject-drop' };
    default:
      if (laterTypes.includes(type)) {
        names.change(name, { kind: 'later', type });
        value?.warning('PROXY_TYPE_LATER', { type, name: clip(name) });
      } else value?.warning('PROXY_UNKNOWN_TYPE', { found: clip(type) }, expectedType);
      return undefined;
  }
}

/** What would change the way to the proxy, or the proof to it, makes it unusable; all else is only told. */
function readSocks5(map: YamlMap, name: string): Socks5ProxyConfig | undefined {
  const server = readServer(map.need('server', 'PROXY_SERVER'));
  const port = map.need('port', { code: 'INTEGER', values: { min: '1', max: '65535' } })?.integer(1, 65_535);
  const username = readSecret(map.take('username'));
  const password = readSecret(map.take('password'));
  const udp = map.take('udp')?.boolean() ?? false;
  const isTls = refuses(map, 'tls', 'PROXY_TLS_LATER', (value) => value.boolean() !== false);
  const isChained = refuses(map, 'dialer-proxy', 'PROXY_CHAIN_LATER', (value) => {
    const text = value.text();
    return text !== '' && text !== 'DIRECT';
  });
  map.warnOfRest(notes);
  if (server === undefined || port === undefined || isTls || isChained) return undefined;
  if (username === 'unusable' || password === 'unusable') return undefined;
  if (password !== undefined && (username?.text ?? '') === '') password.value.warning('PROXY_PASSWORD_ALONE');
  return {
    type: 'socks5',
    name,
    server,
    port,
    udp,
    ...(username === undefined || username.text === '' ? {} : { username: username.text }),
    ...(username === undefined || username.text === '' || password === undefined ? {} : { password: password.text }),
  };
}

/** Whether the key asks for something that is not there; it is reported then. */
function refuses(map: YamlMap, key: string, code: ProblemCode, asks: (value: YamlValue) => boolean): boolean {
  const value = map.take(key);
  if (value === undefined || !asks(value)) return false;
  value.warning(code, {}, 'NO_KEY');
  return true;
}

function readServer(value: YamlValue | undefined): string | undefined {
  const text = value?.text('PROXY_SERVER')?.trim();
  if (text === undefined) return undefined;
  const scoped = parseScopedIp(text.replace(/^\[(.*)\]$/, '$1'));
  // The number of an interface changes; what binds to it is its name.
  if (scoped !== undefined && !/^\d+$/.test(scoped.zone ?? '')) return formatScopedIp(scoped);
  const reason = domainNameProblem(text);
  if (reason === undefined) return text;
  value?.error('BAD_NAME', { reason }, 'PROXY_SERVER');
  return undefined;
}

/** At most 255 bytes (RFC 1929); the text appears in no message. */
function readSecret(
  value: YamlValue | undefined,
): { readonly value: YamlValue; readonly text: string } | 'unusable' | undefined {
  if (value === undefined) return undefined;
  const text = value.exactText();
  if (text !== undefined && Buffer.byteLength(text) <= 255) return { value, text };
  if (text !== undefined) value.error('PROXY_SECRET_TOO_LONG', {}, 'BYTES_255');
  return 'unusable';
}
