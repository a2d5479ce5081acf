/** A Trojan server on the way of a connection. */
import { createHash } from 'node:crypto';
import type { TrojanProxyConfig } from '../contract/proxy-config.ts';
import { type ChainLink, shortTarget } from './chain-link.ts';

export function trojanLink({ name, server, port, password, udp, tls, transport }: TrojanProxyConfig): ChainLink {
  const key = createHash('sha224').update(password, 'utf8').digest('hex');
  return {
    node: name,
    server: { host: server, port },
    carriesUdp: udp,
    layersTo: (to) => [
      { protocol: 'tls', node: name, ...tls },
      ...(transport === undefined ? [] : [{ protocol: 'web-socket', node: name, ...transport } as const]),
      { protocol: 'trojan', node: name, key, target: shortTarget(to) },
    ],
  };
}
