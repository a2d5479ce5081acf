/** A node of type `trojan`. */
import { profileNotes } from '../contract/profile-notes.ts';
import type { ProxyConfig } from '../contract/proxy-config.ts';
import { clip } from './clip.ts';
import { type DialerPlaces, readDialerProxy, readPlace, readSecret } from './node-keys.ts';
import { readTls } from './tls-keys.ts';
import { readWebTransport } from './web-transport.ts';
import { YamlMap } from './yaml-map.ts';

/** What Clash offers: to a web server in front of the node what a WebSocket needs. */
const usualAlpn = ['h2', 'http/1.1'];
const webAlpn = ['http/1.1'];

/** Undefined for one that is left out; why is reported. */
export function readTrojan(map: YamlMap, name: string, places: DialerPlaces): ProxyConfig | undefined {
  const udp = map.take('udp')?.boolean() ?? false;
  const place = readPlace(map);
  const password = readSecret(map.need('password', 'BYTES_255'));
  const network = readNetwork(map);
  const alpn = network === 'ws' ? webAlpn : usualAlpn;
  const tls = place === undefined || place === 'unspoken' ? undefined : readTls(map, place.server, alpn);
  const optionsAt = map.take('ws-opts');
  const options = optionsAt && YamlMap.of(optionsAt);
  const usualHost = tls === undefined || tls === 'unusable' ? '' : tls.serverName;
  const web = network === 'ws' ? readWebTransport(options, usualHost) : undefined;
  const isSpoken = network === 'tcp' || web !== undefined;
  const through = readDialerProxy(map, name, places);
  map.warnOfRest({ ...profileNotes['proxies[]'], tls: 'NOTE_ALWAYS_TLS', flow: 'NOTE_OTHER_CLIENT' });
  if (place === undefined) return undefined;
  if (place === 'unspoken' || tls === undefined || tls === 'unusable' || !isSpoken || through === 'unspoken') {
    return { type: 'unspoken', name, kind: 'trojan' };
  }
  if (password === undefined || password === 'unusable') return { type: 'unspoken', name, kind: 'trojan' };
  return {
    type: 'trojan',
    name,
    ...place,
    password: password.text,
    udp,
    tls,
    ...(web === undefined ? {} : { transport: web }),
    ...through,
  };
}

/** What is between TLS and the protocol; undefined where that, or what is in the place of TLS, is not spoken: it is reported. */
function readNetwork(map: YamlMap): 'tcp' | 'ws' | undefined {
  const networkAt = map.take('network');
  map.take('grpc-opts');
  const network = networkAt?.text()?.trim().toLowerCase() || 'tcp';
  const realityAt = map.take('reality-opts');
  const within = map.take('ss-opts');
  const isWithin = within !== undefined && YamlMap.of(within)?.take('enabled')?.boolean() === true;
  if (realityAt !== undefined) realityAt.warning('PROXY_TRANSPORT', { found: 'reality' });
  if (isWithin) within.warning('PROXY_TRANSPORT', { found: 'ss-opts' });
  if (network !== 'tcp' && network !== 'ws') networkAt?.warning('PROXY_TRANSPORT', { found: clip(network) });
  else if (realityAt === undefined && !isWithin) return network;
  return undefined;
}
