/** A node of type `ss`. */

import { profileNotes } from '../contract/profile-notes.ts';
import {
  type ProxyConfig,
  type ShadowsocksProxyConfig,
  shadowsocksCiphers,
  shadowsocksKeyLength,
} from '../contract/proxy-config.ts';
import { shadowsocksKeys } from '../net/shadowsocks-keys.ts';
import { clip } from './clip.ts';
import { type DialerPlaces, readDialerProxy, readPlace, readSecret } from './node-keys.ts';
import { readTls } from './tls-keys.ts';
import { readWebTransport } from './web-transport.ts';
import { YamlMap } from './yaml-map.ts';
import type { YamlValue } from './yaml-value.ts';

const ciphers = { code: 'WORDS', values: { words: shadowsocksCiphers.join(', ') } } as const;

/** Undefined for one that is left out; why is reported. */
export function readShadowsocks(map: YamlMap, name: string, places: DialerPlaces): ProxyConfig | undefined {
  const udp = map.take('udp')?.boolean() ?? false;
  const place = readPlace(map);
  const secrets = readCipher(map);
  const plugin = readPlugin(map);
  const through = readDialerProxy(map, name, places);
  map.warnOfRest(profileNotes['proxies[]']);
  if (place === undefined) return undefined;
  if (place === 'unspoken' || secrets === undefined || plugin === 'unspoken' || through === 'unspoken') {
    return { type: 'unspoken', name, kind: 'ss' };
  }
  return { type: 'ss', name, ...place, ...secrets, udp, ...plugin, ...through };
}

/** Undefined where there is no way to speak with the server; why is reported. */
function readCipher(map: YamlMap) {
  const cipherAt = map.need('cipher', ciphers);
  const found = cipherAt?.text(ciphers)?.trim().toLowerCase();
  const passwordAt = map.need('password', 'BYTES_255');
  const password = readSecret(passwordAt);
  if (found === undefined) return undefined;
  const cipher = shadowsocksCiphers.find((known) => known === found);
  if (cipher === undefined) return told(cipherAt, 'PROXY_CIPHER', { found: clip(found) }, ciphers);
  if (password === undefined || password === 'unusable') return undefined;
  if (shadowsocksKeys(cipher, password.text) !== undefined) return { cipher, password: password.text };
  const length = String(shadowsocksKeyLength(cipher) ?? 0);
  return told(passwordAt, 'PROXY_KEYS', {}, { code: 'KEYS_BASE64', values: { length } });
}

function told(value: YamlValue | undefined, ...what: Parameters<YamlValue['error']>): undefined {
  value?.error(...what);
}

/** What Clash tells the web server. */
const usualHost = 'bing.com';

type Plugin = Pick<ShadowsocksProxyConfig, 'tls' | 'transport'>;

/** Without what a plugin does to its bytes, a node is not understood. */
function readPlugin(map: YamlMap): Plugin | 'unspoken' {
  const value = map.take('plugin');
  const optionsAt = map.take('plugin-opts');
  const plugin = value?.text()?.trim() ?? '';
  if (value === undefined || plugin === '') return {};
  const options = optionsAt && YamlMap.of(optionsAt);
  const mode = options?.take('mode')?.text()?.trim() ?? 'websocket';
  const isWeb = plugin === 'v2ray-plugin' && mode === 'websocket';
  // Its servers expect several connections in one unless they are told otherwise.
  const isMultiplexed = options?.take('mux')?.boolean() !== false;
  if (isWeb && !isMultiplexed) return readWebPlugin(options);
  const what = [isWeb ? 'mux' : '', plugin === 'v2ray-plugin' && !isWeb ? mode : ''].filter((word) => word !== '');
  value.warning('PROXY_PLUGIN', { plugin: clip([plugin, ...what].join(' ')) });
  return 'unspoken';
}

function readWebPlugin(options: YamlMap | undefined): Plugin | 'unspoken' {
  const host = options?.take('host')?.text()?.trim() || usualHost;
  const isSecure = options?.take('tls')?.boolean() === true;
  const tls = isSecure && options !== undefined ? readTls(options, host, ['http/1.1']) : undefined;
  const transport = readWebTransport(options, host);
  if (tls === 'unusable' || transport === undefined) return 'unspoken';
  return { ...(tls === undefined ? {} : { tls }), transport };
}
