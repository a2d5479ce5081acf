/** The keys of a node about the web server in front of it: `ws-opts`, and those of v2ray-plugin, which are the same. */
import { profileNotes } from '../contract/profile-notes.ts';
import { httpHeaderSchema, maxHttpHeaders, type WebTransportConfig } from '../contract/proxy-config.ts';
import { clip } from './clip.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

/** `usualHost` is told to the web server where nothing else is. Undefined where the path cannot be asked for; it is reported. */
export function readWebTransport(map: YamlMap | undefined, usualHost: string): WebTransportConfig | undefined {
  const upgrade = map?.take('v2ray-http-upgrade')?.boolean() === true;
  const pathAt = map?.take('path');
  const path = withoutEarlyData(pathAt?.text()?.trim() ?? '');
  const headers = readHeaders(map?.take('headers'));
  const host = headers.find(([name]) => name.toLowerCase() === 'host')?.[1].trim() ?? '';
  map?.warnOfRest(profileNotes['proxies[].ws-opts']);
  const transport: WebTransportConfig = {
    kind: upgrade ? 'httpupgrade' : 'ws',
    path,
    host: host === '' || host.length > 255 ? usualHost : host,
    headers: headers.filter(([name]) => name.toLowerCase() !== 'host'),
  };
  if (/^\/[\x21-\x7e]{0,2047}$/.test(path)) return transport;
  pathAt?.error('PROXY_PATH', {});
  return undefined;
}

/** The fields of a map as they are written; one that cannot be sent is left out with a warning, which shows no value. */
export function readHeaders(value: YamlValue | undefined): [string, string][] {
  const headers: [string, string][] = [];
  for (const [field, given] of (value && YamlMap.of(value))?.entries() ?? []) {
    const text = given.isNothing ? '' : given.exactText();
    if (text === undefined) continue;
    if (!httpHeaderSchema.safeParse([field, text]).success) given.warning('PROXY_HEADER', { name: clip(field) });
    else if (headers.length === maxHttpHeaders) given.warning('TOO_MANY', { limit: String(maxHttpHeaders) });
    else headers.push([field, text]);
  }
  return headers;
}

/** `?ed=2048` asks for early data, and is not told to the server. */
function withoutEarlyData(path: string): string {
  const [place = '', query = ''] = path.split(/\?(.*)/s);
  const kept = query.split('&').filter((pair) => pair !== '' && !/^ed=\d*$/.test(pair));
  const rooted = place.startsWith('/') ? place : `/${place}`;
  return kept.length === 0 ? rooted : `${rooted}?${kept.join('&')}`;
}
