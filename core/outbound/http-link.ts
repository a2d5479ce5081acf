/** An HTTP proxy on the way of a connection: it leads on by CONNECT, and carries streams only. */
import { AppError } from '../base/app-error.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { HttpProxyConfig } from '../contract/proxy-config.ts';
import { parseHost } from '../net/host.ts';
import type { ChainLink } from './chain-link.ts';

export function httpLink({ name, server, port, username, password = '', headers, tls }: HttpProxyConfig): ChainLink {
  const login = username === undefined ? {} : { username, password };
  const secured = tls === undefined ? [] : [{ protocol: 'tls', node: name, ...tls } as const];
  return {
    node: name,
    server: { host: server, port },
    carriesUdp: false,
    layersTo: (to) => [...secured, { protocol: 'http-connect', node: name, target: checked(to), headers, ...login }],
  };
}

/** A name may hold any bytes (RFC 2181 section 11): one with a line break would be a header of its own. */
function checked(to: Endpoint): Endpoint {
  if (parseHost(to.host) !== undefined) return to;
  throw new AppError('DIAL_NAME_NOT_FOUND', 'a name with such characters cannot be asked of an HTTP proxy');
}
