/** A SOCKS5 proxy on the way of a connection. */
import { AppError } from '../base/app-error.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Socks5ProxyConfig } from '../contract/proxy-config.ts';
import type { ChainLink } from './chain-link.ts';

export function socks5Link({ name, server, port, username, password = '', udp, tls }: Socks5ProxyConfig): ChainLink {
  const login = username === undefined ? {} : { username, password };
  const secured = tls === undefined ? [] : [{ protocol: 'tls', node: name, ...tls } as const];
  return {
    node: name,
    server: { host: server, port },
    carriesUdp: udp,
    layersTo: (to) => [...secured, { protocol: 'socks5', node: name, target: checked(to), ...login }],
  };
}

/** A name that SOCKS5 cannot write cannot be one that exists (RFC 1035: 255 bytes). */
function checked(to: Endpoint): Endpoint {
  const length = new TextEncoder().encode(to.host).length;
  if (length > 0 && length <= 255) return to;
  throw new AppError('DIAL_NAME_NOT_FOUND', `a name of ${length} bytes cannot exist`);
}
