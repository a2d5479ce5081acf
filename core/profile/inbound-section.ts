/** The listening side of a profile: the mixed port, who may use it, and the keys of ports that are not opened. */
import { parseIp } from '../base/address.ts';
import type { MixedConfig } from '../contract/config.ts';
import type { YamlMap } from './yaml-map.ts';
import { clip, type YamlValue } from './yaml-value.ts';

const expectedUser = 'text of the form "user:password"';

/** Keys of the top level that `readInbound` does not take, but that belong to listening. */
export const ignoredInboundKeys: Readonly<Record<string, string>> = {
  port: 'not opened: use mixed-port, which takes HTTP and SOCKS5',
  'socks-port': 'not opened: use mixed-port, which takes HTTP and SOCKS5',
  'redir-port': 'not supported yet: the port is not opened',
  'tproxy-port': 'not supported yet: the port is not opened',
  listeners: 'not supported yet: no further ports are opened',
  tunnels: 'not supported yet: no further ports are opened',
  'inbound-tfo': 'ignored: it only saves a round trip',
  'inbound-mptcp': 'ignored: the mixed port takes plain TCP',
  'skip-auth-prefixes': 'ignored: users are always asked for their password',
};

/** Reads `mixed-port`, `allow-lan`, `bind-address`, `authentication` and the address lists; null = nothing listens. */
export function readInbound(map: YamlMap): MixedConfig | null {
  const port = map.take('mixed-port')?.integer(0, 65_535);
  const allowLan = map.take('allow-lan');
  const lan = allowLan?.boolean() ?? false;
  const users = readUsers(map.take('authentication'));
  const address = readBindAddress(map.take('bind-address'), lan);
  if (lan && users.length === 0) {
    const message = 'everybody on the network could use the mixed port, so allow-lan needs users';
    allowLan?.error(message, 'authentication: ["user:password"], or allow-lan: false');
  }
  for (const key of ['lan-allowed-ips', 'lan-disallowed-ips']) readLanList(map.take(key), lan);
  return port === undefined || port === 0 ? null : { address, port, users };
}

function readBindAddress(value: YamlValue | undefined, lan: boolean): string {
  const text = value?.text('an address, or "*" for all');
  if (!lan && text !== undefined && text !== '*') {
    value?.warning('ignored: without allow-lan the mixed port listens on 127.0.0.1 only', 'allow-lan: true');
  }
  if (text === undefined || text === '*') return lan ? '0.0.0.0' : '127.0.0.1';
  const ip = parseIp(text.replace(/^\[(.*)\]$/, '$1'));
  if (ip === undefined) value?.error(`"${clip(text)}" is no address`, 'an address, or "*" for all');
  return lan && ip !== undefined ? ip : '127.0.0.1';
}

/** Passwords appear in no message. */
function readUsers(value: YamlValue | undefined): MixedConfig['users'] {
  const users: MixedConfig['users'] = [];
  const items = value?.list('a list of "user:password"') ?? [];
  if (items.length > 256) {
    value?.error('more than 256 users');
    return users;
  }
  for (const item of items) {
    const text = item.text(expectedUser);
    if (text === undefined) continue;
    const colon = text.indexOf(':');
    const [username, password] = [text.slice(0, colon), text.slice(colon + 1)];
    // RFC 1929: both lengths are one byte.
    if (colon <= 0) item.error('user and password must be separated by ":"', expectedUser);
    else if (Buffer.byteLength(username) > 255 || Buffer.byteLength(password) > 255) {
      item.error('user or password is longer than 255 bytes', expectedUser);
    } else if (users.some((user) => user.username === username)) {
      item.error(`the user "${clip(username)}" stands here a second time`, 'each user once');
    } else users.push({ username, password });
  }
  return users;
}

/** Ignoring these would let in more than the profile says; without `allow-lan` nobody comes in anyway. */
function readLanList(value: YamlValue | undefined, lan: boolean): void {
  const message = 'restricting allow-lan by address is not supported yet';
  if (lan) value?.error(message, 'no such key, or allow-lan: false');
  else value?.warning(message);
}
