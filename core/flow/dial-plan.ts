/** How a flow is carried outward, as plain data: what an outbound plans and the data plane executes. Nothing here dials. */
import type { Ip } from '../base/address.ts';
import type { Endpoint } from '../contract/flow.ts';

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

export interface Socks5Layer extends Login {
  readonly protocol: 'socks5';
}

export interface HttpConnectLayer extends Login {
  readonly protocol: 'http-connect';
  /** Sent with the request besides our own, of which they replace those of the same name. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/**
 * What is spoken over the socket. A handshake (SOCKS5, HTTP CONNECT) is over before the flow's first byte: after it the bytes go
 * as they are.
 */
export type Layer = Socks5Layer | HttpConnectLayer;

/** From the socket inward. Today's data plane speaks one at most; a direct dial has none. */
export type Layers = readonly [] | readonly [Layer];

/** A dial that the data plane can do itself, without a byte entering JavaScript. */
export interface DialPlan {
  readonly kind: 'dial';
  /** Addresses of the target (without layers) or of the first server. */
  readonly hops: readonly Hop[];
  /** Port of the hops. */
  readonly port: number;
  readonly layers: Layers;
  /** Where the innermost layer is to lead: a name stays a name. Without layers the hops are its addresses. */
  readonly target: Endpoint;
  /** Whether datagrams are carried instead of a stream. */
  readonly udp: boolean;
  readonly timeoutMs: number;
}

/** `reset`: RST, for UDP ICMP port unreachable; `unreachable`: ICMP host unreachable; `drop`: silence. */
export type RejectHow = 'reset' | 'unreachable' | 'drop';

/** What an outbound wants done with a flow that the data plane holds. */
export type FlowPlan = DialPlan | { readonly kind: 'reject'; readonly how: RejectHow };
