/** The listening side of a profile: the mixed port, who may use it, and the keys of ports that are not opened. */
import { parseIp } from '../base/address.ts';
import { formatCidr, parseCidr } from '../base/cidr.ts';
import { firstOpenPort, type MixedConfig } from '../contract/config.ts';
import { clip } from './clip.ts';
import type { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

interface Users {
  readonly list: MixedConfig['users'];
  /** Users are written, and none of them can be read: who may come in is then not known. */
  readonly lost: boolean;
}

/**
 * Reads the ports, `allow-lan`, `bind-address`, `authentication` and the address lists; null = nothing listens. Whatever is
 * wrong or missing, the port is open to fewer than the profile says, never to more. `lowPorts`: whether those below 1024 are opened.
 */
export function readInbound(map: YamlMap, lowPorts: boolean): MixedConfig | null {
  const port = readPorts(map, lowPorts);
  const allowLan = map.take('allow-lan')?.lenient;
  const wantsLan = allowLan?.boolean() ?? false;
  const users = readUsers(map.take('authentication')?.lenient);
  // The person's word, which no profile for Clash says by accident.
  const anybody = map.take('allow-lan-without-users')?.lenient.boolean() ?? false;
  const { unreadable, ...lists } = readLanLists(map);
  const isOpen = wantsLan && (users.list.length > 0 || anybody) && !unreadable;
  const address = readBindAddress(map.take('bind-address')?.lenient, wantsLan, isOpen);
  if (port === undefined) return null;
  if (users.lost) {
    map.keyProblem('warning', 'authentication', 'NO_USER_LEFT', {}, 'USER');
    return null;
  }
  if (wantsLan && users.list.length === 0 && !anybody) allowLan?.warning('LAN_NEEDS_USERS', {}, 'ADD_USERS');
  return { address, port, users: users.list, ...(isOpen ? lists : {}) };
}

/** `mixed-port`, or else the first of `port` and `socks-port`: the mixed port takes what either of them does. */
function readPorts(map: YamlMap, lowPorts: boolean): number | undefined {
  let used = readPort(map.take('mixed-port')?.lenient, lowPorts);
  for (const key of ['port', 'socks-port']) {
    const value = map.take(key)?.lenient;
    const port = readPort(value, lowPorts);
    if (port === undefined || port === used) continue;
    if (used === undefined) value?.warning('PORT_IS_MIXED', {}, { code: 'MIXED_PORT', values: { port: String(port) } });
    else value?.warning('PORT_NOT_OPENED');
    used ??= port;
  }
  return used;
}

function readPort(value: YamlValue | undefined, lowPorts: boolean): number | undefined {
  const port = value?.integer(0, 65_535) || undefined;
  if (port === undefined || lowPorts || port >= firstOpenPort) return port;
  const hint = { code: 'INTEGER', values: { min: String(firstOpenPort), max: '65535' } } as const;
  value?.error('PORT_OF_ROOT', { port: String(port) }, hint);
  return undefined;
}

function readBindAddress(value: YamlValue | undefined, wantsLan: boolean, isOpen: boolean): string {
  const text = value?.text('ADDRESS_OR_ALL')?.trim();
  const all = text === undefined || text === '*' || text === '';
  if (!wantsLan && !all) value?.warning('BIND_WITHOUT_LAN', {}, { write: 'allow-lan: true' });
  if (all) return isOpen ? '0.0.0.0' : '127.0.0.1';
  const ip = parseIp(text.replace(/^\[(.*)\]$/, '$1'));
  if (ip === undefined) value?.error('NOT_AN_ADDRESS', { found: clip(text) }, 'ADDRESS_OR_ALL');
  return isOpen && ip !== undefined ? ip : '127.0.0.1';
}

/** Passwords appear in no message. */
function readUsers(value: YamlValue | undefined): Users {
  const users = new Map<string, string>();
  const items = value?.oneOrList('USER_LIST') ?? [];
  if (items.length > 256) {
    value?.error('TOO_MANY', { limit: '256' });
    return { list: [], lost: true };
  }
  for (const item of items) {
    const text = item.exactText('USER');
    if (text === undefined) continue;
    const colon = text.indexOf(':');
    const [username, password] = [text.slice(0, colon), text.slice(colon + 1)];
    // RFC 1929: both lengths are one byte.
    if (colon <= 0) item.error('USER_WITHOUT_COLON', {}, 'USER');
    else if (Buffer.byteLength(username) > 255 || Buffer.byteLength(password) > 255) {
      item.error('USER_TOO_LONG', {}, 'USER');
    } else {
      if (users.has(username)) item.warning('USER_TWICE', { user: clip(username) });
      users.set(username, password);
    }
  }
  const list = Array.from(users, ([username, password]) => ({ username, password }));
  return { list, lost: items.length > 0 && list.length === 0 };
}

interface LanLists {
  /** Absent = all. */
  readonly allowed?: string[];
  readonly refused?: string[];
  /** Something in them cannot be read: who may come in is then not known. */
  readonly unreadable: boolean;
}

function readLanLists(map: YamlMap): LanLists {
  const allowed = readPrefixes(map.take('lan-allowed-ips')?.lenient);
  const refused = readPrefixes(map.take('lan-disallowed-ips')?.lenient);
  return {
    ...(allowed.prefixes.length === 0 ? {} : { allowed: allowed.prefixes }),
    ...(refused.prefixes.length === 0 ? {} : { refused: refused.prefixes }),
    unreadable: allowed.unreadable || refused.unreadable,
  };
}

function readPrefixes(value: YamlValue | undefined): { readonly prefixes: string[]; readonly unreadable: boolean } {
  const prefixes: string[] = [];
  let unreadable = false;
  for (const item of value?.oneOrList('PREFIX') ?? []) {
    const text = item.text('PREFIX')?.trim();
    const cidr = text === undefined ? undefined : parseCidr(text);
    if (cidr !== undefined) prefixes.push(formatCidr(cidr));
    else if (text !== undefined) item.error('NOT_A_PREFIX', { found: clip(text) }, 'PREFIX');
    unreadable ||= cidr === undefined;
  }
  if (prefixes.length > 1024) value?.error('TOO_MANY', { limit: '1024' });
  if (unreadable || prefixes.length > 1024) value?.warning('LAN_LIST_UNREADABLE');
  return { prefixes, unreadable: unreadable || prefixes.length > 1024 };
}
