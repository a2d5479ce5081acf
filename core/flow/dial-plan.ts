/** How a flow is carried outward, as plain data: what an outbound plans and the data plane executes. Nothing here dials. */
import type { Ip } from '../base/address.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { ShadowsocksCipher, TlsConfig, WebTransportConfig } from '../contract/proxy-config.ts';

/** One address to try, and the interface its socket is bound to (null = unbound). */
export interface Hop {
  readonly address: Ip;
  readonly device: string | null;
}

/** User name and password for a proxy. Secrets: a plan is never logged. */
export interface Login {
  readonly username?: string;
  readonly password?: string;
}

/** Whose layer it is, and where that leads: to the flow's target, or to the next proxy. A name stays a name. */
interface Leading {
  /** The name of the node. */
  readonly node: string;
  readonly target: Endpoint;
}

export interface Socks5Layer extends Login, Leading {
  readonly protocol: 'socks5';
}

export interface HttpConnectLayer extends Login, Leading {
  readonly protocol: 'http-connect';
  /** Sent with the request besides our own, of which they replace those of the same name. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** TLS, which stays for the flow's life. */
export interface TlsLayer extends TlsConfig {
  readonly protocol: 'tls';
  readonly node: string;
}

/** Shadowsocks, which stays as well: each key has the length of its method. Secrets. */
export interface ShadowsocksLayer extends Leading {
  readonly protocol: 'shadowsocks';
  readonly method: ShadowsocksCipher;
  readonly key: Uint8Array;
  /** Of the servers that lead to the user's, the nearest first. */
  readonly identities: readonly Uint8Array[];
}

/** A WebSocket, or its handshake alone, which stays as well. */
export interface WebSocketLayer extends WebTransportConfig {
  readonly protocol: 'web-socket';
  readonly node: string;
}

/** Trojan, in the TLS before it. `key`: SHA-224 of the password in hexadecimal digits, a secret. */
export interface TrojanLayer extends Leading {
  readonly protocol: 'trojan';
  readonly key: string;
}

/**
 * What is spoken over the socket. A handshake (SOCKS5, HTTP CONNECT) is over before the flow's first byte: after it the bytes go
 * as they are.
 */
export type Layer = Socks5Layer | HttpConnectLayer | TlsLayer | ShadowsocksLayer | TrojanLayer | WebSocketLayer;

/** A dial that the data plane can do itself, without a byte entering JavaScript. */
export interface DialPlan {
  readonly kind: 'dial';
  /** Addresses of the target (without layers) or of the first server. */
  readonly hops: readonly Hop[];
  /** Port of the hops. */
  readonly port: number;
  /** From the socket inward, each through those before; a direct dial has none. */
  readonly layers: readonly Layer[];
  /** Where the last layer leads: a name stays a name. Without layers the hops are its addresses. */
  readonly target: Endpoint;
  /** Whether datagrams are carried instead of a stream. */
  readonly udp: boolean;
  readonly timeoutMs: number;
}

/** `reset`: RST, for UDP ICMP port unreachable; `no-route` and `unreachable`: ICMP network, host unreachable; `drop`: silence. */
export type RejectHow = 'reset' | 'no-route' | 'unreachable' | 'drop';

/** What an outbound wants done with a flow that the data plane holds. */
export type FlowPlan = DialPlan | { readonly kind: 'reject'; readonly how: RejectHow };
