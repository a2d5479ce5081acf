/** A node of type `trojan`. */
import { profileNotes } from '../contract/profile-notes.ts';
import type { ProxyConfig } from '../contract/proxy-config.ts';
import { clip } from './clip.ts';
import { type DialerPlaces, readDialerProxy, readPlace, readSecret } from './node-keys.ts';
import { readTls } from './tls-keys.ts';
import { YamlMap } from './yaml-map.ts';

/** What Clash offers. */
const usualAlpn = ['h2', 'http/1.1'];

/** Undefined for one that is left out; why is reported. */
export function readTrojan(map: YamlMap, name: string, places: DialerPlaces): ProxyConfig | undefined {
  const udp = map.take('udp')?.boolean() ?? false;
  const place = readPlace(map);
  const password = readSecret(map.need('password', 'BYTES_255'));
  const tls = place === undefined || place === 'unspoken' ? undefined : readTls(map, place.server, usualAlpn);
  const isSpoken = readTransport(map);
  const through = readDialerProxy(map, name, places);
  map.warnOfRest({ ...profileNotes['proxies[]'], tls: 'NOTE_ALWAYS_TLS', flow: 'NOTE_OTHER_CLIENT' });
  if (place === undefined) return undefined;
  if (place === 'unspoken' || tls === undefined || tls === 'unusable' || !isSpoken || through === 'unspoken') {
    return { type: 'unspoken', name, kind: 'trojan' };
  }
  if (password === undefined || password === 'unusable') return { type: 'unspoken', name, kind: 'trojan' };
  return { type: 'trojan', name, ...place, password: password.text, udp, tls, ...through };
}

/** Whether what is between TLS and the protocol, or in the place of TLS, is spoken; why not is reported. */
function readTransport(map: YamlMap): boolean {
  const networkAt = map.take('network');
  for (const key of ['ws-opts', 'grpc-opts']) map.take(key);
  const network = networkAt?.text()?.trim().toLowerCase() ?? 'tcp';
  const realityAt = map.take('reality-opts');
  const within = map.take('ss-opts');
  const isWithin = within !== undefined && YamlMap.of(within)?.take('enabled')?.boolean() === true;
  if (network !== 'tcp' && network !== '') networkAt?.warning('PROXY_TRANSPORT', { found: clip(network) });
  if (realityAt !== undefined) realityAt.warning('PROXY_TRANSPORT', { found: 'reality' });
  if (isWithin) within.warning('PROXY_TRANSPORT', { found: 'ss-opts' });
  return (network === 'tcp' || network === '') && realityAt === undefined && !isWithin;
}
