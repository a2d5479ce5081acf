/** Layers as the addon takes them: what is said to a server whole, where it can be known before. */
import { unreachable } from '../base/unreachable.ts';
import type { Layer } from '../flow/dial-plan.ts';
import { encodeConnectRequest } from '../net/http-connect-request.ts';
import { encodeUpgradeRequest } from '../net/upgrade-request.ts';

/** `Layer` of the addon. */
export type NativeLayer =
  | { protocol: 'socks5'; username?: string; password?: string; targetHost: string; targetPort: number }
  | { protocol: 'http-connect'; request: Uint8Array }
  | {
      protocol: 'tls';
      serverName: string;
      insecure: boolean;
      fingerprint?: Uint8Array;
      certificate?: string;
      key?: string;
      alpn?: string[];
    }
  | {
      protocol: 'shadowsocks';
      method: string;
      key: Uint8Array;
      identities: Uint8Array[];
      targetHost: string;
      targetPort: number;
    }
  | { protocol: 'trojan'; key: string; targetHost: string; targetPort: number }
  | { protocol: 'web-socket'; head: Uint8Array; framed: boolean };

export function nativeLayer(layer: Layer): NativeLayer {
  switch (layer.protocol) {
    case 'socks5': {
      const { protocol, target, username, password = '' } = layer;
      const login = username === undefined ? {} : { username, password };
      return { protocol, targetHost: target.host, targetPort: target.port, ...login };
    }
    case 'http-connect':
      return { protocol: layer.protocol, request: encodeConnectRequest(layer.target, layer) };
    case 'tls': {
      const { protocol, serverName, fingerprint, insecure = false, certificate, key, alpn } = layer;
      return {
        protocol,
        serverName,
        insecure,
        ...(fingerprint === undefined ? {} : { fingerprint: Buffer.from(fingerprint, 'hex') }),
        ...(alpn === undefined ? {} : { alpn: [...alpn] }),
        ...(certificate === undefined || key === undefined ? {} : { certificate, key }),
      };
    }
    case 'shadowsocks': {
      const { protocol, method, key, identities, target } = layer;
      return { protocol, method, key, identities: [...identities], targetHost: target.host, targetPort: target.port };
    }
    case 'trojan': {
      const { protocol, key, target } = layer;
      return { protocol, key, targetHost: target.host, targetPort: target.port };
    }
    case 'web-socket':
      return { protocol: layer.protocol, head: encodeUpgradeRequest(layer), framed: layer.kind === 'ws' };
    default:
      return unreachable(layer);
  }
}
