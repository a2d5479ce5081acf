/** A SOCKS5 proxy on the way of a connection. */
import type { Socks5ProxyConfig } from '../contract/proxy-config.ts';
import { type ChainLink, shortTarget } from './chain-link.ts';

export function socks5Link({ name, server, port, username, password = '', udp, tls }: Socks5ProxyConfig): ChainLink {
  const login = username === undefined ? {} : { username, password };
  const secured = tls === undefined ? [] : [{ protocol: 'tls', node: name, ...tls } as const];
  return {
    node: name,
    server: { host: server, port },
    carriesUdp: udp,
    layersTo: (to) => [...secured, { protocol: 'socks5', node: name, target: shortTarget(to), ...login }],
  };
}
