/** A Shadowsocks server on the way of a connection. */
import { AppError } from '../base/app-error.ts';
import type { ShadowsocksProxyConfig } from '../contract/proxy-config.ts';
import { shadowsocksKeys } from '../net/shadowsocks-keys.ts';
import { type ChainLink, shortTarget } from './chain-link.ts';

export function shadowsocksLink({
  name,
  server,
  port,
  cipher,
  password,
  udp,
  tls,
  transport,
}: ShadowsocksProxyConfig): ChainLink {
  const keys = shadowsocksKeys(cipher, password);
  if (keys === undefined) throw new AppError('CONFIG_INVALID', `the password of "${name}" is not a key of its cipher`);
  const { key, identities } = keys;
  return {
    node: name,
    server: { host: server, port },
    carriesUdp: udp,
    // Datagrams go to the server itself, around its plugin.
    layersTo: (to, network) => [
      ...(tls === undefined || network === 'udp' ? [] : [{ protocol: 'tls', node: name, ...tls } as const]),
      ...(transport === undefined || network === 'udp'
        ? []
        : [{ protocol: 'web-socket', node: name, ...transport } as const]),
      { protocol: 'shadowsocks', node: name, method: cipher, key, identities, target: shortTarget(to) },
    ],
  };
}
