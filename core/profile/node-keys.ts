/** Keys that nodes of several protocols have. */
import { domainNameProblem } from '../base/domain-name.ts';
import { formatScopedIp, parseScopedIp } from '../base/scoped-address.ts';
import { directPolicy } from '../contract/proxy-config.ts';
import type { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** Where the names of policies through which nodes are reached stand in the text, by node. */
export type DialerPlaces = Map<string, YamlValue>;

/** Where a node listens. `unspoken`: what is said cannot be used; undefined where nothing is. */
export function readPlace(map: YamlMap): { readonly server: string; readonly port: number } | 'unspoken' | undefined {
  const serverAt = map.need('server', 'PROXY_SERVER');
  const server = readServer(serverAt);
  const portAt = map.need('port', { code: 'INTEGER', values: { min: '1', max: '65535' } });
  const port = portAt?.integer(1, 65_535);
  if (serverAt === undefined || portAt === undefined) return undefined;
  return server === undefined || port === undefined ? 'unspoken' : { server, port };
}

/** Through which node or group it is reached; whether that is there is known when all are. DIRECT adds nothing. */
export function readDialerProxy(
  map: YamlMap,
  name: string,
  places: DialerPlaces,
): { readonly dialerProxy?: string } | 'unspoken' {
  const own = map.take('dialer-proxy');
  // Surge's word for it: without it the server would be reached another way.
  const other = map.take('underlying-proxy');
  const value = own ?? other;
  if (value === undefined || value.isNothing) return {};
  const dialerProxy = value.exactText();
  if (dialerProxy === undefined) return 'unspoken';
  if (dialerProxy === '' || dialerProxy === directPolicy) return {};
  places.set(name, value);
  // No policy has a longer name.
  return { dialerProxy: dialerProxy.slice(0, 255) };
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
export function readSecret(
  value: YamlValue | undefined,
): { readonly value: YamlValue; readonly text: string } | 'unusable' | undefined {
  if (value === undefined) return undefined;
  const text = value.exactText();
  if (text !== undefined && Buffer.byteLength(text) <= 255) return { value, text };
  if (text !== undefined) value.error('PROXY_SECRET_TOO_LONG', {}, 'BYTES_255');
  return 'unusable';
}
